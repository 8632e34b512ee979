"""Uploads: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.uploading import UPLOAD, _site
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


async def test_what_refuses_everything_is_no_check() -> None:
    stage = Stage(site=pages({}, reply({"title": "no"}, 415)), flows=[UPLOAD])
    assert (await verdict_of("upload.validate.tried", stage)).status is UNKNOWN


async def test_without_a_flow_nothing_is_sent() -> None:
    assert (await verdict_of("upload.validate.tried", Stage(site=_site(looks=True)))).status is UNKNOWN


@pytest.mark.parametrize(("limit", "status"), [(10 * 1024 * 1024, PASS), (1024 * 1024, FAIL)])
async def test_the_limit_of_the_line(limit: int, status: Status) -> None:
    stage = Stage(site=_site(looks=True), flows=[UPLOAD])
    verdict = await verdict_of("upload.validate.tried", stage, bytes=limit, subject="type, size, scan content")
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("a.py", "def f(upload):\n    return upload.read()", FAIL),
        ("a.py", "for part in upload.chunks():\n    out.write(part)", PASS),
        ("a.py", "text = config_file.read()", UNKNOWN),
        ("a.js", "const up = multer({ storage: multer.memoryStorage() })", FAIL),
        ("a.js", "const bb = busboy({ headers: req.headers })", PASS),
        ("a.go", 'file, _, _ := r.FormFile("x")\nio.Copy(dst, file)', PASS),
        ("a.go", 'file, _, _ := r.FormFile("x")\nb, _ := io.ReadAll(file)', FAIL),
        ("tests/a.py", "upload.read()", UNKNOWN),
    ],
)
async def test_parts(path: str, text: str, status: Status) -> None:
    verdict = await verdict_of("upload.chunk.code", Stage(repo={path: text}))
    assert verdict.status is status, verdict.summary

"""Limits along the way: what is seen, in which unit, and what is nobody's."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.cross_bodies import size_of
from roadworthy.inspection.catalogue.cross_timeouts import nginx_seconds
from roadworthy.inspection.fixtures.machine import PORT, Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

HOME = pages({"/": reply("<h1>Jobs</h1>")})
STATEMENT = {"DATABASE_STATEMENT_TIMEOUT_MS": "10000"}


def front(inside: str) -> str:
    return f"server {{ listen {PORT}; {inside} location / {{ proxy_pass http://127.0.0.1:{PORT}; }} }}\n"


@pytest.mark.parametrize(
    ("command", "nginx", "environment", "status"),
    [
        ("gunicorn --timeout 30 app:app", "proxy_read_timeout 60s;", STATEMENT, Status.PASS),
        ("gunicorn -t 30 app:app", "", STATEMENT, Status.PASS),
        ("gunicorn app:app", "proxy_read_timeout 31;", STATEMENT, Status.PASS),
        ("gunicorn --timeout 30 app:app", "proxy_read_timeout 30s;", STATEMENT, Status.FAIL),
        ("gunicorn --timeout 120 app:app", "", STATEMENT, Status.FAIL),
        ("gunicorn --timeout 30 app:app", "", {"DATABASE_STATEMENT_TIMEOUT_MS": "60000"}, Status.FAIL),
        ("gunicorn --timeout 30 app:app", "", {}, Status.UNKNOWN),
        ("gunicorn --timeout 0 app:app", "", {"HTTP_TIMEOUT": "5", **STATEMENT}, Status.PASS),
        ("uvicorn --timeout-keep-alive 5 app:app", "", STATEMENT, Status.UNKNOWN),
        ("puma -t 5", "", STATEMENT, Status.UNKNOWN),
        ("uvicorn app:app", "", {"REQUEST_TIMEOUT_SECONDS": "20", **STATEMENT}, Status.PASS),
        ("uvicorn app:app", "# proxy_read_timeout 5s;\n", {"REQUEST_TIMEOUT": "20", **STATEMENT}, Status.PASS),
    ],
)
async def test_time_limits(command: str, nginx: str, environment: dict[str, str], status: Status) -> None:
    machine = Machine((Program(command, children=2, listens=True),))
    stage = Stage(site=HOME, machine=machine, nginx=front(nginx), environment=environment)
    verdict = await verdict_of("cross.timeouts.order", stage)
    assert verdict.status is status, verdict.summary


async def test_another_sites_proxy_limits_nothing_here() -> None:
    other = "server { listen 1; server_name other.test; client_max_body_size 9g; location / { proxy_pass http://x; } }"
    stage = Stage(site=HOME, nginx=other, environment={"MAX_UPLOAD_SIZE": "1000"})
    assert (await verdict_of("cross.bodies.agree", stage)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("nginx", "repo", "environment", "params", "status"),
    [
        ("client_max_body_size 10m;", {"a.js": "app.use(express.json({ limit: '10mb' }));"}, {}, {}, Status.PASS),
        ("", {"a.js": "app.use(express.json({ limit: '10mb' }));"}, {}, {}, Status.FAIL),
        ("", {"a.js": "// app.use(express.json({ limit: '10mb' }));"}, {}, {}, Status.UNKNOWN),
        ("", {"a.js": "query({ limit: 10_000_000 });"}, {}, {}, Status.UNKNOWN),
        ("client_max_body_size 20m;", {"a.ts": "multer({ limits: { fileSize: 10 * 1024 * 1024 } })"}, {}, {},
         Status.PASS),
        ("client_max_body_size 20m;", {"s.py": "MAX_CONTENT_LENGTH = 16 * 1024 * 1024\n"}, {}, {}, Status.PASS),
        ("client_max_body_size 8m;", {"s.py": 'app.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024\n'}, {}, {},
         Status.FAIL),
        ("client_max_body_size 20m;", {"s.py": "MAX_CONTENT_LENGTH = limit()\n"}, {}, {}, Status.UNKNOWN),
        ("client_max_body_size 20m;", {"tests/s.py": "MAX_CONTENT_LENGTH = 10\n"}, {}, {}, Status.UNKNOWN),
        ("client_max_body_size 20m;", {}, {"MAX_UPLOAD_SIZE_MB": "10"}, {"bytes": 10 * 1024**2}, Status.PASS),
        ("client_max_body_size 20m;", {}, {"MAX_UPLOAD_SIZE_MB": "5"}, {"bytes": 10 * 1024**2}, Status.FAIL),
        ("client_max_body_size 0;", {}, {"MAX_UPLOAD_SIZE_MB": "5"}, {}, Status.UNKNOWN),
        ("", {}, {"LOG_FILE_MAX_SIZE": "5000000"}, {}, Status.UNKNOWN),
        ("", {}, {}, {}, Status.UNKNOWN),
    ],
)  # fmt: skip
async def test_sizes(
    nginx: str, repo: dict[str, str], environment: dict[str, str], params: dict[str, int], status: Status
) -> None:
    stage = Stage(site=HOME, nginx=front(nginx), repo=repo, environment=environment)
    verdict = await verdict_of("cross.bodies.agree", stage, **params)
    assert verdict.status is status, verdict.summary


def test_units() -> None:
    assert [nginx_seconds(text) for text in ("60", "1m", "1m30s", "500ms", "soon")] == [60, 60, 90, 0.5, None]
    assert [size_of(text) for text in ("10m", "10 MB", "1024", "ten")] == [10 * 1024**2, 10 * 1024**2, 1024, None]

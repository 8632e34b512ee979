"""Installed packages: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.shipping import _hashed, _pins
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
SITE = ".venv/lib/python3.12/site-packages/{}.dist-info/METADATA"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"requirements.txt": "flask\n"}, UNKNOWN),
        ({"requirements.txt": "flask\n", SITE.format("flask-3.1.0"): ""}, PASS),
        ({"requirements.txt": "flask\nrequests\n", SITE.format("flask-3.1.0"): ""}, FAIL),
        ({"requirements.txt": "Flask_Login==1.0 \\\n    --hash=sha256:ab\n", SITE.format("flask_login-1.0"): ""}, PASS),
        ({"requirements.txt": "# nothing\n", SITE.format("flask-3.1.0"): ""}, UNKNOWN),
        ({"package.json": "{}"}, UNKNOWN),
    ],
)
async def test_packages(files: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("srv.deps.installed", Stage(repo=files), command="pip install -r requirements.txt")
    assert verdict.status is status, verdict.summary


def test_lines_with_conditions_are_left_out() -> None:
    pins, _ = _pins("-r other.txt\ncolorama==0.4 ; sys_platform == 'win32'\nflask==3.1.0  # web\n")
    assert pins == {"flask": "3.1.0"}


@pytest.mark.parametrize(
    ("files", "command", "words"),
    [
        ({"package-lock.json": "{}"}, "npm ci", "package-lock.json is there"),
        ({"requirements/a.txt": "flask==3.1.0\n", "requirements/b.txt": ""}, "", "which of requirements/a.txt"),
        ({"requirements/a.txt": "flask==3.1.0 \\\n    --hash=sha256:ab\n", SITE.format("flask-3.1.0"): ""},
         "pip install -r requirements/a.txt", "as pinned, each with hashes"),
        ({"requirements.txt": "flask==3.1.0\n", SITE.format("flask-3.1.0"): ""}, "", "are installed, as pinned"),
        ({}, "", "no list of pinned packages"),
    ],
)  # fmt: skip
async def test_the_list_is_named_as_it_is(files: dict[str, str], command: str, words: str) -> None:
    verdict = await verdict_of("srv.deps.installed", Stage(repo=files), command=command)
    assert words in verdict.summary


def test_hashes_count_where_every_package_has_them() -> None:
    assert _hashed("# by a tool\nflask==3.1.0 \\\n    --hash=sha256:ab\n")
    assert not _hashed("flask==3.1.0 --hash=sha256:ab\nrequests==2.32.3\n")
    assert not _hashed("# nothing\n")

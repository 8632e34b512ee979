"""A log is rotated if its own older parts lie beside it, or a rule is about it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import logging as module
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
DAEMON = {"etc/docker/daemon.json": '{"log-opts": {"max-size": "10m"}}'}


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("app.log", "app.log.1"), PASS),
        (("app.log", "app-20260102.log", "app.log-20260102.gz"), PASS),
        (("app-2026-01-01.log", "app-2026-01-02.log"), PASS),
        (("app.log", "dpkg.log.1"), FAIL),
        (("app.log", "application.log.1"), FAIL),
        (("app.log", "worker.log", "worker.log.1"), UNKNOWN),
    ],
)
async def test_rotated_files_are_the_logs_own(names: tuple[str, ...], status: Status) -> None:
    verdict = await verdict_of("log.rotate.files", Stage(logs=dict.fromkeys(names, "x\n"), machine=Machine()))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (DAEMON, FAIL),
        ({"etc/logrotate.d/app": "# /tmp/*/logs/app.log { daily }\n"}, FAIL),
        ({"etc/logrotate.d/app": "/tmp/*/logs/*.log { daily }\n"}, PASS),
        ({"etc/logrotate.d/app": "/var/log/other.log { daily }\n"}, FAIL),
    ],
)
async def test_rules_are_about_this_log(files: dict[str, str], status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    verdict = await verdict_of("log.rotate.files", Stage(logs={"app.log": "x\n"}, machine=Machine(files=files)))
    assert verdict.status is status, verdict.summary


async def test_docker_rotates_what_docker_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCKER", Path(tempfile.gettempdir()))
    for files, status in ((DAEMON, PASS), ({"etc/docker/daemon.json": '{"x": "max-size"'}, FAIL)):
        stage = Stage(logs={"app.log": "x\n"}, machine=Machine(files=files))
        assert (await verdict_of("log.rotate.files", stage)).status is status

"""Collectors of logs, and those that only look like one."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import LOGS, Machine, Program
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
WEB = Program("gunicorn shop:app", children=2)
CONTAINER = {".dockerenv": ""}
LOG = (f"{LOGS}/app.log",)


@pytest.mark.parametrize(
    ("program", "files", "status"),
    [
        (Program("/usr/bin/vector", opens=LOG), {}, PASS),
        (Program("/usr/bin/vector", writes=LOG), {}, UNKNOWN),
        (Program("/usr/bin/vector", opens=("/var/log/other.log",)), {}, UNKNOWN),
        (Program("tail -f worker.log", opens=LOG), {}, FAIL),
        (Program("/usr/sbin/rsyslogd -n", writes=LOG), {}, UNKNOWN),
        (Program("/usr/sbin/rsyslogd -n", opens=LOG), {}, UNKNOWN),
        (Program("/usr/sbin/rsyslogd -n", opens=LOG), {"etc/rsyslog.conf": "# *.* @@logs.test:514\n"}, UNKNOWN),
        (Program("/usr/sbin/rsyslogd -n", opens=LOG), {"etc/rsyslog.conf": "*.* @@logs.test:514\n"}, PASS),
        (Program("/usr/sbin/rsyslogd -n", opens=LOG), {"etc/rsyslog.d/a.conf": 'action(type="omfwd")\n'}, PASS),
    ],
)
async def test_a_log_is_collected_by_who_reads_it(program: Program, files: dict[str, str], status: Status) -> None:
    stage = Stage(machine=Machine((program,), files=files), logs={"app.log": "started\n"})
    verdict = await verdict_of("mon.logs.collected", stage)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("check", "files", "status"),
    [
        ("mon.host.agent", {}, FAIL),
        ("mon.host.agent", CONTAINER, UNKNOWN),
        ("mon.logs.collected", {}, FAIL),
        ("mon.logs.collected", CONTAINER, UNKNOWN),
        ("mon.logs.collected", {"etc/docker/daemon.json": '{"log-driver": "awslogs"}'}, UNKNOWN),
        ("mon.logs.collected", {"etc/docker/daemon.json": '{"log-driver": "json-file"}'}, FAIL),
        ("srv.async.workers", {}, FAIL),
        ("srv.async.workers", CONTAINER, UNKNOWN),
    ],
)
async def test_inside_a_container_what_runs_beside_it_does_not_show(
    check: str, files: dict[str, str], status: Status
) -> None:
    verdict = await verdict_of(check, Stage(machine=Machine((WEB,), files=files), logs={"app.log": "started\n"}))
    assert verdict.status is status, verdict.summary


async def test_one_of_a_thing_is_told_as_one() -> None:
    verdict = await verdict_of("mon.logs.collected", Stage(machine=Machine(), logs={"app.log": "started\n"}))
    assert "among 1 process:" in verdict.summary


async def test_a_database_elsewhere_may_be_watched_elsewhere() -> None:
    database = Program("/usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/17/main")
    here, there = ({"DATABASE_URL": f"postgresql://app@{host}/shop"} for host in ("127.0.0.1", "db.provider.test"))
    for environment, status in ((here, FAIL), (there, UNKNOWN), (None, UNKNOWN)):
        stage = Stage(machine=Machine((WEB, database)), environment=environment)
        verdict = await verdict_of("mon.db.series", stage)
        assert verdict.status is status, verdict.summary

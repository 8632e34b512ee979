"""Collectors of logs, and those that only look like one."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import LOGS, Machine, Program
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
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

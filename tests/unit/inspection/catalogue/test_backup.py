"""Backups count by what they cover, jobs by what they run."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


def dumps(*ages: float, text: str = "PGDMP") -> Stage:
    days_old = {f"var/backups/app-{number}.dump": age for number, age in enumerate(ages)}
    return Stage(machine=Machine(files=dict.fromkeys(days_old, text), days_old=days_old))


@pytest.mark.parametrize(
    ("ages", "params", "status"),
    [
        (range(31), {"days": 30}, PASS),
        (range(31), {"days": 30, "hours": 24}, PASS),
        (range(0, 31, 7), {"days": 14}, PASS),
        ((30,), {"days": 30}, FAIL),
        (range(20, 60), {"days": 30}, FAIL),
        ((0, 30), {"days": 30}, FAIL),
        ((0, 1, 2, 30), {"days": 30}, FAIL),
        (range(10), {"days": 30}, FAIL),
        (range(0, 31, 7), {"days": 30, "hours": 24}, FAIL),
        ((), {"days": 30}, FAIL),
    ],
)
async def test_retention(ages: range | tuple[int, ...], params: dict[str, int], status: Status) -> None:
    verdict = await verdict_of("bk.retention.oldest", dumps(*ages), **params)
    assert verdict.status is status, verdict.summary


async def test_empty_files_keep_nothing() -> None:
    assert (await verdict_of("bk.retention.oldest", dumps(*range(31), text=""), days=30)).status is FAIL


SERVICE = "[Unit]\nDescription=pg_dump\n[Service]\nExecStart=/usr/bin/pg_dump -f /var/backups/a.dump\n"
UNITS = "etc/systemd/system"
ENABLED = {f"{UNITS}/timers.target.wants/b.timer": "[Timer]\nOnCalendar=daily\n"}
RUNS_A_SCRIPT = {"etc/cron.d/b": "0 3 * * * root /opt/backup.sh\n"}


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({f"{UNITS}/b.service": SERVICE}, FAIL),
        ({f"{UNITS}/b.service": SERVICE, f"{UNITS}/b.timer": "[Timer]\nOnCalendar=daily\n"}, FAIL),
        ({f"{UNITS}/b.service": SERVICE, **ENABLED}, PASS),
        ({f"{UNITS}/b.service": "[Unit]\nDescription=pg_dump\n[Service]\nExecStart=/bin/true\n", **ENABLED}, FAIL),
        ({"etc/cron.d/b": "0 3 * * * root pg_dump -f /var/backups/a.dump\n"}, PASS),
        (RUNS_A_SCRIPT, UNKNOWN),
        ({**RUNS_A_SCRIPT, "opt/backup.sh": "#!/bin/sh\n# pg_dump one day\ntrue\n"}, UNKNOWN),
        ({**RUNS_A_SCRIPT, "opt/backup.sh": "#!/bin/sh\npg_dump app > /var/backups/a.dump\n"}, PASS),
    ],
)
async def test_a_schedule_runs_a_tool_that_dumps(files: dict[str, str], status: Status) -> None:
    stage = Stage(machine=Machine(files={**files, "var/backups/a.dump": "PGDMP"}))
    verdict = await verdict_of("bk.scheduled.newest", stage)
    assert verdict.status is status, verdict.summary

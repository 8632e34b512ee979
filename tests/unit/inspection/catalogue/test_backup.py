"""Backups count by what they cover, jobs by what they run."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine, Program
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
        ((), {"days": 30}, UNKNOWN),
    ],
)
async def test_retention(ages: range | tuple[int, ...], params: dict[str, int], status: Status) -> None:
    verdict = await verdict_of("bk.retention.oldest", dumps(*ages), **params)
    assert verdict.status is status, verdict.summary


HERE = {"DATABASE_URL": "postgresql://app@127.0.0.1/shop"}
AT_A_PROVIDER = {"DATABASE_URL": "postgresql://app@db.provider.test/shop"}
DUMPS_SHOP = {"etc/cron.d/b": "0 3 * * * root pg_dump -f /var/backups/a.dump shop\n", "var/backups/a.dump": "PGDMP"}
DUMPS_BLOG = {name: text.replace("shop", "blog") for name, text in DUMPS_SHOP.items()}
DUMPS_ALL = {name: text.replace("pg_dump -f", "pg_dumpall -f") for name, text in DUMPS_BLOG.items()}
RUNS_A_DATABASE = (Program("/usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/17/main"),)
SERVES_ONLY = (Program("gunicorn shop:app", children=2),)
TREE = {"README.md": "# Shop\n", ".github/workflows/ci.yml": "on:\n  schedule:\n    - cron: '0 3 * * *'\n"}


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage(repo=TREE), UNKNOWN),
        (Stage(machine=Machine(SERVES_ONLY), repo=TREE), UNKNOWN),
        (Stage(machine=Machine(RUNS_A_DATABASE), environment=HERE, repo=TREE), FAIL),
        (Stage(machine=Machine(RUNS_A_DATABASE), environment=AT_A_PROVIDER, repo=TREE), UNKNOWN),
        (Stage(machine=Machine(RUNS_A_DATABASE), repo=TREE), UNKNOWN),
        (Stage(machine=Machine(files=DUMPS_SHOP), environment=HERE), PASS),
        (Stage(machine=Machine(files=DUMPS_BLOG), environment=HERE), UNKNOWN),
        (Stage(machine=Machine(files=DUMPS_ALL), environment=HERE), PASS),
        (Stage(machine=Machine(files=DUMPS_BLOG), environment=HERE, backups={"a.dump": "PGDMP"}), PASS),
        (Stage(backups={}, repo=TREE), FAIL),
        (Stage(backups={"a.dump": "PGDMP"}, days_old={"a.dump": 9}, repo=TREE), FAIL),
        (Stage(backups={"a.dump": "PGDMP"}, repo=TREE), UNKNOWN),
        (
            Stage(machine=Machine(files={"etc/cron.d/b": "0 3 * * * root pg_dump app | aws s3 cp - s3://b/a\n"})),
            UNKNOWN,
        ),
        (Stage(machine=Machine(files={"etc/cron.d/b": "0 3 * * * root pg_dump -f /var/backups/a.dump\n"})), FAIL),
    ],
)
async def test_a_backup_is_missed_only_where_it_would_be(stage: Stage, status: Status) -> None:
    verdict = await verdict_of("bk.scheduled.newest", stage)
    assert verdict.status is status, verdict.summary


async def test_what_is_missing_is_asked_for() -> None:
    verdict = await verdict_of("bk.scheduled.newest", Stage(repo=TREE))
    assert "1 schedule looked at" in verdict.summary
    assert verdict.remediation is not None
    assert "[backup] path" in verdict.remediation.text


async def test_kept_backups_are_missed_only_where_they_would_be() -> None:
    for stage, status in (
        (Stage(machine=Machine(RUNS_A_DATABASE), environment=HERE), FAIL),
        (Stage(machine=Machine(RUNS_A_DATABASE), environment=AT_A_PROVIDER), UNKNOWN),
        (Stage(machine=Machine(SERVES_ONLY)), UNKNOWN),
        (Stage(backups={}), FAIL),
        (Stage(backups=dict.fromkeys(OF_A_MONTH, "PGDMP"), days_old=OF_A_MONTH), PASS),
    ):
        verdict = await verdict_of("bk.retention.oldest", stage, days=30)
        assert verdict.status is status, verdict.summary


OF_A_MONTH = {f"a-{day}.dump": float(day) for day in range(31)}


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

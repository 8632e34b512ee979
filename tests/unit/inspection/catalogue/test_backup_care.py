"""A backup by its bytes, not by its name; a watched one by what tells of it."""

from __future__ import annotations

import bz2
import gzip

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.monitoring import SERVICE, Monitoring
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Param

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
DUMP = b"--\n-- PostgreSQL database dump\n--\n" + b"INSERT INTO a VALUES (1);\n" * 400
WHOLE = DUMP + b"--\n-- PostgreSQL database dump complete\n--\n"
CUSTOM = b"PGDMP\x01\x0f\x00\x04\x08\x01" + b"\0" * 400
AGE = b"age-encryption.org/v1\n-> X25519 abc\n--- x\n" + bytes(range(256))
GPG = b"\x85\x01\x0c\x03" + bytes(range(200))


@pytest.mark.parametrize(
    ("files", "subject", "status"),
    [
        ({"a.sql": WHOLE}, "", PASS),
        ({"a.sql": DUMP}, "", FAIL),
        ({"a.sql.gz": gzip.compress(WHOLE)}, "", PASS),
        ({"a.sql.gz": gzip.compress(DUMP)}, "", FAIL),
        ({"a.sql.gz": gzip.compress(WHOLE)[:-20]}, "", FAIL),
        ({"a.sql.gz": WHOLE}, "", PASS),
        ({"a.sql.bz2": bz2.compress(WHOLE)}, "", PASS),
        ({"a.sql.bz2": bz2.compress(WHOLE)[:-9]}, "", FAIL),
        ({"a.sql": b""}, "", FAIL),
        ({"a.sql": b"\0" * 9000}, "", FAIL),
        ({"a.dump": CUSTOM}, "", UNKNOWN),
        ({"a.dump": CUSTOM, "b.dump": CUSTOM}, "", PASS),
        ({"a.dump": CUSTOM, "b.dump": CUSTOM * 50}, "", FAIL),
        ({"a.dump": b"PGDMP"}, "", FAIL),
        ({"a.dump.age": AGE}, "", UNKNOWN),
        ({"a.sql": WHOLE}, "Backup verification automated", UNKNOWN),
        ({}, "", FAIL),
    ],
)
async def test_whole(files: dict[str, bytes], subject: str, status: Status) -> None:
    days_old = {name: float(number) for number, name in enumerate(files)}
    stage = Stage(backups=files, days_old=days_old)
    verdict = await verdict_of("bk.verify.newest", stage, **({"subject": subject} if subject else {}))
    assert verdict.status is status, verdict.summary


async def test_verification_that_is_automatic_has_a_schedule() -> None:
    files = {"etc/cron.d/v": "0 5 * * * root pg_restore --list /var/backups/a.dump > /dev/null\n"}
    asked = {"subject": "Backup verification automated"}
    with_job = Stage(backups={"a.sql": WHOLE}, machine=Machine(files=files))
    without = Stage(backups={"a.sql": WHOLE}, machine=Machine())
    assert (await verdict_of("bk.verify.newest", with_job, **asked)).status is PASS
    assert (await verdict_of("bk.verify.newest", without, **asked)).status is FAIL
    only_a_tree = Stage(backups={"a.sql": WHOLE}, repo={"README.md": "# Shop"})
    assert (await verdict_of("bk.verify.newest", only_a_tree, **asked)).status is UNKNOWN


async def test_an_old_backup_is_no_verified_one() -> None:
    assert (
        await verdict_of("bk.verify.newest", Stage(backups={"a.sql": WHOLE}, days_old={"a.sql": 30}))
    ).status is FAIL


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"a.dump.age": AGE}, PASS),
        ({"a.dump.gpg": GPG}, PASS),
        ({"a.sql.enc": b"Salted__" + bytes(64)}, PASS),
        ({"a.dump.gpg": CUSTOM}, FAIL),
        ({"a.sql.gz.gpg": gzip.compress(WHOLE)}, FAIL),
        ({"a.dump.age": AGE, "b.dump": CUSTOM}, FAIL),
        ({"a.sql": b"\x85\x00\x00\x09not OpenPGP"}, FAIL),
        ({"a.sql": b""}, FAIL),
        ({}, FAIL),
    ],
)
async def test_encrypted(files: dict[str, bytes], status: Status) -> None:
    verdict = await verdict_of("bk.encrypt.bytes", Stage(backups=files))
    assert verdict.status is status, verdict.summary


JOB = "0 3 * * * postgres pg_dump -f /var/backups/a.sql app"
PING = "&& curl -fsS https://hc-ping.com/1f2e"
LOADED = Monitoring(
    rules={"BackupTooOld": 'time() - backup_last_success_timestamp_seconds{job="shop"} > 90000'},
    series=[("backup_last_success_timestamp_seconds", {"job": SERVICE})],
)

OF_NOTHING = Monitoring(rules={"Down": "up == 0"})


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB} {PING}\n"})), PASS),
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB}\n"})), FAIL),
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB}\n", "etc/cron.d/x": f"0 * * * * root {PING}\n"})), FAIL),
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB} {PING}\n{JOB}\n"})), FAIL),
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB} #{PING}\n"})), FAIL),
        (Stage(machine=Machine()), UNKNOWN),
        (Stage(machine=Machine(), monitoring=LOADED), PASS),
        (Stage(machine=Machine(), monitoring=OF_NOTHING), UNKNOWN),
        (Stage(machine=Machine(files={"etc/cron.d/b": f"{JOB}\n"}), monitoring=OF_NOTHING), FAIL),
    ],
)  # fmt: skip
async def test_reported(stage: Stage, status: Status) -> None:
    verdict = await verdict_of("bk.alerts.reported", stage)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("ages", "params", "status"),
    [
        ((0.1, 1.1, 2.1), {"hours": 24, "subject": "RPO < 24 hours"}, PASS),
        ((0.1, 1.1, 4.1), {"hours": 24, "subject": "RPO < 24 hours"}, FAIL),
        ((3.0, 4.0), {"hours": 24, "subject": "RPO < 24 hours"}, FAIL),
        ((0.1,), {"hours": 24, "subject": "RPO < 24 hours"}, UNKNOWN),
        ((0.1, 1.1), {"hours": 1, "subject": "RTO < 1 hour"}, UNKNOWN),
        ((0.1, 1.1), {"subject": "RPO defined"}, UNKNOWN),
    ],
)
async def test_recovery_point(ages: tuple[float, ...], params: dict[str, Param], status: Status) -> None:
    days_old = {f"{number}.dump": age for number, age in enumerate(ages)}
    stage = Stage(backups=dict.fromkeys(days_old, CUSTOM), days_old=days_old)
    verdict = await verdict_of("dr.rto.point", stage, **params)
    assert verdict.status is status, verdict.summary

"""Backups: made on schedule, kept, and covering what people uploaded."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import (
    counted,
    failed,
    listed,
    not_applicable,
    observe,
    offered,
    passed,
    setting_of,
    unknown,
)
from roadworthy.inspection.catalogue.schedules import (
    BACKUP_PLACES,
    REMEDY,
    Found,
    artefacts,
    keeps_data,
    of_another,
    recurring,
)
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.backups import Artefact
from roadworthy.inspection.redaction import outline

DATABASE = re.compile(
    r"\b(?:pg_dump|pg_dumpall|pg_basebackup|pg_probackup|pgbackrest|barman|wal-g|wal_g|mysqldump|mariadb-dump"
    r"|mongodump)\b"
)
BACKUP_WORD = re.compile(r"backup|dump", re.IGNORECASE)
FILES = re.compile(r"rsync|restic|borg|rclone|aws s3 (?:sync|cp)|\btar\b|duplicity|backup", re.IGNORECASE)
MAGIC = (
    b"PGDMP",
    b"-- \n-- PostgreSQL",
    b"--\n-- PostgreSQL",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"age-encryption",
    b"\x85",
    b"Salted__",
)
SLACK_HOURS = 2.0
PERIOD_HOURS = 24.0
DAYS_KEPT = 7.0
SEVERAL = 3
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
HEAD_BYTES = 64 * 1024
UPLOAD_NAMES = ("UPLOAD_DIR", "UPLOADS_DIR", "UPLOAD_FOLDER", "MEDIA_ROOT", "UPLOAD_PATH")
CRON = "0 3 * * * postgres pg_dump --format=custom --file=/var/backups/app/app-$(date +\\%F).dump app"


async def _scheduled(probes: Probes, requirement: Requirement) -> Verdict:
    schedule = await asyncio.to_thread(recurring, probes, DATABASE)
    evidence = [
        observe(
            "schedules that make backups",
            f"{listed(schedule.told, 4)}; {schedule.looked}",
            "cron, timers, source tree",
            basis=listed(schedule.lines),
        )
    ]
    if not schedule.lines:
        likely = (await asyncio.to_thread(recurring, probes, BACKUP_WORD)).told
        if likely:
            return unknown(
                f"a schedule speaks of backups, but no tool that makes one of a database is seen in it: {likely[0]}",
                *evidence,
                mend="let the job name pg_dump or pg_basebackup, or make its script readable",
            )
        return await _unscheduled(probes, requirement, schedule, evidence)
    if probes.backups is None and of_another(probes, schedule.lines):
        return unknown("the scheduled backups are of other databases than the service's", *evidence, mend=REMEDY)
    return await _made(probes, requirement, schedule, evidence)


async def _made(probes: Probes, requirement: Requirement, schedule: Found, evidence: list[Evidence]) -> Verdict:
    """Whether what is scheduled has made a backup that is fresh and can be read."""
    found, places = await asyncio.to_thread(artefacts, probes)
    evidence.append(_artefacts(found, places))
    if not found and not _looked_where_it_writes(probes, schedule, places):
        return unknown("a schedule makes backups; where it keeps them was not looked at", *evidence, mend=REMEDY)
    if not found:
        return failed(
            f"a schedule is there, but no backup in {listed(places)}",
            *evidence,
            mend="run it once by hand and look at its mail",
        )
    newest = found[0]
    age = _hours_old(newest)
    if old := _too_old(age, requirement):
        return failed(old, *evidence, mend="see why the last runs failed")
    if not _whole(newest.path):
        return failed(
            f"the newest backup can't be read: {newest.path.name}",
            *evidence,
            mend="make it again; test with pg_restore --list",
        )
    return passed(f"backups are scheduled, the newest is {age:.0f} hours old", *evidence)


async def _unscheduled(probes: Probes, requirement: Requirement, schedule: Found, evidence: list[Evidence]) -> Verdict:
    """No schedule was seen: a fault only where the data or its backups are; elsewhere a provider may make them."""
    try:
        found, places = await asyncio.to_thread(artefacts, probes)
    except Unobservable:
        found, places = (), ()
    if probes.backups is not None and (not found or _too_old(_hours_old(found[0]), requirement)):
        said = _too_old(_hours_old(found[0]), requirement) if found else f"no backup is in {listed(places)}"
        return failed(said, *evidence, _artefacts(found, places), mend="see why the last runs failed")
    if probes.host is not None and (found or keeps_data(probes)):
        return failed(
            f"no schedule makes a backup ({schedule.looked})",
            *evidence,
            mend="schedule a daily dump, or name the place of your provider's backups",
            patch=CRON,
        )
    seen = (_artefacts(found, places),) if found else ()
    where = "on this machine" if probes.host is not None else "in the source tree"
    return unknown(
        f"no schedule of backups is {where} ({schedule.looked}); a provider's or another machine's is not seen",
        *evidence,
        *seen,
        mend=f"{REMEDY}; attest backups that a provider makes",
    )


def _looked_where_it_writes(probes: Probes, schedule: Found, places: Sequence[str]) -> bool:
    """Whether its backups would have been seen: in the place that the target names, or a usual one that it names."""
    known = (*places, *(f"/{place}" for place in BACKUP_PLACES))
    return probes.backups is not None or any(place in line for line in schedule.lines for place in known)


def _hours_old(one: Artefact) -> float:
    return (time.time() - one.modified_at) / HOUR_SECONDS


def _too_old(age: float, requirement: Requirement) -> str:
    """What is wrong with the newest backup, `age` in hours; empty for nothing."""
    hours = requirement.number("hours", PERIOD_HOURS)
    if age <= hours + SLACK_HOURS:
        return ""
    return f"the newest backup is {age:.0f} hours old, {hours:g} allowed"


def _artefacts(found: Sequence[Artefact], places: Sequence[str]) -> Evidence:
    lines = [
        f"{one.path.name}: {one.size_bytes} bytes, {(time.time() - one.modified_at) / DAY_SECONDS:.1f} days old"
        for one in found[:5]
    ]
    text = "\n".join(lines) or "none"
    return observe(
        "backups on this machine",
        f"{text}\n{counted(len(found), 'file')}; looked in {listed(places)}",
        "this machine",
        basis=listed([one.path.name for one in found]),
    )


def _whole(path: Path) -> bool:
    """Whether it begins as a backup does, and its compression holds as far as it was read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    if head.startswith(b"\x1f\x8b"):
        try:
            return bool(zlib.decompressobj(31).decompress(head, HEAD_BYTES))
        except zlib.error:
            return False
    return head.startswith(MAGIC) or b"PostgreSQL database dump" in head or b"CREATE TABLE" in head.upper()


async def _retained(probes: Probes, requirement: Requirement) -> Verdict:
    days = requirement.number("days", DAYS_KEPT)
    found, places = await asyncio.to_thread(artefacts, probes)
    evidence = [_artefacts(found, places)]
    if not found and probes.backups is not None:
        return failed(f"no backup is in {listed(places)}", *evidence, mend="see why none is made")
    if not found:
        schedule = await asyncio.to_thread(recurring, probes, DATABASE)
        evidence.append(
            observe(
                "schedules that make backups",
                f"{listed(schedule.told, 4)}; {schedule.looked}",
                "cron, timers, source tree",
            )
        )
        if not schedule.lines and not keeps_data(probes):
            return unknown(
                "no backup is on this machine, and no database: where backups are kept was not seen",
                *evidence,
                mend=REMEDY,
            )
        if schedule.lines:
            return unknown(
                "backups are scheduled, but where they are kept was not seen",
                *evidence,
                mend="BACKUP_DIR=/path, in the environment",
            )
        return failed(
            "no backup is kept: none is on the database's machine, and no schedule makes one",
            *evidence,
            mend=f"keep {days:g} daily dumps",
            patch=f"{CRON}\n0 4 * * * root find /var/backups/app -name '*.dump' -mtime +{days:g} -delete",
        )
    ages = sorted((time.time() - one.modified_at) / DAY_SECONDS for one in found if one.size_bytes)
    problem = _not_kept(ages, days, requirement.number("hours"))
    if problem:
        return failed(problem, *evidence, mend="see why runs fail; keep backups longer, prune later")
    return passed(f"{len(ages)} backups are kept, the oldest for {counted(round(ages[-1]), 'day')}", *evidence)


def _not_kept(ages: Sequence[float], days: float, hours: float | None) -> str:
    """What `ages` of backups, in days from the newest, lack of one a period over the last `days`; empty for nothing."""
    slack = SLACK_HOURS / 24
    if not ages or ages[0] > (hours or PERIOD_HOURS) / 24 + slack:
        return (
            f"the newest backup is {ages[0]:.1f} days old: none is made any more" if ages else "all backups are empty"
        )
    if ages[-1] < days - 1:
        return f"the oldest backup is {ages[-1]:.0f} days old, {days:g} should be kept"
    if hours is None and len(ages) < SEVERAL:
        return f"only {counted(len(ages), 'backup')} kept, of {days:g} days"
    allowed = hours / 24 if hours is not None else max(1.0, days / 2)
    widest = max((after - before for before, after in pairwise(ages) if before < days - 1), default=0.0)
    return f"none of {widest:.1f} days in a row is kept" if widest > allowed + slack else ""


async def _uploads(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    name = requirement.text("path", "uploads").strip("/")
    setting = setting_of(probes, *UPLOAD_NAMES)
    place = setting.value if setting else ""
    there = bool(place and (host.root / place.lstrip("/")).is_dir())
    in_tree = [
        path
        for path in (probes.repo.files if probes.repo else ())
        if path.startswith(f"{name}/") or f"/{name}/" in path
    ]
    evidence = [
        observe(
            f"folder {name}",
            f"{setting.name if setting else 'no variable'}: {place or 'not set'}; {len(in_tree)} files in the tree",
            host.vantage,
        )
    ]
    if not there and not in_tree:
        return await _no_uploads(probes, name, evidence)
    schedule = await asyncio.to_thread(recurring, probes, FILES)
    covering = [line for line in schedule.lines if name in line or (place and place in line)]
    evidence.append(
        observe(
            "schedules that copy it",
            f"{listed(map(outline, covering))}; {schedule.looked}",
            "cron, timers, source tree",
        )
    )
    if not covering:
        return failed(
            f"no schedule copies {place or name} ({schedule.looked})",
            *evidence,
            mend="copy it to another machine daily",
            patch=f"30 3 * * * root restic backup {place or '/srv/app/' + name}",
        )
    return passed(f"{covering[0][:120]} covers {place or name}", *evidence)


async def _no_uploads(probes: Probes, name: str, evidence: list[Evidence]) -> Verdict:
    """Without a folder: not applicable where no documented operation takes a file."""
    operations = await surface.document(probes.http) if probes.http else None
    if operations is None:
        raise Unobservable(f"no folder {name} is known", "UPLOAD_DIR=/path, in the environment of the service")
    taking = "multipart/form-data" in str(operations)
    paths = len(operations.get("paths", {}))
    evidence.append(
        observe("documented operations", f"{paths} paths; one takes files: {taking}", "HTTP client on this machine")
    )
    if taking:
        return unknown(
            "an operation takes files; where they go was not seen",
            *evidence,
            mend="UPLOAD_DIR=/path, in the environment",
        )
    return not_applicable(
        f"nothing can be uploaded: none of {paths} documented paths takes a file, and there is no folder {name}",
        *evidence,
    )


JOB = {"etc/cron.d/backup": f"{CRON}\n"}
DUMP = {"var/backups/app/app-1.dump": "PGDMP custom format"}
DAILY = {f"var/backups/app/app-{day:02}.dump": float(day) for day in range(31)}
"""A month of backups, and how old each is."""
SCHEDULED = Check(
    id="bk.scheduled.newest",
    requirements=("bk.scheduled",),
    title="Backups are made on schedule",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_scheduled,
    documentation=Documentation(
        what="A schedule makes backups, and the newest is no older than its period and two hours, and readable.",
        why="A backup job fails silently for months; the newest file is what there will be.",
        how_verified="cron, systemd timers, CI schedules and CronJobs; files in /var/backups and BACKUP_DIR: age, "
        "size, first bytes. Without a schedule it fails only where the database or its backups are: a source tree says "
        "nothing of what a provider does.",
        how_to_mend="A daily pg_dump or pgBackRest, to another machine.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "bk.scheduled",
        {"hours": 24},
        must_fail=Stage(machine=Machine(files={**JOB, **DUMP}, days_old={"var/backups/app/app-1.dump": 5})),
        mended=Stage(machine=Machine(files={**JOB, **DUMP})),
    ),
)

RETAINED = Check(
    id="bk.retention.oldest",
    requirements=("bk.retention",),
    title="Backups are kept as long as asked",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_retained,
    documentation=Documentation(
        what="Backups of the whole time that the line asks are kept: the newest fresh, the oldest old enough, one a "
        "period between them.",
        why="Some losses are noticed after weeks.",
        how_verified="Ages of the files in the place that the target names, in /var/backups and in "
        "BACKUP_DIR. On a machine without a database and without backups it is unknown: others may keep them.",
        how_to_mend="Prune later; check the disk.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "bk.retention",
        {"days": 30},
        must_fail=Stage(machine=Machine(files={**JOB, **DUMP}, days_old={"var/backups/app/app-1.dump": 30})),
        mended=Stage(machine=Machine(files={**JOB, **dict.fromkeys(DAILY, "PGDMP custom format")}, days_old=DAILY)),
    ),
)

UPLOADS = Check(
    id="bk.uploads.covered",
    requirements=("bk.uploads",),
    title="Uploaded files are backed up",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host"}),
    run=_uploads,
    documentation=Documentation(
        what="A schedule copies the folder that uploads are kept in.",
        why="The database's backup names files that are then gone.",
        how_verified="UPLOAD_DIR and its usual names, folders of the tree; schedules that name the folder.",
        how_to_mend="restic, rsync or the provider's snapshots, daily.",
        not_applicable_when="There is no such folder, and no documented operation takes a file.",
    ),
    fixtures=twins(
        "bk.uploads",
        {"path": "uploads"},
        must_fail=Stage(machine=Machine(files=JOB), repo={"backend/uploads/photo.jpg": "x"}),
        mended=Stage(
            machine=Machine(files={"etc/cron.d/files": "30 3 * * * root restic backup /srv/app/uploads\n"}),
            repo={"backend/uploads/photo.jpg": "x"},
        ),
    ),
)

CHECKS = (SCHEDULED, RETAINED, UPLOADS)

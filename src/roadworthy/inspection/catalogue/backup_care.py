"""Backups one can rely on: whole, encrypted, watched, and able to go back to a moment."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from statistics import median

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Status, Verdict
from roadworthy.inspection.catalogue.alerting import judge
from roadworthy.inspection.catalogue.backup import CRON, DATABASE
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.schedules import artefacts, recurring
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import dumps
from roadworthy.inspection.probes.backups import Artefact
from roadworthy.inspection.probes.dumps import Whole
from roadworthy.inspection.probes.promql import Selector

LOOKED_AT = 5
SHRUNK, GROWN = 0.5, 3.0
FRESH_HOURS = 26.0
HOUR_SECONDS = 3_600
VERIFIES = re.compile(
    r"\b(?:pg_verifybackup|pg_restore|restic check|borg check|barman check|pgbackrest\b.{0,300}\b(?:check|verify)"
    r"|gzip -t|zstd -t|sha256sum -c|wal-g wal-verify)\b"
)
SCHEDULED_WORDS = re.compile(r"automat|regular|schedul|\bjob\b", re.IGNORECASE)
HEARTBEAT = re.compile(
    r"hc-ping\.com/|healthchecks\.|cronitor\.link|heartbeat\.uptimerobot|betteruptime\.com/api|uptime\.betterstack\.com/api"
    r"|/api/push/|nosnch\.in|opsgenie\.com/v2/heartbeats|pushgateway|/metrics/job/|hooks\.slack\.com/|api\.telegram\.org/bot"
    r"|events\.pagerduty\.com",
    re.IGNORECASE,
)
"""Addresses that notice when a job no longer calls, or that are told how it went."""
_SWITCHED_OFF = re.compile(rf"\s#[^\n]{{0,200}}?(?:{HEARTBEAT.pattern})", re.IGNORECASE)
_SHOWS_WHO_WATCHES = f"{PROBE_REMEDIES['prometheus']}, or {PROBE_REMEDIES['host']}"
WATCHED = re.compile(r"backup|pgbackrest|barman|restic|borg|velero|wal_?g|pg_dump|archiver", re.IGNORECASE)
BASE = re.compile(r"\b(?:pg_basebackup|pgbackrest|barman|wal-g|wal_g|pg_probackup)\b")
RECEIVERS = ("pg_receivewal", "barman_receive_wal", "pgbackrest", "wal-g")
ARCHIVER = """select coalesce(extract(epoch from now() - last_archived_time), -1)::float8 as age_seconds,
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing,
       archived_count from pg_stat_archiver"""
STREAMS = (
    "select coalesce(application_name, '') as name, coalesce(state, '') as state from pg_stat_replication order by 1"
)


async def _kept(probes: Probes) -> tuple[Sequence[Artefact], Evidence]:
    """The newest backups, and what was seen of them; none in the place that the target names are none.

    Raises:
        Unobservable: none was found where they usually are.
    """
    found, places = await asyncio.to_thread(artefacts, probes)
    if not found and probes.backups is not None:
        return [], observe("newest backups", "none", probes.backups.vantage)
    if not found:
        raise Unobservable(f"no backup was found in {listed(places)}", '[backup] path = "/var/backups/app"')
    newest = found[:LOOKED_AT]
    said = "\n".join(f"{one.path.name}: {one.size_bytes} bytes, {_hours(one):.0f} hours old" for one in newest)
    return newest, observe(
        "newest backups", said, "where backups are kept", basis=listed(one.path.name for one in newest)
    )


def _hours(one: Artefact) -> float:
    return (time.time() - one.modified_at) / HOUR_SECONDS


async def _verified(probes: Probes, requirement: Requirement) -> Verdict:
    newest, evidence = await _kept(probes)
    if not newest:
        return failed("no backup is in the place that the target names", evidence, mend="see why none is made")
    state = await asyncio.to_thread(dumps.whole, newest[0].path)
    seen = observe(f"{newest[0].path.name}, read", str(state), "where backups are kept")
    earlier = [one.size_bytes for one in newest[1:] if one.size_bytes]
    ratio = newest[0].size_bytes / median(earlier) if earlier else None
    problem = _suspicious(newest[0], state, ratio)
    if problem:
        mend = "make it again, to a new file that replaces the old one when it is whole"
        return failed(problem, evidence, seen, mend=mend)
    if SCHEDULED_WORDS.search(requirement.text("subject")):
        return await _by_schedule(probes, evidence, seen)
    if state is Whole.YES or (state is Whole.BEGINS and ratio is not None):
        return passed(f"the newest backup is {state}", evidence, seen)
    return unknown(f"the newest backup is {state}", evidence, seen, mend="restore it into a scratch database: a drill")


def _suspicious(newest: Artefact, state: Whole, ratio: float | None) -> str:
    """What is wrong with the newest backup; empty for nothing. `ratio` is its size by that of those before it."""
    if _hours(newest) > FRESH_HOURS * 7:
        return f"the newest backup is {_hours(newest) / 24:.0f} days old"
    if state is Whole.CUT:
        return f"the newest backup is broken or cut: {newest.path.name}"
    if ratio is not None and not SHRUNK <= ratio <= GROWN:
        return f"the newest backup has {ratio:.0%} of the size that those before it have: see what it leaves out"
    return ""


async def _by_schedule(probes: Probes, *evidence: Evidence) -> Verdict:
    """A line that says that verification is automatic wants to see what does it."""
    schedule = await asyncio.to_thread(recurring, probes, VERIFIES)
    if not schedule.lines and probes.host is None:
        raise Unobservable("no schedule in the source tree verifies a backup; the machine that makes them was not seen",
                           PROBE_REMEDIES["host"])  # fmt: skip
    looked = observe("schedules that verify", f"{listed(schedule.told, 3)}; {schedule.looked}", "cron, timers, tree")
    if not schedule.lines:
        return failed(f"no schedule verifies a backup ({schedule.looked})", *evidence, looked,
                      mend="pg_restore --list, or pg_verifybackup, after each backup")  # fmt: skip
    return passed(f"verified by {schedule.told[0][:120]}", *evidence, looked)


async def _encrypted(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    newest, evidence = await _kept(probes)
    if not newest:
        return failed("no backup is in the place that the target names", evidence, mend="see why none is made")
    try:
        heads = {one.path.name: await asyncio.to_thread(dumps.head_of, one.path) for one in newest if one.size_bytes}
    except OSError as error:
        raise Unobservable(f"a backup can't be read: {error.strerror}", "run as a user who may read backups") from error
    if not heads:
        return failed("the newest backups are empty", evidence, mend="see why runs fail")
    said = "; ".join(f"{name}: {one.cipher or one.kind or 'plain'}" for name, one in heads.items())
    seen = observe("first bytes", said, "where backups are kept")
    plain = [name for name, head in heads.items() if not head.cipher]
    if plain:
        return failed(f"not encrypted: {listed(plain, 3)}", evidence, seen, mend="encrypt before it leaves the machine",
                      patch="pg_dump --format=custom app | age -r age1... > app.dump.age")  # fmt: skip
    return passed(
        f"{len(heads)} newest backups are encrypted by {listed({head.cipher for head in heads.values()})}",
        evidence,
        seen,
    )


async def _watched(probes: Probes, requirement: Requirement) -> Verdict:
    """By an alert that is loaded, else by a job that reports itself."""
    if probes.prometheus is not None:
        verdict = await judge(probes, _about_backups, "backups", subject=requirement.text("subject"), wide=True)
        if verdict.status is Status.PASS:
            return verdict
    jobs = await asyncio.to_thread(recurring, probes, DATABASE)
    telling = await asyncio.to_thread(recurring, probes, HEARTBEAT)
    both = [line for line in jobs.lines if line in telling.lines and not _SWITCHED_OFF.search(line)]
    evidence = observe(
        "jobs that make backups, and which of them report", f"{listed(jobs.told, 3)}; reporting: {len(both)}; "
        f"{jobs.looked}", "cron, timers, source tree", basis=f"{listed(jobs.lines)} {len(both)}",
    )  # fmt: skip
    if both and len(both) == len(jobs.lines):
        return passed(f"the backup reports itself: {both[0].partition(':')[0]}", evidence)
    if not jobs.lines:
        return unknown("what makes backups was not seen, nor what watches them", evidence, mend=_SHOWS_WHO_WATCHES)
    return failed(
        "a backup that fails is reported to nobody", evidence, mend="call a heartbeat at the end of the job",
        patch=f"{CRON} && curl -fsS -m 10 https://hc-ping.com/<uuid>",
    )  # fmt: skip


def _about_backups(selector: Selector) -> bool:
    return bool(WATCHED.search(selector.text()))


async def _to_a_moment(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    postgres = offered(probes.postgres, "postgres")
    mode = await postgres.setting("archive_mode")
    row = await postgres.row(ARCHIVER)
    streams = [one for one in await postgres.rows(STREAMS) if one["state"] == "streaming"]
    receiving = [str(one["name"]) for one in streams if any(name in str(one["name"]) for name in RECEIVERS)]
    archived = mode != "off" and row["age_seconds"] >= 0 and not row["failing"]
    text = f"archive_mode {mode}; archived {row['archived_count']} segments, failing now: {row['failing']}"
    text += f"; receivers {listed(receiving)}"
    evidence = observe(
        "pg_stat_archiver, pg_stat_replication", text, postgres.vantage, basis=f"{mode} {archived} {receiving}"
    )
    if mode != "off" and row["failing"]:
        return failed("archiving the log fails", evidence, mend="see the server's log for archive_command")
    if not archived and not receiving:
        return failed(
            "the write-ahead log is kept nowhere: only whole dumps can be restored", evidence,
            mend="pgBackRest, barman or WAL-G; or your provider's point-in-time recovery",
            patch="ALTER SYSTEM SET archive_mode = on;  -- and a restart",
        )  # fmt: skip
    return await _with_a_base(
        probes, evidence, f"archived {row['age_seconds']:.0f} seconds ago" if archived else receiving[0]
    )


async def _with_a_base(probes: Probes, evidence: Evidence, how: str) -> Verdict:
    """A log without a base backup restores nothing."""
    try:
        base = await asyncio.to_thread(recurring, probes, BASE)
    except Unobservable as hidden:
        return unknown(
            f"the log is kept ({how}); whether a base backup is made was not seen", evidence, mend=hidden.remedy
        )
    looked = observe("schedules of base backups", f"{listed(base.told, 3)}; {base.looked}", "cron, timers, tree")
    if not base.lines:
        return unknown(f"the log is kept ({how}); no schedule of base backups was seen", evidence, looked,
                       mend="offer the machine that makes them")  # fmt: skip
    return passed("the log is kept, and base backups are made", evidence, looked)


DUMP = "--\n-- PostgreSQL database dump\n--\nCREATE TABLE a (id int);\n"
END = "--\n-- PostgreSQL database dump complete\n--\n"
JOB = "0 3 * * * postgres pg_dump -f /var/backups/app.sql app"
BASE_JOB = {"etc/cron.d/base": "0 1 * * 0 postgres pgbackrest --stanza=app --type=full backup\n"}


def _documentation(what: str, why: str, how: str, mend: str) -> Documentation:
    return Documentation(what=what, why=why, how_verified=how, how_to_mend=mend, not_applicable_when="Never.")


VERIFY = Check(
    id="bk.verify.newest",
    requirements=("bk.verify",),
    title="The newest backup is whole",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_verified,
    documentation=_documentation(
        "The newest backup is whole as far as its format tells, and about as large as those before it; where the line "
        "says that this is automatic, a schedule does it.",
        "A dump that was cut by a full disk has the right name.",
        "First and last lines of a dump as text, its compression to the end, the header of pg_dump's format; sizes. "
        "What is encrypted, or too large, is unknown.",
        "pg_restore --list or pg_verifybackup after each backup; restore one each quarter.",
    ),
    fixtures=twins("bk.verify", must_fail=Stage(backups={"a.sql": DUMP}), mended=Stage(backups={"a.sql": DUMP + END})),
    timeout_seconds=30.0,
)
ENCRYPT = Check(
    id="bk.encrypt.bytes",
    requirements=("bk.encrypt",),
    title="Backups are encrypted",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_encrypted,
    documentation=_documentation(
        "The newest backups are encrypted files: age, OpenPGP or openssl.",
        "A backup is the whole database in one file, on a machine that is looked after less.",
        "First bytes of the five newest; a name proves nothing.",
        "Encrypt to a public key on the machine that makes the backup; keep the private one elsewhere.",
    ),
    fixtures=twins(
        "bk.encrypt",
        must_fail=Stage(backups={"a.dump.age": "PGDMP custom format"}),
        mended=Stage(backups={"a.dump.age": "age-encryption.org/v1\n-> X25519 abc\n"}),
    ),
)
ALERTS = Check(
    id="bk.alerts.reported",
    requirements=("bk.alerts",),
    title="A failed backup is reported",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_watched,
    documentation=_documentation(
        "A loaded alert watches backups and reaches somebody, or every job that makes one reports itself to a service "
        "that notices when it does not.",
        "Backups fail in silence; the day they are needed is the day one hears of it.",
        "Prometheus' rules as for every alert; heartbeat addresses in the job or its script.",
        "A heartbeat at the end of the job, after &&.",
    ),
    fixtures=twins(
        "bk.alerts",
        must_fail=Stage(machine=Machine(files={"etc/cron.d/backup": f"{JOB}\n"})),
        mended=Stage(machine=Machine(files={"etc/cron.d/backup": f"{JOB} && curl -fsS https://hc-ping.com/1f2e\n"})),
    ),
)
PITR = Check(
    id="bk.pitr.archive",
    requirements=("bk.pitr",),
    title="The database can be restored to a point in time",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_to_a_moment,
    documentation=_documentation(
        "The write-ahead log is archived without failing, or streamed to a receiver, and base backups are made.",
        "A dump brings back last night; the log brings back the minute before the mistake.",
        "archive_mode, pg_stat_archiver, pg_stat_replication; schedules of base backups.",
        "pgBackRest, barman or WAL-G.",
    ),
    fixtures=twins(
        "bk.pitr",
        must_fail=Stage(database=Database(), machine=Machine(files=BASE_JOB)),
        mended=Stage(database=Database(follower=True, follower_name="pg_receivewal"), machine=Machine(files=BASE_JOB)),
    ),
)

CHECKS = (VERIFY, ENCRYPT, ALERTS, PITR)

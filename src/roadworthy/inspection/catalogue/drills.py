"""What drills showed: load, restore, a stop under load, recovery in time. Results are read, never made here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.contracts.drills import DrillKind
from roadworthy.inspection.catalogue.declaring import QUICK_SECONDS, Run, check
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.drills import Kept
from roadworthy.inspection.requirements import BY_ID

LOAD_DAYS, RESTORE_DAYS = 30.0, 92.0
PERIODS = {"weekly": 8.0, "monthly": 32.0, "quarterly": 93.0, "yearly": 366.0, "annual": 366.0}
ERROR_RATIO = 0.01
REQUESTS_MIN = 100
HOUR_SECONDS = 3_600
MAKES: Mapping[DrillKind, str] = {
    DrillKind.LOAD: "k6 run --summary-export=drills/load.json script.js (or Locust, wrk, hey, ab into a file there)",
    DrillKind.RESTORE: "restore the newest backup into a scratch database, compare, and write drills/restore.json",
    DrillKind.SHUTDOWN: "stop one process under load, count what was lost, and write drills/shutdown.json",
    DrillKind.FAILOVER: "fail over on staging, time it, and write drills/failover.json",
    DrillKind.SCALE: "scale out and back on staging, and write drills/scale.json",
}
"""What makes a result of each kind; the shape of our own JSON is in the guide."""
OF_ITS_OWN: Mapping[DrillKind, re.Pattern[str]] = {
    DrillKind.LOAD: re.compile(
        r"\b(?P<w>queues?|uploads?|uploading|database|db|memory|websockets?|pdfs?|documents?|search|checkout|login|emails?"
        r"|reports?|exports?|install\w*|creat\w+|writ(?:e|ten)|generat\w+|fixtures?|scripts?|director(?:y|ies)|spikes?|soak"
        r"|endurance|breaking|failure|chaos|injection|baseline|regression|mobile|frontend|pages?|cach\w+|documented"
        r"|defined|automated|scal(?:e|ing)|chat|payments?|orders?|workers?|graphql)\b",
        re.IGNORECASE,
    ),
    DrillKind.RESTORE: re.compile(
        r"\b(?P<w>volumes?|files?|uploads?|redis|documented|document|runbook|written|partial|point[- ]in[- ]time|pitr"
        r"|clean|region|automated|media|buckets?|login|authentication|mfa|resource|dependenc\w+|order)\b",
        re.IGNORECASE,
    ),
    DrillKind.SHUTDOWN: re.compile(r"\b(?P<w>workers?|jobs?|tasks?|queues?|prestop|websockets?)\b", re.IGNORECASE),
}
"""Words by which a line asks for a drill of its own: the result must be called so too."""
PREPARES = re.compile(r"^\W*(?:install|create|write|generate|set ?up|prepare|add|configure)\b", re.IGNORECASE)
_COMMANDED = re.compile(r"(?:^|\s)(?:-c|--connections|--concurrency|-u|--users|--vus)[= ]?(\d+)")
POINT = re.compile(r"\bRPO\b|recovery point|data loss", re.IGNORECASE)

Judge = Callable[[Kept, Requirement], str]
"""What the figures of a result lack of what a line asks; empty for nothing."""


async def _load(probes: Probes, requirement: Requirement) -> Verdict:
    if PREPARES.search(requirement.text("subject")):
        raise Unobservable("the line asks for what a load test needs, not for its result", '[repository] path = "."')
    figure = {"perf.users": _users(requirement), "perf.rps": requirement.number("min_rps")}
    if figure.get(requirement.id, 0.0) is None:
        raise Unobservable("the line gives no number to hold the load test to", "write the number into the line")
    return _newest(probes, requirement, DrillKind.LOAD, LOAD_DAYS, _not_enough)


async def _restore(probes: Probes, requirement: Requirement) -> Verdict:
    return _newest(probes, requirement, DrillKind.RESTORE, RESTORE_DAYS, _not_restored)


async def _shutdown(probes: Probes, requirement: Requirement) -> Verdict:
    return _newest(probes, requirement, DrillKind.SHUTDOWN, LOAD_DAYS, _not_finished)


async def _in_time(probes: Probes, requirement: Requirement) -> Verdict:
    hours = requirement.number("hours")
    if POINT.search(requirement.text("subject")):
        raise Unobservable(
            "a recovery point is the time between backups, which this drill does not show",
            "ask for the schedule of backups in a line of its own",
        )
    if hours is None:
        raise Unobservable("the line gives no time to recover in", 'write it as "RTO < 1 hour"')
    return _newest(probes, requirement, DrillKind.RESTORE, RESTORE_DAYS, _not_in_time)


def _newest(probes: Probes, requirement: Requirement, kind: DrillKind, days: float, judge: Judge) -> Verdict:
    """The newest result of this service and of the scenario that the line names, judged."""
    drills = offered(probes.drills, "drills")
    found = drills.newest(kind)
    own = [one for one in found if _of_this_service(one, probes)]
    subject = requirement.text("subject")
    if not own:
        others = f"; {len(found)} are of other addresses" if found else ""
        looked = observe(f"results of {kind} drills", f"none among {drills.files} files{others}", drills.vantage)
        return failed(f"no {kind} drill has left a result{others}", looked, mend=MAKES[kind])
    fitting = next((one for one in own if not _missing_words(one, subject, kind)), None)
    if fitting is None:
        words = _missing_words(own[0], subject, kind)
        return unknown(
            f"the newest {kind} drill does not say that it was about {words!r}",
            _seen(own[0], drills.vantage),
            mend='"scenario" of the result, or its file name, says what was tried',
        )
    allowed = next((limit for word, limit in PERIODS.items() if word in subject.lower()), days)
    return _concluded(fitting, allowed, judge(fitting, requirement), _seen(fitting, drills.vantage))


def _concluded(newest: Kept, allowed_days: float, lacking: str, evidence: Evidence) -> Verdict:
    kind = newest.result.kind
    if newest.age_days() > allowed_days:
        words = f"the newest {kind} drill is {newest.age_days():.0f} days old, {allowed_days:g} are allowed"
        return failed(words, evidence, mend=MAKES[kind])
    if newest.result.passed is False:
        return failed(f"the newest {kind} drill failed by its own measure", evidence, mend="see what it found")
    if lacking.startswith("?"):
        return unknown(lacking[1:], evidence, mend=MAKES[kind])
    if lacking:
        return failed(lacking, evidence, mend="mend what it found, and run it again")
    return passed(f"the {kind} drill of {newest.finished_at:%Y-%m-%d}: {_figures(newest)}", evidence)


def _of_this_service(kept: Kept, probes: Probes) -> bool:
    """Whether the result names this service's address, or none at all: then the folder says whose it is."""
    host = addresses.parse(kept.result.target).host
    loopback = {"localhost", "127.0.0.1", "::1"}
    if not host or probes.http is None:
        return True
    return host == probes.http.host or {host, probes.http.host} <= loopback


def _missing_words(kept: Kept, subject: str, kind: DrillKind) -> str:
    """The first word of the line that asks for a drill of its own and that the result does not bear."""
    pattern = OF_ITS_OWN.get(kind)
    wanted = [found["w"].lower() for found in pattern.finditer(subject)] if pattern else []
    said = f"{kept.result.scenario} {kept.path} {kept.result.target}".lower()
    return next((word for word in wanted if word.removesuffix("s") not in said), "")


def _not_enough(kept: Kept, requirement: Requirement) -> str:
    figures = kept.result.figures
    errors, requests = figures.get("error_ratio"), figures.get("requests")
    if errors is None:
        return "?the result does not say how many answers were errors"
    if errors > ERROR_RATIO:
        return f"{errors:.1%} of the answers were errors, {ERROR_RATIO:.0%} are allowed"
    if requests is not None and requests < REQUESTS_MIN:
        return f"only {requests:.0f} requests were sent: no load"
    path = requirement.text("path")
    if path and path.rstrip("/") not in kept.result.target and path.rstrip("/") not in kept.result.scenario:
        return f"?whether {path} was loaded, the result does not say"
    return _short_of(figures, "users", _users(requirement)) or _short_of(figures, "rps", requirement.number("min_rps"))


def _users(requirement: Requirement) -> float | None:
    commanded = _COMMANDED.search(requirement.text("command"))
    return requirement.number("users") or (float(commanded[1]) if commanded else None)


def _short_of(figures: Mapping[str, float], name: str, wanted: float | None) -> str:
    if wanted is None:
        return ""
    if name not in figures:
        return f"?the result does not tell {name}, the line asks {wanted:g}"
    return f"{figures[name]:g} {name}, the line asks {wanted:g}" if figures[name] < wanted else ""


def _not_restored(kept: Kept, requirement: Requirement) -> str:  # noqa: ARG001 - the line says nothing more
    figures = kept.result.figures
    if not figures.get("tables") and not figures.get("rows"):
        return "?the result does not tell what was restored: tables or rows"
    if figures.get("differences"):
        return f"the restored copy differs from the original in {figures['differences']:g} places"
    return "" if kept.result.passed or "differences" in figures else "?nothing says that the copy was compared"


def _not_finished(kept: Kept, requirement: Requirement) -> str:  # noqa: ARG001 - the line says nothing more
    figures = kept.result.figures
    if "lost" not in figures or not figures.get("in_flight"):
        return "?the result does not tell how much was in flight, and how much was lost"
    return f"{figures['lost']:g} of {figures['in_flight']:g} were lost" if figures["lost"] else ""


def _not_in_time(kept: Kept, requirement: Requirement) -> str:
    allowed = requirement.number("hours", 0.0) * HOUR_SECONDS
    took = kept.result.figures.get("restore_seconds")
    if took is None:
        return "?the result does not tell restore_seconds"
    return f"the restore took {took:.0f} seconds, {allowed:.0f} are allowed" if took > allowed else ""


def _figures(kept: Kept) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in sorted(kept.result.figures.items()))


def _seen(kept: Kept, vantage: str) -> Evidence:
    result = kept.result
    said = [
        f"{kept.finished_at:%Y-%m-%d}",
        *(f"{name} {text}" for name in ("tool", "commit", "target", "scenario") if (text := getattr(result, name))),
        _figures(kept),
    ]
    return observe(f"{kept.path}, the newest {result.kind} drill", "; ".join(said), vantage)


def _result(days_ago: float, kind: str, **figures: float) -> Mapping[str, str]:
    """A result as our own JSON; the moment is written when the fixture is declared."""
    ended = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")
    return {f"{kind}.json": json.dumps({"kind": kind, "finished_at": ended, "passed": True, "figures": figures})}


def _check(
    requirement: str, run: Run, asked: Mapping[str, Param], stages: Sequence[Mapping[str, str]], text: Sequence[str]
) -> Check:
    what, why, how = text
    return check(
        requirement,
        "result",
        BY_ID[requirement].title,
        run,
        Documentation(
            what=what,
            why=why,
            how_verified="The newest result of its kind in the folder that [drills] path names: our JSON, k6, Locust, "
            "wrk, hey, ab, JMeter. Its age, conclusion and figures; results of other addresses don't count.",
            how_to_mend=how,
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        must_fail=Stage(drills=stages[0]),
        mended=Stage(drills=stages[1]),
        params=asked,
        needs=("drills",),
        strength=Strength.CONFIGURATION,
        radius=BlastRadius.READ_ONLY,
        seconds=QUICK_SECONDS,
    )


LOAD_FIGURES = {"requests": 60_000.0, "error_ratio": 0.0, "p95_ms": 80.0}
CHECKS = (
    _check(
        "load.test",
        _load,
        {"subject": "Load testing"},
        ({}, _result(1, "load", users=1000, rps=900, **LOAD_FIGURES)),
        (
            "A load test of the last 30 days left a result with few errors, of the scenario that the line names.",
            "Limits are found by the first crowd otherwise.",
            MAKES[DrillKind.LOAD],
        ),
    ),
    _check(
        "perf.users",
        _load,
        {"users": 1000},
        (
            _result(1, "load", users=100, rps=900, **LOAD_FIGURES),
            _result(1, "load", users=1000, rps=900, **LOAD_FIGURES),
        ),
        (
            "The newest load test drove as many users at once as the line says, with few errors.",
            "A number of users is a guess until so many were there.",
            MAKES[DrillKind.LOAD],
        ),
    ),
    _check(
        "perf.rps",
        _load,
        {"min_rps": 500},
        (
            _result(1, "load", users=100, rps=120, **LOAD_FIGURES),
            _result(1, "load", users=100, rps=900, **LOAD_FIGURES),
        ),
        (
            "The newest load test had as many requests a second answered as the line says, with few errors.",
            "What a server could answer and what it answers differ by the database.",
            MAKES[DrillKind.LOAD],
        ),
    ),
    _check(
        "bk.restore",
        _restore,
        {"subject": "Backup restoration tested"},
        (_result(200, "restore", tables=12, rows=5000), _result(20, "restore", tables=12, rows=5000)),
        (
            "A backup was restored within the last quarter, and the copy compared with the original.",
            "A backup that was never restored is a hope.",
            MAKES[DrillKind.RESTORE],
        ),
    ),
    _check(
        "srv.shutdown",
        _shutdown,
        {"subject": "Graceful shutdown"},
        (_result(1, "shutdown", in_flight=40, lost=3), _result(1, "shutdown", in_flight=40, lost=0)),
        (
            "A process that was stopped under load lost none of the requests that were in flight.",
            "Every deployment is a stop.",
            MAKES[DrillKind.SHUTDOWN],
        ),
    ),
    _check(
        "dr.rto",
        _in_time,
        {"hours": 1, "subject": "Recovery time objective (< 1 hour)"},
        (
            _result(20, "restore", tables=12, restore_seconds=9000),
            _result(20, "restore", tables=12, restore_seconds=900),
        ),
        (
            "The newest restore took no longer than the line allows.",
            "An objective that nobody measured is a wish.",
            MAKES[DrillKind.RESTORE],
        ),
    ),
)

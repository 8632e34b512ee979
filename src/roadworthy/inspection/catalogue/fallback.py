"""The service without its cache, as drills tried it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.contracts.drills import DrillKind
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength

CACHES = re.compile(r"redis|valkey|cache|memcached|keydb|dragonfly", re.IGNORECASE)
DRILL_DAYS_MAX = 90


async def _drilled(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    drills = offered(probes.drills, "drills")
    about = [one for one in drills.newest(DrillKind.FAILOVER) if _of_cache(one.result.scenario, one.result.target)]
    if not about:
        raise Unobservable(
            f"none of {drills.files} files tells of a drill without the cache",
            "stop the cache while requests run, and keep the result as a drill of kind failover",
        )
    newest = about[0]
    figures = ", ".join(f"{name} {value:g}" for name, value in sorted(newest.result.figures.items())) or "no figures"
    words = f"{newest.path}, {newest.finished_at.date()}: {newest.result.scenario or newest.result.target}; {figures}"
    evidence = observe("newest drill without the cache", words, drills.vantage)
    errors = newest.result.figures.get("error_ratio", 0.0) + newest.result.figures.get("lost", 0.0)
    if newest.result.passed is False or errors > 0:
        return failed("the newest drill without the cache failed", evidence, mend="take a failing cache for a miss")
    if newest.result.passed is None or newest.age_days() > DRILL_DAYS_MAX:
        why = "draws no conclusion" if newest.result.passed is None else f"is {newest.age_days():.0f} days old"
        return unknown(f"the newest drill without the cache {why}", evidence, mend="run it again")
    return passed(f"a drill without the cache went well on {newest.finished_at.date()}", evidence)


def _of_cache(*words: str) -> bool:
    return any(map(CACHES.search, words))


def _drill(*, went_well: bool) -> dict[str, str]:
    ended = datetime.now(UTC) - timedelta(hours=1)
    result = {"kind": "failover", "finished_at": ended.isoformat(timespec="seconds"), "scenario": "Redis stopped"}
    return {"failover.json": json.dumps({**result, "passed": went_well})}


DRILLED = Check(
    id="cache.fallback.drill",
    requirements=("cache.fallback",),
    title="A drill without the cache went well",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"drills"}),
    run=_drilled,
    documentation=Documentation(
        what=f"The newest drill that took the cache away is at most {DRILL_DAYS_MAX} days old and passed.",
        why="A cache that the service can't do without is a second database, without its backups.",
        how_verified="Results of failover drills whose scenario or target names a cache, in the folder of [drills].",
        how_to_mend="Take a failing cache for a miss, with a short timeout; repeat the drill.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cache.fallback",
        must_fail=Stage(drills=_drill(went_well=False)),
        mended=Stage(drills=_drill(went_well=True)),
    ),
)

CHECKS = (DRILLED,)

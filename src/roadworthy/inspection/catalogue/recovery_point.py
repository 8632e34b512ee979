"""How much would be lost: the time between backups, against what a line allows."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.drills import POINT
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, passed
from roadworthy.inspection.catalogue.schedules import artefacts
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength

LOOKED_AT = 8
SLACK_HOURS = 1.0
HOUR_SECONDS = 3_600


async def _point(probes: Probes, requirement: Requirement) -> Verdict:
    hours = requirement.number("hours")
    if not POINT.search(requirement.text("subject")) or hours is None:
        raise Unobservable("the line gives no recovery point in hours", 'write it as "RPO < 24 hours"')
    found, places = await asyncio.to_thread(artefacts, probes)
    newest = [one for one in found if one.size_bytes][:LOOKED_AT]
    if len(newest) < 2:  # noqa: PLR2004 - a distance needs two
        raise Unobservable(f"found {counted(len(newest), 'backup')} in {listed(places)}: no distance to measure",
                           '[backup] path = "/var/backups/app"')  # fmt: skip
    moments = [time.time(), *(one.modified_at for one in newest)]
    widest = max(later - earlier for later, earlier in pairwise(moments)) / HOUR_SECONDS
    kept = widest <= hours + SLACK_HOURS
    evidence = observe(
        f"distances between the {counted(len(newest), 'newest backup')} and now",
        f"at most {widest:.1f} hours",
        "where backups are kept",
        basis=f"{kept} {hours:g}",
    )
    if not kept:
        return failed(f"{counted(round(widest), 'hour')} would be lost, the line allows {hours:g}", evidence,
                      mend="back up more often, or archive the log")  # fmt: skip
    return passed(f"at most {counted(round(widest), 'hour')} lie between backups, the line allows {hours:g}", evidence)


DUMP = "PGDMP custom format"
CHECK = Check(
    id="dr.rto.point",
    requirements=("dr.rto",),
    title="No more is lost than the line allows",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_point,
    documentation=Documentation(
        what="The time between backups, and since the newest, is no longer than the line's recovery point.",
        why="An objective of one hour and a dump a night do not go together.",
        how_verified="Ages of the newest eight backups.",
        how_to_mend="Back up more often, or archive the write-ahead log.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "dr.rto",
        {"hours": 24, "subject": "Recovery point objective (< 24 hours)"},
        must_fail=Stage(backups={"a.dump": DUMP, "b.dump": DUMP}, days_old={"a.dump": 0.2, "b.dump": 7.2}),
        mended=Stage(backups={"a.dump": DUMP, "b.dump": DUMP}, days_old={"a.dump": 0.2, "b.dump": 1.2}),
    ),
)

CHECKS = (CHECK,)

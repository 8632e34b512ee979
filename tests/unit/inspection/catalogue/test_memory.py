"""Memory of the service: of which processes, since when, and under what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

HOME = pages({"/": reply("<h1>Jobs</h1>")})
MIB = 1024**2


def stage(now: int, most: int, *others: Program, drills: dict[str, str] | None = None) -> Stage:
    program = Program("gunicorn app:app", children=2, listens=True, memory_bytes=now * MIB, peak_bytes=most * MIB)
    return Stage(site=HOME, machine=Machine((program, *others)), drills=drills)


@pytest.mark.parametrize(
    ("now", "most", "status"),
    [(100, 100, Status.PASS), (400, 400, Status.FAIL), (100, 400, Status.UNKNOWN), (0, 0, Status.UNKNOWN)],
)
async def test_now_and_at_the_most(now: int, most: int, status: Status) -> None:
    verdict = await verdict_of("perf.memory.held", stage(now, most), bytes=1024 * MIB)
    assert verdict.status is status, verdict.summary


async def test_a_neighbour_is_not_counted_and_a_line_without_a_number_not_judged() -> None:
    neighbour = Program("java -jar other.jar", memory_bytes=9000 * MIB, peak_bytes=9000 * MIB)
    assert (await verdict_of("perf.memory.held", stage(100, 100, neighbour), bytes=1024 * MIB)).status is Status.PASS
    assert (await verdict_of("perf.memory.held", stage(100, 100))).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("mib", "days", "status"), [(500, 1, Status.PASS), (5000, 1, Status.FAIL), (5000, 90, Status.UNKNOWN)]
)
async def test_a_load_drill_of_late_tells_more(mib: int, days: int, status: Status) -> None:
    ended = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    drill = {"kind": "load", "finished_at": ended, "figures": {"memory_bytes": mib * MIB}, "passed": True}
    verdict = await verdict_of(
        "perf.memory.held", stage(100, 400, drills={"load.json": json.dumps(drill)}), bytes=1024 * MIB
    )
    assert verdict.status is status, verdict.summary

"""Memory that the service holds, against what the line allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.contracts.drills import DrillKind
from roadworthy.inspection.catalogue.appserver import serving
from roadworthy.inspection.catalogue.kit import failed, observe, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe, Process

AGE_MIN_SECONDS = 300
"""A process that has just begun has not yet held what it will."""
DRILL_DAYS_MAX = 30
MEBIBYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes of all processes that serve: now, and the sum of what each held at the most; since when in seconds."""

    now: int
    most: int
    processes: int
    age_seconds: float


async def _memory(probes: Probes, requirement: Requirement) -> Verdict:
    limit = requirement.number("bytes")
    if not limit:
        raise Unobservable("the line says not how much memory is allowed", "write it: below 2 GB")
    evidence: list[Evidence] = []
    under_load = _drilled(probes, evidence)
    held = _seen(probes, evidence)
    worst = max([under_load or 0.0, held.now if held else 0.0])
    if worst > limit:
        return failed(
            f"the service holds {worst / MEBIBYTE:.0f} MiB, the line allows {limit / MEBIBYTE:.0f}",
            *evidence,
            mend="run fewer processes, or find what they keep; a limit of the unit ends it before the machine suffers",
            patch=f"MemoryMax={limit / MEBIBYTE:.0f}M",
        )
    if under_load is not None:
        most = f"{under_load / MEBIBYTE:.0f} MiB at the most"
        return passed(f"under load it held {most}, of {limit / MEBIBYTE:.0f} allowed", *evidence)
    if held is None:
        raise Unobservable("the processes of the service may not be seen", "inspect on the machine that serves")
    if held.most > limit or held.age_seconds < AGE_MIN_SECONDS:
        why = "at some moment it may have held more" if held.most > limit else "it has only just begun"
        return unknown(f"now it holds {held.now / MEBIBYTE:.0f} MiB; {why}", *evidence, mend="inspect under load")
    return passed(
        f"{held.processes} processes never held more than {held.most / MEBIBYTE:.0f} MiB together, of "
        f"{limit / MEBIBYTE:.0f} allowed",
        *evidence,
    )


def _drilled(probes: Probes, evidence: list[Evidence]) -> float | None:
    """The most that a load drill of late measured."""
    try:
        kept = probes.drills.newest(DrillKind.LOAD) if probes.drills else ()
    except Unobservable:
        return None
    for one in kept:
        figure = one.result.figures.get("memory_bytes")
        if figure is not None and one.age_days() <= DRILL_DAYS_MAX:
            words = f"{one.path}: {figure / MEBIBYTE:.0f} MiB at the most, {one.result.finished_at}"
            evidence.append(observe("newest load drill that measured memory", words, "drill results"))
            return figure
    return None


def _seen(probes: Probes, evidence: list[Evidence]) -> Held | None:
    try:
        host, found = serving(probes)
    except Unobservable:
        return None
    held = _held(host, _all(host, found))
    if held is not None:
        evidence.append(
            observe(
                "memory of the processes that serve",
                f"{held.processes} processes hold {held.now / MEBIBYTE:.0f} MiB, at the most "
                f"{held.most / MEBIBYTE:.0f} MiB together since {held.age_seconds:.0f} seconds",
                host.vantage,
                basis=f"{held.processes} processes",
            )
        )
    return held


def _all(host: HostProbe, found: Sequence[Process]) -> Sequence[Process]:
    """Those that listen, and what they started: workers, and helpers that run for them."""
    everything = {one.pid: one for first in found for one in (first, *host.descendants(first.pid))}
    return list(everything.values())


def _held(host: HostProbe, processes: Sequence[Process]) -> Held | None:
    sizes = [host.held_memory(one.pid) for one in processes]
    known = [size for size in sizes if size is not None]
    if not known or len(known) < len(sizes):
        return None
    age = min(host.age_seconds(one) for one in processes)
    return Held(sum(now for now, _ in known), sum(most for _, most in known), len(known), age)


HOME = pages({"/": reply("<h1>Jobs</h1>")})
MEMORY = Check(
    id="perf.memory.held",
    requirements=("perf.memory",),
    title="The service needs no more memory than asked",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_memory,
    documentation=Documentation(
        what="All processes that serve together hold no more than the line allows, now, since they began, and in the "
        "newest load drill that measured it.",
        why="The kernel ends the largest process when memory runs out, and that is mostly the database or the service.",
        how_verified="The processes behind the public port with what they started: their share of resident memory and "
        f"the most that each ever held, once they are {AGE_MIN_SECONDS} seconds old; the figure memory_bytes of a load "
        f"drill of the last {DRILL_DAYS_MAX} days.",
        how_to_mend="Fewer workers, bounded caches, and MemoryMax= so that the service dies alone.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "perf.memory",
        {"bytes": 2 * 1024**3},
        must_fail=Stage(
            site=HOME,
            machine=Machine(
                (Program("gunicorn app:app", children=2, listens=True, memory_bytes=10**9, peak_bytes=10**9),)
            ),
        ),
        mended=Stage(
            site=HOME,
            machine=Machine(
                (Program("gunicorn app:app", children=2, listens=True, memory_bytes=10**8, peak_bytes=10**8),)
            ),
        ),
    ),
)

CHECKS = (MEMORY,)

"""What came out: records for `results/latest.json`, and whether the bars are met."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.load import Load
from benchmarks.workloads import MEMORY_BAR_MB, Workload

REFERENCE_ERRORS_MAX = 0.1
"""Errors that the reference may make in all rounds, as a share of what it answers in a second."""
RESULTS = Path(__file__).parent / "results"


@dataclass(slots=True)
class Rounds:
    """What the rounds of one workload saw, side by side."""

    ours: list[Load] = field(default_factory=list)
    reference: list[Load] = field(default_factory=list)
    limit_rps: list[float] = field(default_factory=list)
    ours_pss_mb: float = 0.0
    reference_pss_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """One row. Figures are medians of the rounds, errors their sum; None where there is nothing to compare with."""

    workload: str
    connections: int
    ours_rps: float | None = None
    reference_rps: float | None = None
    ratio: float | None = None
    ours_p50_ms: float | None = None
    ours_p95_ms: float | None = None
    ours_p99_ms: float | None = None
    reference_p99_ms: float | None = None
    ours_errors: int | None = None
    reference_errors: int | None = None
    limit_rps: float | None = None
    share_of_limit: float | None = None
    limit: str | None = None
    variant: str | None = None
    variants_rps: dict[str, float] | None = None
    ratio_bar: float | None = None
    share_bar: float | None = None
    share_aim: float | None = None
    ours_pss_mb: float | None = None
    reference_pss_mb: float | None = None
    pss_bar_mb: float | None = None
    bars_met: bool = False
    aim_met: bool | None = None
    rounds_rps: dict[str, list[float]] | None = None
    conditions: dict[str, object] | None = None


def record(
    workload: Workload, rounds: Rounds, variants_rps: dict[str, float], variant: str, conditions: dict[str, object]
) -> Record:
    """Sum the rounds of one workload up."""
    ours, reference = median(load.rps for load in rounds.ours), median(load.rps for load in rounds.reference)
    limit = median(rounds.limit_rps)
    ratio, share = ours / max(reference, 1e-9), ours / limit
    errors = sum(load.errors for load in rounds.ours)
    met = ratio >= (workload.ratio_bar or 0) and share >= (workload.share_bar or 0) and errors == 0
    # A reference that mostly fails is no measure of anything.
    met = met and sum(load.errors for load in rounds.reference) <= REFERENCE_ERRORS_MAX * max(1.0, reference)
    return Record(
        workload.name,
        workload.connections,
        ours_rps=round(ours, 1),
        reference_rps=round(reference, 1),
        ratio=round(ratio, 2),
        **{f"ours_{name}": _median_of(rounds.ours, name) for name in ("p50_ms", "p95_ms", "p99_ms")},
        reference_p99_ms=_median_of(rounds.reference, "p99_ms"),
        ours_errors=errors,
        reference_errors=sum(load.errors for load in rounds.reference),
        limit_rps=round(limit, 1),
        share_of_limit=round(share, 3),
        limit=workload.limit.value,
        variant=variant,
        variants_rps=variants_rps,
        ratio_bar=workload.ratio_bar,
        share_bar=workload.share_bar,
        share_aim=workload.share_aim,
        ours_pss_mb=round(rounds.ours_pss_mb, 1),
        reference_pss_mb=round(rounds.reference_pss_mb, 1),
        bars_met=met,
        aim_met=None if workload.share_aim is None else share >= workload.share_aim,
        rounds_rps={
            "ours": [round(load.rps, 1) for load in rounds.ours],
            "reference": [round(load.rps, 1) for load in rounds.reference],
            "limit": [round(rps, 1) for rps in rounds.limit_rps],
        },
        conditions=conditions,
    )


def _median_of(loads: list[Load], name: str) -> float:
    return round(float(median(getattr(load, name) for load in loads)), 2)


def memory_record(records: list[Record], conditions: dict[str, object]) -> Record:
    """The largest web process of each side, under any of the loads."""
    ours = max(each.ours_pss_mb or 0.0 for each in records)
    return Record(
        "memory",
        max(each.connections for each in records),
        ours_pss_mb=ours,
        reference_pss_mb=max(each.reference_pss_mb or 0.0 for each in records),
        pss_bar_mb=MEMORY_BAR_MB,
        bars_met=0 < ours <= MEMORY_BAR_MB,
        conditions=conditions,
    )


def machine() -> dict[str, object]:
    """What the figures depend on besides the code."""
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def write(records: list[Record], svg: str) -> Path:
    """Write latest.json and its picture; returns the former."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "latest.json"
    file.write_text(json.dumps([asdict(each) for each in records], indent=2) + "\n", encoding="utf-8")
    (RESULTS / "latest.svg").write_text(svg, encoding="utf-8")
    return file

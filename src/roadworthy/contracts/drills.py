"""What a drill leaves behind: a load run, a restore, a stop under load, with its date, its commit and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DrillKind(StrEnum):
    """What was tried."""

    LOAD = "load"
    RESTORE = "restore"
    FAILOVER = "failover"
    SHUTDOWN = "shutdown"
    SCALE = "scale"
    RELOAD = "reload"
    FAULTS = "faults"
    CROWDS = "crowds"
    CONTRACT = "contract"
    LIMITS = "limits"


FIGURES: Mapping[str, str] = {
    "users": "concurrent users, at the most",
    "requests": "requests sent",
    "rps": "requests answered a second, on average",
    "p50_ms": "median time of an answer",
    "p95_ms": "time within which 95 of 100 answers came",
    "p99_ms": "time within which 99 of 100 answers came",
    "error_ratio": "share of answers that were errors, 0 to 1",
    "duration_seconds": "how long the drill took",
    "restore_seconds": "from the start of a restore until the service could have used it",
    "tables": "tables that the restored copy and the original agree on",
    "rows": "rows that the restored copy holds",
    "differences": "tables or counts in which the copy and the original differ",
    "lost": "requests or tasks that were begun and not finished",
    "in_flight": "requests or tasks that were under way when the stop came",
    "replicas": "instances that served",
    "memory_bytes": "the most memory that the service held",
}
"""Names that `DrillResult.figures` takes, with their units."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One drill. As JSON: an object with these names, a file each, in the folder that `[drills] path` names.

    `finished_at` is RFC 3339 with its offset. `commit` is what ran, as version control names it. `target` is the
    address, database or backup that was tried. `scenario` says what was done in a few words. `passed` is the drill's
    own conclusion; None where the tool draws none.
    """

    kind: DrillKind
    finished_at: str
    figures: Mapping[str, float] = field(default_factory=dict)
    passed: bool | None = None
    commit: str = ""
    target: str = ""
    scenario: str = ""
    tool: str = ""

"""What a drill is: a scenario, the figures that it prints, and a planted defect that turns it red."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.drills.product import Databases

from roadworthy.contracts.drills import DrillKind, DrillResult


@dataclass(slots=True)
class Report:
    """The figures of one run, and what in them must not be: `problems`, empty when it passed.

    `further` are reports of their own: what another kind of reader looks for must not be told in one with the rest.
    """

    kind: DrillKind
    scenario: str
    figures: dict[str, float] = field(default_factory=dict)
    printed: dict[str, object] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    further: dict[str, Report] = field(default_factory=dict)

    def all_problems(self) -> list[str]:
        return [*self.problems, *(problem for one in self.further.values() for problem in one.problems)]

    def demand(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)

    def result(self, seconds: float, target: str) -> DrillResult:
        return DrillResult(
            kind=self.kind,
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            figures={**self.figures, "duration_seconds": round(seconds, 1)},
            passed=not self.problems,
            commit=commit(),
            target=target,
            scenario=self.scenario,
            tool="tests.drills",
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where a drill runs: the databases, a folder of its own; whether it is a short one, and with its defect."""

    databases: Databases
    folder: Path
    quick: bool
    planted: bool = False


@dataclass(frozen=True, slots=True)
class Drill:
    """`run` returns the report; with `planted` set it must not pass: `defect` says in words what is wrong then."""

    name: str
    title: str
    defect: str
    run: Callable[[Conditions], Report]


def commit() -> str:
    """What runs, as git names it."""
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def save(result: DrillResult, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(result), indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)

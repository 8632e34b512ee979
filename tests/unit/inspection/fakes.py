"""Checks, probes and results for tests of what surrounds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Remediation, Severity, Status, Verdict
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Check, Documentation, Fixture, Fixtures, Item, Probes, Requirement, Strength
from roadworthy.inspection.observation import observe
from roadworthy.inspection.results import Answer, Inspection, LineResult
from roadworthy.inspection.statements import Standing, Statement

ATTESTED = Statement(Standing.ATTESTED, "Ana", "all six came", date(2027, 1, 1), "CTO", "Ben", date(2026, 1, 1))
WAIVED = Statement(Standing.WAIVED, "Ben", "proxy comes in May", date(2026, 5, 31))


@dataclass(frozen=True)
class FakeProbes:
    http: Any = None
    postgres: Any = None
    redis: Any = None
    repo: Any = None
    config: Any = None
    host: Any = None
    logs: Any = None
    nginx: Any = None
    flows: Any = None
    disruptions: Any = None
    prometheus: Any = None
    drills: Any = None
    backups: Any = None
    names: Any = None
    hidden: frozenset[str] = field(default_factory=frozenset)

    def secrets(self) -> frozenset[str]:
        return self.hidden


def verdict(status: Status, summary: str = "", answer: str = "seen", mend: str = "") -> Verdict:
    evidence = () if status is Status.UNKNOWN else (observe("asked", answer, "a test"),)
    return Verdict(status, summary or f"it is {status}", evidence, Remediation(mend) if mend else None)


def check(
    name: str = "db.engine.fake",
    requirement: str = "db.engine",
    says: Verdict | Callable[[Probes, Requirement], Awaitable[Verdict]] | None = None,
    **more: Any,
) -> Check:
    said = says or verdict(Status.PASS)

    async def run(probes: Probes, asked: Requirement) -> Verdict:
        return await said(probes, asked) if callable(said) else said

    @asynccontextmanager
    async def no_system() -> Any:
        yield FakeProbes()

    twin = Fixture(no_system, Requirement(requirement))
    settings: dict[str, Any] = {
        "title": f"title of {name}",
        "severity": Severity.HIGH,
        "blast_radius": BlastRadius.READ_ONLY,
        "strength": Strength.BEHAVIOUR,
        "needs": frozenset(),
        "documentation": Documentation("", "", "", "", ""),
        "fixtures": Fixtures(twin, twin),
    }
    return Check(id=name, requirements=(requirement,), run=run, **{**settings, **more})


def line(item: Item, status: Status, *, summary: str = "", answer: str = "seen", mend: str = "") -> LineResult:
    asked = Requirement("db.engine", why="'postgresql'")
    mapped = Mapped(item, () if status is Status.UNMAPPED else (asked,))
    answers = (
        (Answer(check(), asked, verdict(status, summary, answer, mend)),)
        if status not in {Status.UNMAPPED, Status.HUMAN}
        else ()
    )
    return LineResult(mapped, status, answers, summary)


def inspection(*lines: LineResult, day: str = "2026-03-01") -> Inspection:
    return Inspection("CHECKLIST.md", "shop", f"{day}T10:00:00Z", 1.5, lines)


def on_day(found: Inspection, day: str) -> Inspection:
    """The same findings, observed on another day."""

    def moved(one: LineResult) -> LineResult:
        return replace(one, answers=tuple(_moved(answer, day) for answer in one.answers))

    return replace(found, started_at=f"{day}T10:00:00Z", lines=tuple(moved(one) for one in found.lines))


def _moved(answer: Answer, day: str) -> Answer:
    evidence = tuple(replace(one, observed_at=f"{day}T10:00:00Z") for one in answer.verdict.evidence)
    return replace(answer, verdict=replace(answer.verdict, evidence=evidence))

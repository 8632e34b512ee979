"""Runs the checks that a checklist asks for: at once, each in its time, provocations last."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from roadworthy.contracts.checks import BlastRadius, Evidence, Kind, Remediation, Status, Verdict
from roadworthy.inspection import remainder, results
from roadworthy.inspection.checklist import words
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Probes, Requirement
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.remainder import Answered
from roadworthy.inspection.requirements import BY_ID, kind_of
from roadworthy.inspection.results import Answer, Inspection, LineResult

CHECKS_AT_ONCE = 16
TOTAL_LIMIT_SECONDS = 180.0
READING_LIMIT_SECONDS = 60.0
UNASKED = (
    "cross.connections", "cross.timeouts", "cross.bodies", "cross.alerts", "cross.endpoints", "cross.variables",
)  # fmt: skip
"""Requirements that are looked at beside every checklist, wherever the target offers what they need."""
DEFAULT_RADIUS = frozenset({BlastRadius.READ_ONLY, BlastRadius.PROBE})

Key = tuple[str, str, str]
Catalogue = Mapping[str, Sequence[Check]]
"""Requirement id -> the checks that answer it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One check to run on one requirement, however many lines ask for it."""

    check: Check
    requirement: Requirement

    @property
    def key(self) -> Key:
        """What makes two runs the same: check, requirement and what it was told."""
        return self.check.id, self.requirement.id, json.dumps(dict(self.requirement.params), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """The lines of a checklist and the runs that answer them, each once.

    `unasked` are runs that no line asks for: what they find stands beside the lines, and decides nothing.
    """

    lines: tuple[Mapped, ...]
    runs: tuple[Run, ...]
    catalogue: Catalogue
    allowed: frozenset[BlastRadius] = DEFAULT_RADIUS
    unasked: tuple[Run, ...] = ()

    def checks_of(self, requirement: Requirement) -> tuple[Check, ...]:
        """The checks of `requirement` that may be run."""
        return tuple(c for c in self.catalogue.get(requirement.id, ()) if c.blast_radius in self.allowed)


@dataclass(frozen=True, slots=True)
class Progress:
    """Called as checks end: how many are done, of how many, and the title of the one that ended."""

    on_check: Callable[[int, int, str], None] = lambda *_: None


def plan(lines: Iterable[Mapped], catalogue: Catalogue, allowed: frozenset[BlastRadius] = DEFAULT_RADIUS) -> Plan:
    """Which checks `lines` ask for."""
    empty = Plan(tuple(lines), (), catalogue, allowed)
    runs: dict[Key, Run] = {}
    for mapped in empty.lines:
        for requirement in () if mapped.unmeasurable or mapped.left_out else mapped.requirements:
            for check in empty.checks_of(requirement):
                run = Run(check, requirement)
                runs.setdefault(run.key, run)
    return replace(empty, runs=tuple(runs.values()), unasked=_unasked(empty, runs.values()))


def _unasked(empty: Plan, asked: Iterable[Run]) -> tuple[Run, ...]:
    """What is looked at anyway: whether things agree that each look well alone."""
    known = {run.check.id for run in asked}
    wanted = (Requirement(one, why="nobody asked") for one in UNASKED)
    runs = (Run(check, one) for one in wanted for check in empty.checks_of(one))
    return tuple(run for run in runs if run.check.id not in known and not _alone(run.check))


async def inspect(
    planned: Plan,
    probes: Probes,
    *,
    checklist: str,
    target: str,
    progress: Progress | None = None,
    limit_seconds: float = TOTAL_LIMIT_SECONDS,
) -> Inspection:
    """Run `planned` against `probes`, at most `limit_seconds`; what did not end by then is unknown."""
    began, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    verdicts = await _run_all(planned, probes, progress or Progress(), limit_seconds)
    secrets = probes.secrets()
    clean = {key: _clean(verdict, secrets) for key, verdict in verdicts.items()}
    lines = tuple(_line(mapped, planned, clean) for mapped in planned.lines)
    beside = (Answer(one.check, one.requirement, clean[one.key]) for one in planned.unasked)
    found = tuple(one for one in beside if one.verdict.status is Status.FAIL)
    return Inspection(checklist, target, started_at, time.monotonic() - began, lines, findings=found)


async def _run_all(planned: Plan, probes: Probes, progress: Progress, limit_seconds: float) -> Mapping[Key, Verdict]:
    runs = (*planned.runs, *planned.unasked)
    verdicts: dict[Key, Verdict] = {}
    room = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def one(run: Run) -> None:
        async with room:
            verdicts[run.key] = await _verdict(run, probes)
            progress.on_check(len(verdicts), len(runs), run.check.title)

    try:
        async with asyncio.timeout(limit_seconds):
            await asyncio.gather(*(one(run) for run in planned.runs if not _alone(run.check)))
            # After the lines, so that they never lack a request for it, and before what uses up limits.
            await asyncio.gather(*(one(run) for run in planned.unasked))
            # One after the other, and last: they use up limits that others would run into, or stop what others ask.
            for run in sorted((run for run in runs if _alone(run.check)), key=lambda run: _disrupts(run.check)):
                await one(run)
    except TimeoutError:
        late = _unknown(f"the inspection ended after {limit_seconds:g} seconds, before this check did")
        return {run.key: verdicts.get(run.key, late) for run in runs}
    return verdicts


def _alone(check: Check) -> bool:
    return check.provokes or _disrupts(check)


def _disrupts(check: Check) -> bool:
    return check.blast_radius is BlastRadius.DISRUPTIVE


async def _verdict(run: Run, probes: Probes) -> Verdict:
    missing = sorted(name for name in run.check.needs if getattr(probes, name, None) is None)
    if missing:
        # the names of a service are known from its address
        asked = [name for name in missing if name != "names" or "http" not in missing]
        remedy = "add to target.toml: " + "; ".join(PROBE_REMEDIES.get(name, f"[{name}]") for name in asked)
        return _unknown(f"the target offers no {' and no '.join(missing)}", remedy)
    limit = _limit_of(run.check)
    try:
        async with asyncio.timeout(limit):
            verdict = await run.check.run(probes, run.requirement)
    except Unobservable as hidden:
        return _unknown(hidden.problem, hidden.remedy)
    except TimeoutError:
        return _unknown(f"no verdict within {limit:g} seconds")
    except Exception as defect:  # noqa: BLE001 - a defect of one check must not take the others' verdicts with it
        return _unknown(
            f"the check {run.check.id} itself broke ({type(defect).__name__}: {defect})", "please report it"
        )
    if verdict.status in results.VERIFIED and not verdict.evidence:
        return _unknown(
            f"the check {run.check.id} concluded {verdict.status} without showing anything", "please report it"
        )
    return verdict


def _limit_of(check: Check) -> float:
    """Reading a tree is bounded by its size and waits for nobody, but for other checks that read it first."""
    return max(check.timeout_seconds, READING_LIMIT_SECONDS) if check.needs == {"repo"} else check.timeout_seconds


def _unknown(summary: str, remedy: str = "") -> Verdict:
    return Verdict(Status.UNKNOWN, summary, remediation=Remediation(remedy) if remedy else None)


def _clean(verdict: Verdict, secrets: frozenset[str]) -> Verdict:
    """`verdict` with every known secret masked by value, after checks masked what looks like one."""

    def mask(text: str) -> str:
        return printable(redact(text, secrets))

    def clean(evidence: Evidence) -> Evidence:
        return replace(
            evidence, asked=mask(evidence.asked), answer=mask(evidence.answer), vantage=mask(evidence.vantage)
        )

    mend = verdict.remediation
    return replace(
        verdict,
        summary=mask(verdict.summary),
        evidence=tuple(clean(evidence) for evidence in verdict.evidence),
        remediation=Remediation(mask(mend.text), mask(mend.patch) if mend.patch else None) if mend else None,
    )


def _line(mapped: Mapped, planned: Plan, verdicts: Mapping[Key, Verdict]) -> LineResult:
    if mapped.left_out:
        return LineResult(mapped, Status.HUMAN, (), f"the checklist leaves it to people: {mapped.left_out}")
    if mapped.unmeasurable:
        return LineResult(mapped, Status.UNKNOWN, (), mapped.unmeasurable)
    answers: list[Answer] = []
    statuses: list[Status] = []
    for requirement in mapped.requirements:
        checks = planned.checks_of(requirement)
        own = [Answer(check, requirement, verdicts[Run(check, requirement).key]) for check in checks]
        answers += own
        statuses.append(_status(requirement, own))
    status = results.of_mapped(mapped, statuses)
    beyond = _beyond(mapped, status, answers)
    if beyond:
        settled = LineResult(mapped, status, tuple(answers))
        return replace(settled, status=Status.UNKNOWN, reason=_of_remainder(settled, beyond), beyond=beyond)
    if status is Status.FAIL and mapped.item.conditional:
        return _asked_in_a_case(LineResult(mapped, status, tuple(answers)))
    return LineResult(mapped, status, tuple(answers), _reason(mapped, planned, answers))


def _beyond(mapped: Mapped, status: Status, answers: Sequence[Answer]) -> tuple[str, ...]:
    """What keeps a settled line from its verdict: words that none of the answers it rests on looked at."""
    decisive = results.decisive(mapped, status)
    seen = [Answered(one.check, one.requirement, one.verdict) for one in answers if one.verdict.status is decisive]
    if status is Status.PASS:
        return remainder.beyond(mapped, seen)
    if status is Status.NOT_APPLICABLE:
        return tuple(remainder.narrowed(mapped, seen))
    return remainder.off_the_point(mapped, seen) if status is Status.FAIL else ()


def _of_remainder(settled: LineResult, beyond: Sequence[str]) -> str:
    words = ", ".join(repr(word) for word in beyond)
    if settled.status is Status.FAIL:
        return f"what failed is not {words}: {settled.summary}"
    asked = "a line of its own, or a comment, may say what that asks"
    return f"what was seen holds ({settled.summary}), but nothing looked at {words}: {asked}"


def _asked_in_a_case(failed: LineResult) -> LineResult:
    """A line that asks only "if needed" has not failed as long as nobody knows whether it is."""
    condition = words.condition_of(failed.item.text)
    return replace(failed, status=Status.UNKNOWN, reason=f"asked only {condition!r}; seen: {failed.summary}")


def _status(requirement: Requirement, own: Sequence[Answer]) -> Status:
    """What its checks come to; what only people know stays theirs where no check settles it."""
    status = results.of_requirement(own)
    return Status.HUMAN if status is Status.UNKNOWN and kind_of(requirement.id) is Kind.HUMAN else status


def _reason(mapped: Mapped, planned: Plan, answers: Sequence[Answer]) -> str:
    if not mapped.requirements:
        return "nothing here recognises what this line asks"
    if mapped.item.kind is Kind.HUMAN:
        return "only people know"
    silent = [one for one in mapped.requirements if not planned.checks_of(one)]
    if silent and (others := planned.catalogue.get(silent[0].id)):
        radius = others[0].blast_radius
        return f"{silent[0].id} is only seen by {radius} checks, which were not allowed (--allow {radius})"
    if silent:
        return f"no check looks at this yet ({silent[0].id}: {BY_ID[silent[0].id].title.lower()})"
    said = answers[0].verdict.summary if answers else ""
    return f"the line says it is off; seen, and no proof of that: {said}" if mapped.sense is Sense.OPPOSITE else said

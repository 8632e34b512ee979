"""A gate by requirement: each of those named must have passed, whatever became of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection import results
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.nearest import nearest
from roadworthy.inspection.requirements import BY_ID, kind_of
from roadworthy.inspection.results import Inspection, LineResult

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.HUMAN, Status.PASS, Status.NOT_APPLICABLE)


class UnknownRequirement(InspectionError):
    """A requirement is asked for that nobody declared."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one required id. `status` is None where no line of the checklist asks for it."""

    requirement: str
    status: Status | None
    words: str
    attested: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was seen to hold, or is one that only people can judge and somebody vouches for."""
        return self.status is Status.PASS or self.attested


def required(options: Iterable[str]) -> tuple[str, ...]:
    """Ids as typed, with commas or one an option; each once.

    Raises:
        UnknownRequirement: with the nearest that exists.
    """
    ids = dict.fromkeys(part.strip() for option in options for part in option.split(",") if part.strip())
    for one in ids:
        if one not in BY_ID:
            raise UnknownRequirement(
                f"--require {one}: there is no such requirement{nearest(one, BY_ID)}",
                "`roadworthy inspect CHECKLIST.md --plan` shows the ids that its lines ask for",
            )
    return tuple(ids)


def judge(found: Inspection, ids: Sequence[str]) -> tuple[Judged, ...]:
    """What became of each of `ids` over all lines that ask for it: the worst of them."""
    return tuple(_judged(found, one) for one in ids)


def _judged(found: Inspection, requirement: str) -> Judged:
    asking = [line for line in found.lines if any(one.id == requirement for one in line.mapped.requirements)]
    if not asking:
        return Judged(requirement, None, "no line of the checklist asks for it")
    status, line = min(((_status(line, requirement), line) for line in asking), key=_rank)
    attested = kind_of(requirement) is Kind.HUMAN and all(_vouched_for(line) for line in asking)
    return Judged(requirement, status, f"{_words(line, requirement, status)} (line {line.item.line})", attested)


def _rank(found: tuple[Status, LineResult]) -> int:
    return _WORST_FIRST.index(found[0])


def _status(line: LineResult, requirement: str) -> Status:
    own = [answer for answer in line.answers if answer.requirement.id == requirement]
    if own:
        return results.of_requirement(own)
    return Status.HUMAN if kind_of(requirement) is Kind.HUMAN else Status.UNKNOWN


def _vouched_for(line: LineResult) -> bool:
    return any(one.stands and not one.is_waiver for one in line.statements)


def _words(line: LineResult, requirement: str, status: Status) -> str:
    own = (answer for answer in line.answers if answer.requirement.id == requirement)
    same = next((answer for answer in own if answer.verdict.status is status), None)
    seen = same.verdict.summary if same else line.reason or line.summary
    return "; ".join([seen, *(one.sentence for one in line.statements)])

"""What an inspection found: a verdict a check, a status a line, and figures over all of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roadworthy.contracts.checks import Kind, Severity, Status, Verdict
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Check, Item, Requirement
from roadworthy.inspection.observation import digest_of
from roadworthy.inspection.statements import Statement

VERIFIED = frozenset({Status.PASS, Status.FAIL, Status.NOT_APPLICABLE})
SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)
MEND_FIRST = 3
TURNED = {Status.PASS: Status.FAIL, Status.FAIL: Status.PASS}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check concluded about one requirement."""

    check: Check
    requirement: Requirement
    verdict: Verdict


@dataclass(frozen=True)
class LineResult:
    """What became of a line. `reason` is said where no check had anything to conclude.

    `statements` are what people say about it; the status never rests on them. `beyond` are words of the line that no
    answer looked at, where these keep it from its verdict.
    """

    mapped: Mapped
    status: Status
    answers: tuple[Answer, ...] = ()
    reason: str = ""
    statements: tuple[Statement, ...] = ()
    beyond: tuple[str, ...] = ()

    @property
    def item(self) -> Item:
        """The line itself."""
        return self.mapped.item

    @property
    def verified(self) -> bool:
        """Whether something was observed that settles it."""
        return self.status in VERIFIED

    @cached_property
    def deciding(self) -> Answer | None:
        """The answer that the status rests on: the weightiest of those that say the same."""
        if (
            self.status is Status.UNKNOWN
            and (self.beyond or self.mapped.unread or self.item.conditional)
            and self.reason
        ):
            return None
        same = [answer for answer in self.answers if answer.verdict.status == decisive(self.mapped, self.status)]
        return max(same, key=_helpfulness if self.status is Status.UNKNOWN else _weight, default=None)

    @property
    def summary(self) -> str:
        """One sentence: what was seen, or why nothing was; of a line that states trouble, what that means."""
        if self.deciding is None:
            return self.reason
        return f"{self._news}{self.deciding.verdict.summary}"

    @property
    def _news(self) -> str:
        if self.mapped.sense is Sense.INVERSE and self.status is Status.FAIL:
            return "a tick here is bad news: " if self.holds else "the line names trouble, and there is some: "
        false = Status.PASS if self.mapped.sense is Sense.INVERSE else Status.FAIL
        return "not as the line says: " if self.mapped.sense is not Sense.ASKED and self.status is false else ""

    @property
    def holds(self) -> bool:
        """Whether what the line says is so, and its box ticked; where the line states trouble, that is bad news."""
        if self.mapped.sense is Sense.INVERSE:
            return self.status is Status.FAIL and self.mapped.shown_by_failure and not self.mapped.unread
        return self.status is Status.PASS

    @property
    def severity(self) -> Severity:
        """How much the failure matters; little where the line is wrong rather than the system."""
        return (
            self.deciding.check.severity if self.deciding and self.mapped.sense is not Sense.OPPOSITE else Severity.LOW
        )

    @property
    def waived(self) -> bool:
        """Whether somebody answers for the failure today; it is a failure all the same."""
        return any(one.is_waiver and one.stands for one in self.statements)

    @property
    def remedy_key(self) -> object:
        """What tells whether two failures are mended by the same: the remedy with its patch, else the check."""
        if self.deciding is None:
            return self.item.line
        return self.deciding.verdict.remediation or self.deciding.check.id

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over what was seen, moments left out, and what people say."""
        seen = sorted(" ".join((one.check.id, one.verdict.status, *_digests(one.verdict))) for one in self.answers)
        said = [one.sentence for one in self.statements]
        return hashlib.sha256("\n".join([str(self.status), *seen, *said]).encode()).hexdigest()[:16]


def decisive(mapped: Mapped, status: Status) -> Status:
    """The status of the answers that the status of a line rests on."""
    return TURNED.get(status, status) if mapped.sense is Sense.OPPOSITE else status


def _weight(answer: Answer) -> int:
    return answer.check.strength


def _helpfulness(answer: Answer) -> tuple[bool, int]:
    """Of checks that saw nothing the one that says what to do comes first, however weighty the others would be."""
    return answer.verdict.remediation is not None, answer.check.strength


def _digests(verdict: Verdict) -> tuple[str, ...]:
    """Of the evidence; where there is none, of the words, without figures that differ from run to run."""
    return tuple(one.digest for one in verdict.evidence) or (digest_of(re.sub(r"\d+", "#", verdict.summary)),)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A part of the target that does not answer: what stands in the way, and what to type to see it oneself."""

    part: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Inspection:
    """Everything that was found. `seconds` is how long it took, `started_at` when it began (RFC 3339, UTC).

    `unreachable` are the parts of the target that did not answer; `notes` what to know about people's statements.
    `findings` are failures of what no line asks: they stand beside the lines, and change no status and no exit code.
    """

    checklist: str
    target: str
    started_at: str
    seconds: float
    lines: tuple[LineResult, ...]
    unreachable: tuple[Unreachable, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Answer, ...] = ()

    @cached_property
    def counts(self) -> Mapping[Status, int]:
        """How many lines of each status."""
        found = Counter(line.status for line in self.lines)
        return {status: found[status] for status in Status}

    @property
    def verified(self) -> int:
        """Lines that something observed settles."""
        return sum(line.verified for line in self.lines)

    @property
    def attested(self) -> int:
        """Lines that only people can judge and somebody vouches for today."""
        human = (line for line in self.lines if line.status is Status.HUMAN)
        return sum(any(one.stands and not one.is_waiver for one in line.statements) for line in human)

    @property
    def machine_lines(self) -> tuple[LineResult, ...]:
        """Lines that a machine could verify."""
        return tuple(line for line in self.lines if line.item.kind is Kind.MACHINE)

    @property
    def coverage(self) -> float:
        """Verified machine lines over machine lines, 0 to 1; 0 where there is none."""
        machine = self.machine_lines
        return sum(line.verified for line in machine) / len(machine) if machine else 0.0

    @property
    def failures(self) -> tuple[LineResult, ...]:
        """Failed lines, the most severe first, then as they stand in the document."""
        failed = (line for line in self.lines if line.status is Status.FAIL)
        return tuple(sorted(failed, key=lambda line: (SEVERITIES.index(line.severity), line.item.line)))

    @property
    def mend_first(self) -> tuple[LineResult, ...]:
        """The failures to mend first: of those that one remedy mends only one, at most three.

        What somebody has waived comes after the others: it has an owner and a day already.
        """
        by_remedy: dict[object, LineResult] = {}
        for line in sorted(self.failures, key=lambda line: line.waived):
            by_remedy.setdefault(line.remedy_key, line)
        return tuple(by_remedy.values())[:MEND_FIRST]


def of_requirement(answers: Iterable[Answer]) -> Status:
    """What several checks come to: the strongest evidence that saw anything decides, and a fail wins a draw."""
    settled = [answer for answer in answers if answer.verdict.status in VERIFIED]
    if not settled:
        return Status.UNKNOWN
    strongest = max(answer.check.strength for answer in settled)
    seen = {answer.verdict.status for answer in settled if answer.check.strength == strongest}
    return next(status for status in (Status.FAIL, Status.PASS, Status.NOT_APPLICABLE) if status in seen)


def of_line(statuses: Iterable[Status], *, any_of: bool) -> Status:
    """A line holds when all it asks holds; of alternatives one is enough. What does not apply counts for neither."""
    seen = set(statuses)
    order = (
        (Status.PASS, Status.UNKNOWN, Status.HUMAN, Status.FAIL)
        if any_of
        else (Status.FAIL, Status.UNKNOWN, Status.HUMAN, Status.PASS)
    )
    return next((status for status in order if status in seen), Status.NOT_APPLICABLE if seen else Status.UNMAPPED)


def of_mapped(mapped: Mapped, statuses: Sequence[Status]) -> Status:
    """What the statuses of all that a line asks, in order, come to: every group of alternatives needs one that holds.

    A line that claims the opposite is false where the thing is seen, and true only where a failure shows its lack.
    """
    groups = ([statuses[i] for i in group] for group in mapped.groups)
    status = of_line([of_line(group, any_of=True) for group in groups], any_of=False)
    if mapped.sense is not Sense.OPPOSITE:
        return status
    if mapped.unread or (status is Status.FAIL and not mapped.shown_by_failure):
        return Status.UNKNOWN
    return TURNED.get(status, status)

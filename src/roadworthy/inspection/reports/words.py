"""Words that every report shares: figures in a sentence, text from outside made harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.results import VERIFIED, Inspection, LineResult

NUMBERS_SHOWN = 12
STATUS_WORDS: Mapping[Status, str] = {
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.HUMAN: "human",
    Status.UNMAPPED: "not understood",
    Status.PASS: "passed",
    Status.NOT_APPLICABLE: "not applicable",
}


def count(number: int, one: str, many: str = "") -> str:
    """`1 line`, `2 lines`; `many` where the plural is no plain s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def flat(text: str) -> str:
    """`text` on one line, without anything that steers a terminal."""
    return " ".join(printable(text).split())


def title_of(line: LineResult) -> str:
    """What the line says, redacted, on one line."""
    return flat(redact(line.item.text)).rstrip(" :")


def coverage_line(found: Inspection) -> str:
    """As in "61 of 99 lines verified, 12 failed, 20 unknown, 6 human (2 attested)"."""
    counts = found.counts
    parts = [f"{found.verified} of {count(len(found.lines), 'line')} verified", f"{counts[Status.FAIL]} failed"]
    for status in (Status.UNKNOWN, Status.HUMAN, Status.UNMAPPED):
        if counts[status]:
            attested = f" ({found.attested} attested)" if status is Status.HUMAN and found.attested else ""
            parts.append(f"{counts[status]} {STATUS_WORDS[status]}{attested}")
    return ", ".join(parts)


def verified_line(found: Inspection) -> str:
    """What the verified lines came to: "verified: 40 passed, 12 failed, 9 not applicable"."""
    shown = [f"{found.counts[s]} {STATUS_WORDS[s]}" for s in (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE)]
    return "verified: " + ", ".join(shown)


def share_line(found: Inspection) -> str:
    """The coverage, with what it is a share of: "of the 85 lines that a machine can judge alone, 61 (72%)"."""
    seen, of = machine_lines(found)
    if not of:
        return "no line that a machine can judge"
    percent = 100 * seen // of  # rounded down, so that 100 means all
    return f"of the {count(of, 'line')} that a machine can judge alone, {seen} (coverage {percent}%)"


def machine_lines(found: Inspection) -> tuple[int, int]:
    """How many lines of the machine kind are verified, and how many there are."""
    machine = [line for line in found.lines if line.item.kind is Kind.MACHINE]
    return sum(line.status in VERIFIED for line in machine), len(machine)


def statements_of(line: LineResult) -> list[str]:
    """What people say about the line, a sentence each."""
    return [flat(one.sentence) for one in line.statements]


def line_numbers(several: Sequence[LineResult]) -> str:
    """As in "lines 3, 5, 8 and 4 more"."""
    numbers = [str(line.item.line) for line in several]
    more = f" and {len(numbers) - NUMBERS_SHOWN} more" if len(numbers) > NUMBERS_SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(numbers[:NUMBERS_SHOWN])}{more}"


def sharing(found: Inspection, line: LineResult) -> list[LineResult]:
    """The other failures that mending `line` mends as well."""
    return [one for one in found.failures if one is not line and one.remedy_key == line.remedy_key]

"""The report for readers: one HTML page that holds everything it shows, asks nobody for anything and runs no script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from roadworthy.contracts.checks import Severity, Status
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports.sarif import documentation_url
from roadworthy.inspection.reports.words import (
    count,
    coverage_line,
    flat,
    line_numbers,
    share_line,
    sharing,
    title_of,
)
from roadworthy.inspection.results import Inspection, LineResult

_BACKTICKS = re.compile(r"`([^`]{1,300})`")
FOLDER = Path(__file__).parent / "templates"
ORDER = (Status.FAIL, Status.UNKNOWN, Status.PASS, Status.NOT_APPLICABLE, Status.HUMAN, Status.UNMAPPED)
WORDS: Mapping[Status, str] = {
    Status.FAIL: "failed",
    Status.UNKNOWN: "could not be seen",
    Status.PASS: "passed",
    Status.NOT_APPLICABLE: "not applicable",
    Status.HUMAN: "only people know",
    Status.UNMAPPED: "not understood",
}
MARKS: Mapping[Status, str] = {
    Status.FAIL: "✗",
    Status.UNKNOWN: "?",
    Status.PASS: "✓",
    Status.NOT_APPLICABLE: "-",
    Status.HUMAN: "☺",
    Status.UNMAPPED: "·",
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One status in a bar: where it begins and how wide it is, in thousandths of the bar."""

    status: Status
    count: int
    start: float
    width: float

    @property
    def words(self) -> str:
        """What it counts: "12 failed"."""
        return f"{self.count} {WORDS[self.status]}"


@dataclass(frozen=True, slots=True)
class Group:
    """The lines under one heading, with their bar. `number` tells groups apart that have the same heading."""

    number: int
    heading: str
    above: str
    lines: Sequence[LineResult]
    bar: Sequence[Slice]


def encode(found: Inspection) -> bytes:
    """The page as UTF-8."""
    return render(found).encode("utf-8", "replace")


def render(found: Inspection) -> str:
    """The page; whatever came from the target, the checklist or people is shown as text and nothing else."""
    template, style = _template()
    return template.render(
        found=found,
        style=style,
        verdict=verdict(found),
        coverage=coverage_line(found),
        share=share_line(found),
        everything=slices(found.lines),
        groups=list(groups(found.lines)),
        order=[status for status in ORDER if found.counts[status]],
        docs=documentation_url(),
        sharing=sharing,
    )


def verdict(found: Inspection) -> str:
    """What a reader takes home, in a sentence."""
    failed, unseen = found.counts[Status.FAIL], found.counts[Status.UNKNOWN] + found.counts[Status.UNMAPPED]
    critical = sum(line.severity is Severity.CRITICAL for line in found.failures)
    if failed:
        worst = f", {critical} of them critical" if critical else ""
        return f"{count(failed, 'line')} {'does' if failed == 1 else 'do'} not hold{worst}."
    if not found.verified:
        return "Nothing could be verified."
    return f"All that could be seen holds; {count(unseen, 'line')} could not be." if unseen else "Everything holds."


def slices(lines: Iterable[LineResult]) -> list[Slice]:
    """The bar of `lines`: statuses that occur, in a fixed order."""
    statuses = [line.status for line in lines]
    bar, start = list[Slice](), 0.0
    for status in ORDER:
        if number := statuses.count(status):
            width = 1000 * number / len(statuses)
            bar.append(Slice(status, number, round(start, 2), round(width, 2)))
            start += width
    return bar


def groups(lines: Iterable[LineResult]) -> Iterable[Group]:
    """Lines under the heading that they stand under, in the document's order."""
    for number, (section, found) in enumerate(groupby(lines, key=lambda line: line.item.section)):
        inside = list(found)
        words = [flat(redact(one)) for one in section]
        yield Group(number, words[-1] if words else "", " / ".join(words[:-1]), inside, slices(inside))


def _with_code(text: str) -> Markup:
    """`text` escaped, its backticks as the code that they mean."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - everything but our own tags is escaped


@cache
def _template() -> tuple[Template, Markup]:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        flat=flat,
        printable=printable,
        title=lambda line: _with_code(title_of(line)),
        mark=lambda status: MARKS[status],
        words=lambda status: WORDS[status],
        numbers=line_numbers,
        capitalised=lambda text: text[:1].upper() + text[1:],
        day=lambda moment: moment.replace("T", " ").removesuffix("Z") + " UTC",
    )
    # Our own file, and the only text that is not escaped.
    style = Markup((FOLDER / "report.css").read_text("utf-8"))  # noqa: S704 - see the comment
    return environment.get_template("report.html"), style

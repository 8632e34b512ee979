"""The line under an item that says what was seen: written at one run, recognised at the next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadworthy.contracts.checks import Status
from roadworthy.inspection.observation import bounded, printable
from roadworthy.inspection.statements import Standing

SUMMARY_LIMIT_CHARACTERS = 180
BLANK = " \t "
"""What an evidence line reads as: empty to Markdown, and still told from an empty line that the author wrote."""
_LINE = re.compile(
    r"^[\s>]*<sub>roadworthy: (?P<status>[a-z_]+) \((?P<date>\d{4}-\d\d-\d\d), (?P<digest>[0-9a-f]{16})\) .*</sub>\s*$"
)
INLINE = re.compile(
    r" ?<sub>roadworthy: (?P<status>[a-z_]+) \(\d{4}-\d\d-\d\d, (?P<digest>[0-9a-f]{16})\) [^<\r\n]*</sub>"
)
"""The same inside the cell of a table."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = re.compile(r"([\\`*\[\]~$|])")


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """What stands under an item. `date` is the day of the observation, `digest` 16 hexadecimal digits over it.

    `status` is the verdict, or of a line that only people can judge how their word for it stands. `people` is what
    they say beside a verdict.
    """

    status: Status | Standing
    date: str
    digest: str
    summary: str
    people: str = ""

    def render(self, indent: str) -> str:
        """One line of Markdown that shows small under the item, on GitHub as in an editor."""
        said = "; ".join(_inert(part) for part in (self.summary, self.people) if part)
        return f"{indent}<sub>roadworthy: {self.status} ({self.date}, {self.digest}) {said}</sub>"

    def same_as(self, line: str) -> bool:
        """Whether `line`, or the evidence in a cell, already says this: verdict and digest count, the day does not."""
        match = _LINE.match(line) or INLINE.match(line)
        return match is not None and (match["status"], match["digest"]) == (str(self.status), self.digest)


def without(line: str) -> str:
    """`line` without the evidence that an earlier run wrote into it."""
    return INLINE.sub("", line) if "<sub>roadworthy: " in line else line


def is_evidence(line: str) -> bool:
    """Whether an earlier run wrote `line`."""
    return "<sub>roadworthy: " in line and _LINE.match(line) is not None


def _inert(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would act on."""
    flat = bounded(" ".join(printable(text).split()), SUMMARY_LIMIT_CHARACTERS)
    return _MARKS.sub(r"\\\1", flat).translate(_ENTITIES)

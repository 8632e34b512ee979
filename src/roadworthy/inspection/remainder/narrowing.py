"""Lines that ask for one thing of many, of which a requirement is met by others as well.

A page's title and its Open Graph tags are both what search engines find, and one says nothing of the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.remainder.covering import Answered
from roadworthy.inspection.remainder.reading import saying

NARROWING, FAILING = "narrowing", "failing"
"""What must have been seen before a line holds, and before it fails."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What `said` finds in a line about `ids` counts as looked at where evidence holds `shown`, or the very words."""

    ids: frozenset[str]
    said: re.Pattern[str]
    shown: re.Pattern[str] | None


@cache
def table(name: str = NARROWING) -> tuple[Narrowed, ...]:
    """The rows of the file `name`.words."""
    text = resources.files(__package__).joinpath(f"{name}.words").read_text("utf-8")
    return tuple(_row(line) for line in text.splitlines() if line and not line.startswith("# "))


def _row(line: str) -> Narrowed:
    ids, said, *shown = line.split(" :: ")
    return Narrowed(
        frozenset(one.strip() for one in ids.split(",")),
        re.compile(said, re.IGNORECASE),
        re.compile(shown[0], re.IGNORECASE | re.DOTALL) if shown else None,
    )


def narrowed(mapped: Mapped, decisive: Sequence[Answered], name: str = NARROWING) -> Iterator[str]:
    """Words that narrow the line to something which the evidence of none of the `decisive` answers shows."""
    asked = {need.id for need in mapped.requirements}
    evidence = " ; ".join(one.seen for one in decisive)
    said = saying(mapped.item.text)
    for row in table(name):
        found = row.said.search(said) if row.ids & asked else None
        if found and not (row.shown or re.compile(re.escape(found[0]), re.IGNORECASE)).search(evidence):
            yield found[0].strip()

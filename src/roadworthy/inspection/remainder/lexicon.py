"""Words that carry a claim of their own, read from the files beside this module: see the head of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

LONGEST = 3
"""Words of a name."""
_WORD = re.compile(r"[a-z0-9]+")


class Sort(StrEnum):
    """What makes a word a claim, and so what must have been looked at."""

    THING = "thing"
    STRONG = "strong"
    WEAK = "weak"
    EVERY = "every"
    BEHAVES = "behaves"
    WHO = "who"
    ACT = "act"
    OPPOSITE = "opposite"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Entry:
    """`spellings` are all that it goes by, without spaces; `proper`: only with a capital inside a line."""

    sort: Sort
    spellings: frozenset[str]
    proper: bool = False


def plain(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without signs."""
    return tuple(_WORD.findall(text.lower()))


@cache
def entries(sort: Sort) -> Mapping[str, Entry]:
    """Spelling -> entry."""
    return {spelling: entry for entry in _FILES[sort](sort) for spelling in entry.spellings}


def _things(sort: Sort) -> Iterator[Entry]:
    for line in _lines("things"):
        yield _entry(line.lstrip("^"), sort, proper=line.startswith("^"))


def _qualifiers(sort: Sort) -> Iterator[Entry]:
    section = ""
    for line in _lines("qualifiers"):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == sort:
            yield _entry(line.lstrip("^"), sort, proper=line.startswith("^"))


def _listed(sort: Sort) -> Iterator[Entry]:
    for line in _lines(f"{sort}s"):
        for word in line.split(","):
            yield _entry(word, sort)


def _entry(line: str, sort: Sort, *, proper: bool = False) -> Entry:
    name, _, others = line.partition("=")
    return Entry(sort, frozenset("".join(plain(one)) for one in (name, *others.split(",")) if one.strip()), proper)


def _lines(name: str) -> Iterator[str]:
    text = resources.files(__package__).joinpath(f"{name}.words").read_text("utf-8")
    return (line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


_FILES = {
    Sort.THING: _things,
    Sort.STRONG: _qualifiers,
    Sort.WEAK: _qualifiers,
    Sort.EVERY: _qualifiers,
    Sort.BEHAVES: _qualifiers,
    Sort.WHO: _qualifiers,
    Sort.ACT: _listed,
    Sort.OPPOSITE: _listed,
}

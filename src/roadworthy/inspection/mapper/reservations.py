"""What a line says beyond what its requirements look at: a line with such a remainder can't be said to hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from roadworthy.inspection.mapper.rules import Match
from roadworthy.inspection.mapper.text import Line
from roadworthy.inspection.model import Requirement

DENIALS = frozenset(["not", "no", "never", "without", "don", "doesn", "isn", "aren", "cannot", "unnecessary"])
SWITCHES = frozenset(
    ["disabled", "disable", "disables", "removed", "remove", "hidden", "hide", "forbidden", "prohibited", "blocked"]
)
WHOLE_LINES = frozenset(["subject"])
"""Parameters that repeat the line's words, figures and all."""
DENIED_BUT_NOT_SWITCHED = frozenset(["db.slowq", "jobs.retry", "mon.errors", "test.unit", "perf.errors"])
"""No slow queries is good; the log of slow queries disabled is not."""
_SWITCHED_OFF = re.compile(r"\b(?:is|are|be|turned?|switch(?:ed)?|set to|=)\s+[`'\"]?off\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w./:#-])(\d+(?:[.,]\d+)*)(?![\w./:-]*[a-z]*/\w)(?![.:]?\d)")
"""A figure standing by itself: no part of a name, a version in a path, an address or a date."""
_AUDIENCE = re.compile(r"\d[\d,.]*\s?[km]?\+?\s+(?:(?:concurrent|simultaneous|active)\s+)?users\b", re.IGNORECASE)
"""Whom it is for ("for 1,000+ users"): a figure only where load is what the line is about."""
_SAID_WELL = re.compile(
    r"\b(?:http|status|code|with|an?|returns?|answers?|retourne|gives?)\s+`?20[0-4]\b", re.IGNORECASE
)
"""An answer that is well, which every check of an answer looks for."""
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_UNITS = (1, 60, 3600, 86_400, 604_800, 1000, 1e6, 1024, 1024**2, 1024**3, 100, 24, 7, 30)
"""What a figure is multiplied or divided by on its way into a parameter: minutes, percent, megabytes."""


_NOT_EVADED = re.compile(
    r"\b(?:not|cannot|can't|doesn't|don't)\s+(?:be\s+)?(?:bypass|circumvent|evade|escape|get around|spoof)",
    re.IGNORECASE,
)
"""What holds although somebody tries: the wish itself."""


def negation(line: Line, matches: Sequence[Match], natural: frozenset[str]) -> str:
    """The word by which `line` asks for the lack of what its requirements look for; empty if there is none.

    A word that a rule itself looks for is part of what it recognises ("docs disabled"). `natural` are the requirements
    that are met by the lack of something, and may be denied in any words ("no slow queries").
    """
    read = frozenset().union(*(match.taken for match in matches))
    natural &= {match.requirement for match in matches}
    if natural - DENIED_BUT_NOT_SWITCHED or _NOT_EVADED.search(line.item.text):
        return ""
    looked_for = SWITCHES if natural else SWITCHES | DENIALS
    outside = set(re.split(r"[\s'\u2019]+", line.outside_parentheses.lower()))
    for word in line.own:
        if word.text in looked_for and word.position not in read and any(word.text in given for given in outside):
            return word.text
    off = any(word.text == "off" and word.position in read for word in line.own)
    return "off" if not off and _SWITCHED_OFF.search(line.outside_parentheses) else ""


def unread_figures(line: Line, asked: Sequence[Requirement]) -> Iterator[str]:
    """Figures of `line`, outside parentheses, that no requirement carries: "at least 50" where no size is read."""
    read = [value for one in asked for name, value in one.params.items() if name not in WHOLE_LINES]
    carried = [figure for value in read for figure in _figures(value)]
    text = _SAID_WELL.sub(" ", line.outside_parentheses)
    if not any(one.id.startswith("perf.") for one in asked):
        text = _AUDIENCE.sub(" ", text)
    for match in _NUMBER.finditer(text):
        figure = float(match[1].replace(",", ""))
        if figure and not any(_same(figure, other) for other in carried):
            yield match[1]


def _figures(value: object) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from map(float, _FIGURE.findall(value))
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _figures(one)


def _same(figure: float, other: float) -> bool:
    return any(
        abs(figure * unit - other) < 1e-9 * max(1.0, other) or abs(figure - other * unit) < 1e-9 * figure
        for unit in _UNITS
    )

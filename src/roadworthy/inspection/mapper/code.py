"""Lines of code blocks, and variables in lines: from what stands there to the requirement it asks for.

The tables are `shapes/*.shapes`: `requirement: regular expression`, whose named groups become parameters; the first
that fits wins. `<< words` after it is a second expression, for what must stand above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from roadworthy.inspection.model import Item, Param, Requirement
from roadworthy.inspection.requirements import BY_ID

LANGUAGES = ("sql", "nginx", "shell", "python")
WHY_LIMIT_CHARACTERS = 60
_LISTS = frozenset({"columns", "names", "headers"})
_ASSIGNMENT = re.compile(r"^(?P<name>[A-Z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)*)\s?=\s?(?P<value>.*?)\s*(?:#.*)?$")

_DEVELOPMENT = re.compile(r"(?:true|1|on|yes|dev\w*|local|test\w*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shape:
    """A regular expression and what a line of that shape asks for."""

    requirement: str
    pattern: re.Pattern[str]
    above: re.Pattern[str] | None = None


class ShapeError(ValueError):
    """A line of a shapes file cannot be read; the message says which and why."""


@cache
def shapes(name: str) -> tuple[Shape, ...]:
    """The table `name`.

    Raises:
        ShapeError: an unknown requirement, or a parameter that it does not take.
    """
    text = resources.files(__package__).joinpath("shapes", f"{name}.shapes").read_text("utf-8")
    lines = enumerate(text.splitlines(), 1)
    return tuple(
        _shape(line, f"{name}.shapes:{number}") for number, line in lines if line and not line.startswith("# ")
    )


def _shape(line: str, where: str) -> Shape:
    requirement, _, body = line.partition(": ")
    if requirement not in BY_ID:
        raise ShapeError(f"{where}: no requirement is called {requirement!r}")
    pattern, _, above = body.partition("  << ")
    shape = Shape(requirement, re.compile(pattern, re.IGNORECASE), re.compile(above, re.IGNORECASE) if above else None)
    foreign = set(shape.pattern.groupindex) - set(BY_ID[requirement].params)
    if foreign:
        raise ShapeError(f"{where}: {requirement} takes no {', '.join(sorted(foreign))}")
    return shape


def map_code(item: Item) -> Requirement | None:
    """What a line of a code block asks for."""
    if item.language == "env":
        match = _ASSIGNMENT.match(item.text)
        return variable(match["name"], match["value"]) if match else None
    if item.language not in LANGUAGES:
        return None
    above = " ".join((*item.section, *item.context))
    for shape in shapes(item.language):
        match = shape.pattern.search(item.text)
        if match and (shape.above is None or shape.above.search(above)):
            why = f"{item.language} line {item.text[:WHY_LIMIT_CHARACTERS]!r}"
            return Requirement(shape.requirement, {**_place(item, shape.requirement), **dict(_params(match))}, why)
    return None


def _place(item: Item, requirement: str) -> dict[str, Param]:
    """The path of the `location` block that a directive stands in."""
    inside = [part.split()[-1] for part in item.context if part.startswith("location ")]
    return {"path": inside[-1]} if inside and item.language == "nginx" and "path" in BY_ID[requirement].params else {}


def variable(name: str, value: str | None) -> Requirement | None:
    """What setting the environment variable `name` asks for."""
    for shape in shapes("variables"):
        if shape.pattern.match(name) and not (shape.requirement == "srv.debug" and _asks_for_debugging(value)):
            told = {"name": name, "value": value.strip("\"'") if value else ""}
            params: Mapping[str, Param] = {key: word for key, word in told.items() if word}
            return Requirement(shape.requirement, params, f"variable {name}")
    return None


def _asks_for_debugging(value: str | None) -> bool:
    """Whether a setting is wanted as it is in development; only the setting itself can answer that."""
    return value is not None and _DEVELOPMENT.match(value.strip("\"' ")) is not None


def _params(match: re.Match[str]) -> Iterator[tuple[str, Param]]:
    for name, value in match.groupdict().items():
        if not value:
            continue
        bare = value.strip().strip('"')
        if name in _LISTS:
            yield name, tuple(part.strip('"') for part in re.split(r",\s*|\s+", bare) if part not in {"", "-y"})
        else:
            yield name, int(bare) if bare.isdigit() and name != "value" else bare

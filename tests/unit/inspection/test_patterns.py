"""No pattern takes the square of a long run's length: a tree of others could hold the inspector for hours."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator, Mapping

import pytest

from roadworthy.inspection import catalogue, probes
from roadworthy.inspection.probes import repo

CHARACTERS = 10_000
LIMIT_SECONDS = 0.4
ATOMS = ("\n", " \n", "# ", "a ")
"""Runs that a file may hold whatever its reader does: a single character's are cut short."""


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for package in (catalogue, probes):
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for name, value in vars(module).items():
                held = value.values() if isinstance(value, Mapping) else (value,)
                own = (one for one in held if isinstance(one, re.Pattern) and isinstance(one.pattern, str))
                yield from ((f"{found.name}.{name}", one) for one in own if one.flags & re.MULTILINE)


@pytest.mark.parametrize(("name", "pattern"), [pytest.param(*one, id=one[0]) for one in patterns()])
def test_a_pattern_over_lines_takes_no_square(name: str, pattern: re.Pattern[str]) -> None:
    for atom in ATOMS:
        text = (atom * CHARACTERS)[:CHARACTERS]
        began = time.process_time()
        for _ in pattern.finditer(text):
            pass
        assert time.process_time() - began < LIMIT_SECONDS, (name, atom)


def test_runs_in_files_are_cut_short() -> None:
    text = "a = 1\n" + "\n" * 9_000 + "b = 2\n" + "-" * 9_000
    short = repo._calmed(text)
    assert len(short) < 2 * repo.RUN_CHARACTERS + 20
    assert "a = 1" in short
    assert "b = 2" in short
    assert repo._calmed("a = 1\n\n\n") == "a = 1\n\n\n"

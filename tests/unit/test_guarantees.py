"""Every guarantee names what holds it, and what it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
HELD_BY = "held by"
NAME = re.compile(r"`((?:[\w/]*[\w-]+\.py)?(?:::\w+)?)`")


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def rows() -> Iterator[tuple[str, str]]:
    """The guarantee and the cell that says what holds it, of each table that has such a column."""
    holding = False
    for line in text_of(ROOT / "docs" / "guarantees.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            holding = False
        elif cells[-1].strip() == HELD_BY:
            holding = True
        elif holding and not set(line) <= set("|-: "):
            yield cells[0], cells[-1]


def files_called(name: str) -> Sequence[Path]:
    return [path for path in TESTS.rglob(Path(name).name) if f"/{path.relative_to(ROOT)}".endswith(f"/{name}")]


def named() -> Iterator[tuple[str, str]]:
    """File and test (perhaps none) in the order of the page; a test without a file is in the file before it."""
    file = ""
    for _, cell in rows():
        for name in NAME.findall(cell):
            path, _, test = name.partition("::")
            file = path or file
            yield file, test


def test_every_guarantee_names_what_holds_it() -> None:
    found = list(rows())
    assert len(found) > 40
    assert [guarantee for guarantee, cell in found if not any(NAME.findall(cell))] == []


@pytest.mark.parametrize(("file", "test"), sorted(set(named())))
def test_what_is_named_is_there(file: str, test: str) -> None:
    paths = files_called(file)
    assert paths, f"no tests/**/{file}"
    if test:
        assert any(re.search(rf"^(?:async )?def {test}\(", text_of(path), re.MULTILINE) for path in paths)
    elif "drills" not in paths[0].parts:
        assert any("def test_" in text_of(path) for path in paths)


def test_every_drill_is_named_and_every_named_one_is_run() -> None:
    drills = {path.name for path in (TESTS / "drills").glob("*.py") if "\nDRILL = Drill(" in text_of(path)}
    claimed = {Path(file).name for file, _ in named() if "drills/" in file and not Path(file).name.startswith("test_")}
    assert drills == claimed
    assert all(name.removesuffix(".py") in text_of(TESTS / "drills" / "__main__.py") for name in drills)

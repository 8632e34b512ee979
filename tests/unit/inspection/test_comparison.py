from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.inspection.fakes import ATTESTED, inspection, line
from typer.testing import CliRunner

from roadworthy.cli import application
from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection import comparison
from roadworthy.inspection.comparison import Change, Report, UnreadableReport
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import difference, machine
from roadworthy.inspection.results import Inspection, LineResult
from roadworthy.inspection.statements import Standing, Statement

P, F, U, N, H = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE, Status.HUMAN


def one(status: Status, text: str = "A line", number: int = 1, section: str = "Data") -> LineResult:
    return line(Item(number, (section,), text), status, summary=f"it is {status}")


def read(found: Inspection, folder: Path, name: str = "r.json") -> Report:
    (folder / name).write_bytes(machine.encode(found))
    return comparison.load(folder / name)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (F, P, Change.BETTER), (U, P, Change.BETTER), (F, N, Change.BETTER), (U, N, Change.BETTER),
        (F, U, Change.WORSE), (P, F, Change.WORSE), (U, F, Change.WORSE), (P, U, Change.WORSE), (N, U, Change.WORSE),
        (N, F, Change.WORSE), (P, N, None), (N, P, None), (P, P, None), (U, Status.UNMAPPED, None),
    ],
)  # fmt: skip
def test_what_is_better_and_what_is_worse(tmp_path: Path, before: Status, after: Status, change: Change | None) -> None:
    changes = comparison.compare(
        read(inspection(one(before)), tmp_path, "a.json"), read(inspection(one(after)), tmp_path, "b.json")
    )
    assert [found.change for found in changes] == ([change] if change else [])


def test_a_line_is_known_by_its_words_wherever_it_stands(tmp_path: Path) -> None:
    before = inspection(one(P, "Kept", 1), one(P, "Twice", 2), one(F, "Twice", 3), one(P, "Left", 4))
    after = inspection(one(U, "Came", 1), one(P, "Kept", 7), one(P, "Twice", 8), one(P, "Twice", 9))
    changes = comparison.compare(read(before, tmp_path, "a.json"), read(after, tmp_path, "b.json"))
    assert [(found.change, found.line.text, found.line.line) for found in changes] == [
        (Change.BETTER, "Twice", 9), (Change.NEW, "Came", 1), (Change.GONE, "Left", 4),
    ]  # fmt: skip


def test_a_word_that_no_longer_stands_is_worse(tmp_path: Path) -> None:
    human = line(Item(1, (), "Team trained", kind=Kind.HUMAN), H)
    over: Statement = replace(ATTESTED, standing=Standing.EXPIRED, why="x")
    before = read(inspection(replace(human, statements=(ATTESTED,))), tmp_path, "a.json")
    after = read(inspection(replace(human, statements=(over,))), tmp_path, "b.json")
    assert comparison.compare(before, after)[0].change is Change.WORSE
    assert comparison.compare(after, before)[0].change is Change.BETTER


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', "\xff\xfe", "version: 1"])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content, encoding="latin-1")
    with pytest.raises(UnreadableReport) as refused:
        comparison.load(tmp_path / "r.json")
    assert "r.json" in refused.value.problem
    assert "--json" in refused.value.remedy


def test_another_version_is_refused(tmp_path: Path) -> None:
    text = machine.encode(inspection(one(P))).replace(b'"version": 1', b'"version": 2')
    (tmp_path / "r.json").write_bytes(text)
    with pytest.raises(UnreadableReport, match="version 2"):
        comparison.load(tmp_path / "r.json")


def test_people_read_the_worse_first_and_nothing_steers_their_terminal(tmp_path: Path) -> None:
    before = read(inspection(one(P, "Went \x1b[2J[bold]x"), one(F, "Came right", 2)), tmp_path, "a.json")
    after = read(inspection(one(F, "Went \x1b[2J[bold]x"), one(P, "Came right", 2)), tmp_path, "b.json")
    console = Console(file=io.StringIO(), width=100)
    difference.show(console, before, after, comparison.compare(before, after))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.startswith("2 lines: 1 worse, 1 better, 0 new, 0 gone")
    assert text.index("passed → failed") < text.index("failed → passed")
    assert "\x1b" not in text
    assert "[bold]x" in text


def test_the_command_exits_with_1_when_something_got_worse(tmp_path: Path) -> None:
    read(inspection(one(P)), tmp_path, "a.json")
    read(inspection(one(F)), tmp_path, "b.json")
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    runner = CliRunner()
    assert runner.invoke(application(), ["inspect", "diff", a, b]).exit_code == 1
    assert runner.invoke(application(), ["inspect", "diff", b, a]).exit_code == 0
    assert runner.invoke(application(), ["inspect", "diff", a]).exit_code == 3
    assert "inspect diff" in runner.invoke(application(), ["inspect", "diff", "--help"]).output

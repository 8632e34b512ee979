from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from tests.unit.inspection.fakes import ATTESTED, WAIVED, check, inspection, line

from roadworthy.contracts.checks import Kind, Remediation, Severity, Status
from roadworthy.inspection import gate, runner
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import terminal, words
from roadworthy.inspection.results import Inspection, LineResult, Unreachable


def item(number: int, text: str = "A line", **more: Any) -> Item:
    return Item(line=number, section=("Data",), text=text, **more)


def shown(found: Inspection, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    terminal.show(console, found)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_coverage_stands_beside_every_result() -> None:
    statuses = [*[Status.PASS] * 4, *[Status.FAIL] * 2, *[Status.UNKNOWN] * 3, Status.NOT_APPLICABLE, Status.HUMAN]
    found = inspection(*(line(item(i), status) for i, status in enumerate(statuses)))
    assert words.coverage_line(found) == "7 of 11 lines verified, 2 failed, 3 unknown, 1 human"
    assert words.coverage_line(found) in shown(found)
    assert "verified: 4 passed, 2 failed, 1 not applicable" in shown(found)
    assert "of the 10 lines that a machine can judge alone, 7 (coverage 70%)" in shown(
        inspection(*(line(item(i), s) for i, s in enumerate(statuses[:10])))
    )


def severe(number: int, severity: Severity, mend: str) -> LineResult:
    """A failed line of which the check matters so much."""
    one = line(item(number, f"Line {number}"), Status.FAIL, summary=f"seen {number}", mend=mend)
    answer = replace(one.answers[0], check=replace(check(f"check{number}"), severity=severity))
    return replace(one, answers=(answer,))


def test_the_three_to_mend_first_come_first_with_their_remedy_then_the_rest_then_calm() -> None:
    severities = [Severity.LOW, Severity.CRITICAL, Severity.MEDIUM, Severity.HIGH]
    text = shown(
        inspection(line(item(9, "All well"), Status.PASS), *(severe(i, s, f"do {i}") for i, s in enumerate(severities)))
    )
    order = [
        "Mend first",
        "1. Line 1",
        "do 1",
        "2. Line 3",
        "3. Line 2",
        "Also failed (1)",
        "Line 0",
        "Holds (1)",
        "All well",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_what_could_not_be_seen_is_grouped_by_what_would_show_it() -> None:
    unseen = [line(item(i), Status.UNKNOWN, summary="no database", mend="add [postgres] dsn") for i in (3, 5)]
    text = shown(inspection(*unseen))
    assert "2 lines: no database" in text
    assert "lines 3, 5" in text
    assert text.count("add [postgres] dsn") == 1


def test_trouble_that_is_not_there_stands_by_itself() -> None:
    good, trouble = line(item(1, "Debug is off"), Status.PASS), line(item(2, "DEBUG enabled"), Status.PASS)
    trouble = replace(trouble, mapped=replace(trouble.mapped, sense=Sense.INVERSE))
    text = shown(inspection(good, trouble))
    assert "Holds (1)\n\N{CHECK MARK} Debug is off" in text
    assert "Trouble that is named, and not there (1)\n\N{EMPTY SET} DEBUG enabled: not as the line says" in text


def test_nothing_from_outside_steers_the_terminal_or_its_markup() -> None:
    hostile = line(item(1, "[bold]x[/] \x1b[2J"), Status.FAIL, summary="[link=evil]\x1b]0;title\x07", mend="\x1b[31m")
    text = shown(inspection(hostile))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x[/]" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_any_width_will_do(width: int) -> None:
    found = inspection(line(item(1, "word " * 60), Status.PASS), line(item(2), Status.FAIL, mend="m " * 100))
    assert max(map(len, shown(found, width).splitlines())) <= width


def test_the_plan_says_what_each_line_is_understood_to_ask() -> None:
    console = Console(file=io.StringIO(), width=120)
    lines = Mapper().map([item(1, "Connection pool (pool_size=9)"), item(2, "Mascot named")])
    terminal.show_plan(console, runner.plan(lines, {"db.pool": [check("db.pool.seen", "db.pool")]}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "db.pool size=9" in text
    assert "db.pool.seen" in text
    assert "not understood" in text
    assert "1 check would run" in text


def test_the_plan_says_how_a_line_is_read_that_is_not_simply_to_hold() -> None:
    console = Console(file=io.StringIO(), width=160)
    texts = ["No rollback plan exists", "gzip is disabled", "MySQL or PostgreSQL is used", "60% faster queries"]
    lines = Mapper().map([item(n, text) for n, text in enumerate((*texts, "Gunicorn behind nginx"), 1)])
    terminal.show_plan(console, runner.plan(lines, {}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "it names trouble" in text
    assert "it says that the thing is off" in text
    assert "one is enough: db.engine" in text
    assert "no check could settle it: it compares" in text
    assert "no check looks at: 'behind nginx'" in text


def test_further_lines_stand_below_the_first_and_patches_are_never_broken() -> None:
    failing = line(item(1, "word " * 30), Status.FAIL, summary="seen " * 30, mend="do " * 50)
    patch = "psql -c '" + "select 1; " * 20 + "'"
    verdict = replace(failing.answers[0].verdict, remediation=Remediation("do it", patch))
    failing = replace(failing, answers=(replace(failing.answers[0], verdict=verdict),))
    lines = shown(inspection(failing), 40).splitlines()
    assert f"    {patch}" in lines
    assert not [raw for raw in lines if raw != raw.rstrip()]
    body = lines[lines.index("Mend first") + 2 :]
    assert all(raw.startswith("  ") for raw in body)


def test_what_people_say_stands_whole_below_its_line() -> None:
    human = replace(line(item(1, "Team trained", kind=Kind.HUMAN), Status.HUMAN), statements=(ATTESTED,))
    text = shown(inspection(human), 60)
    assert "1 human (1 attested)" in text
    assert "  attested by Ana (CTO), approved by Ben, until 2027-01-01:\n  all six came" in text


def test_a_part_that_does_not_answer_is_said_first() -> None:
    silent = Unreachable("postgres", "PostgreSQL at db was not reached", "start it")
    text = shown(replace(inspection(line(item(1), Status.PASS)), unreachable=(silent,)))
    assert text.strip().startswith("\u2717 PostgreSQL at db was not reached\n  \u2192 start it")
    assert text.index("start it") < text.index("1 of 1 line verified")


def test_the_gate_says_which_are_missing_and_why() -> None:
    console = Console(file=io.StringIO(), width=100)
    judged = gate.judge(inspection(line(item(1), Status.PASS)), ["db.engine", "tls.cert"])
    terminal.show_gate(console, judged)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "Required: 1 of 2 requirements passed" in text
    assert "tls.cert missing: no line of the checklist asks for it" in text


def test_what_one_remedy_mends_is_one_thing_to_mend() -> None:
    one = [severe(n, Severity.HIGH, "schedule a dump") for n in (3, 5, 8)]
    other = [severe(n, Severity.LOW, f"do {n}") for n in (10, 11, 12)]
    found = inspection(*one, *other)
    assert [line.item.line for line in found.mend_first] == [3, 10, 11]
    text = shown(found)
    assert text.count("schedule a dump") == 1
    assert "mends lines 5, 8 as well" in text
    assert "Also failed (1)" in text


def test_a_waiver_is_shown_also_where_another_line_speaks_for_it() -> None:
    speaks, waived = severe(3, Severity.HIGH, "do it"), replace(severe(5, Severity.HIGH, "do it"), statements=(WAIVED,))
    text = shown(inspection(speaks, waived, *(severe(n, Severity.LOW, f"do {n}") for n in (10, 11))))
    assert "mends line 5 as well\n  line 5: waived by Ben" in text


def test_failures_of_which_the_same_was_seen_stand_together() -> None:
    first = [severe(n, Severity.HIGH, f"do {n}") for n in (1, 2, 3)]
    same = [line(item(n), Status.FAIL, summary="no pool", mend=f"set it, {n}") for n in (4, 5)]
    text = shown(inspection(*first, *same))
    assert "Also failed (2)" in text
    assert "2 lines: no pool  lines 4, 5, high" in text


def test_what_is_waived_is_still_a_failure_but_not_the_first_to_mend() -> None:
    worst = replace(severe(1, Severity.CRITICAL, "do 1"), statements=(WAIVED,))
    found = inspection(worst, *(severe(n, Severity.LOW, f"do {n}") for n in (2, 3, 4)))
    assert [one.item.line for one in found.mend_first] == [2, 3, 4]
    assert "0 of" not in words.coverage_line(found)
    assert "4 failed" in shown(found)
    assert "waived by Ben" in shown(found)
    assert [one.item.line for one in inspection(worst).mend_first] == [1]


def test_what_nobody_asked_for_stands_by_itself() -> None:
    one = severe(1, Severity.HIGH, "raise it").answers[0]
    quiet = inspection(line(item(1), Status.PASS))
    text = shown(replace(quiet, findings=(one,)))
    assert "Nobody asked, but (1)" in text
    assert "raise it" in text
    assert words.coverage_line(quiet) in text
    assert "Nobody asked" not in shown(quiet)

"""Which of several answers speaks for a line."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.inspection.fakes import check, line, verdict

from roadworthy.contracts.checks import Status
from roadworthy.inspection.model import Item, Strength
from roadworthy.inspection.results import Answer, LineResult


def of_two(status: Status, first: tuple[str, Strength, str], second: tuple[str, Strength, str]) -> LineResult:
    known = line(Item(1, (), "Backups run daily"), status)
    answers = tuple(
        replace(
            known.answers[0],
            check=replace(check(f"bk.{words}", "bk.scheduled"), strength=strength),
            verdict=verdict(status, words, mend=mend),
        )
        for words, strength, mend in (first, second)
    )
    return replace(known, answers=answers, reason="")


def said(found: LineResult) -> str:
    deciding = found.deciding
    assert isinstance(deciding, Answer)
    return deciding.verdict.summary


def test_of_checks_that_saw_nothing_the_one_that_says_what_to_do_speaks() -> None:
    silent, helpful = ("nothing seen", Strength.BEHAVIOUR, ""), ("not offered", Strength.FILE, "name the folder")
    assert said(of_two(Status.UNKNOWN, silent, helpful)) == "not offered"
    assert said(of_two(Status.UNKNOWN, helpful, silent)) == "not offered"


def test_of_checks_that_saw_something_the_weightiest_speaks() -> None:
    weighty, helpful = ("old backup", Strength.BEHAVIOUR, ""), ("no timer", Strength.FILE, "add one")
    assert said(of_two(Status.FAIL, weighty, helpful)) == "old backup"

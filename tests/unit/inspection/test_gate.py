from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.inspection.fakes import ATTESTED, WAIVED, check, inspection, line, verdict

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection import command, gate
from roadworthy.inspection.command import ExitCode
from roadworthy.inspection.gate import UnknownRequirement
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Item, Requirement, Strength
from roadworthy.inspection.results import Answer, LineResult


def asking(requirement: str, *statuses: Status, number: int = 1, reason: str = "") -> LineResult:
    asked = Requirement(requirement)
    answers = tuple(Answer(check(f"c{n}", requirement), asked, verdict(s)) for n, s in enumerate(statuses))
    return LineResult(
        Mapped(Item(number, (), "x"), (asked,)), statuses[0] if statuses else Status.UNKNOWN, answers, reason
    )


@pytest.mark.parametrize(
    ("lines", "status", "holds"),
    [
        ([asking("db.pool", Status.PASS)], Status.PASS, True),
        ([asking("db.pool", Status.PASS), asking("db.pool", Status.FAIL, number=2)], Status.FAIL, False),
        ([asking("db.pool", Status.PASS), asking("db.pool", Status.UNKNOWN, number=2)], Status.UNKNOWN, False),
        ([asking("db.pool", Status.PASS), asking("db.pool", Status.NOT_APPLICABLE, number=2)], Status.PASS, True),
        ([asking("db.pool", Status.NOT_APPLICABLE)], Status.NOT_APPLICABLE, False),
        ([asking("db.pool", reason="no check looks at this yet")], Status.UNKNOWN, False),
        ([asking("tls.cert", Status.PASS)], None, False),
    ],
)
def test_a_requirement_holds_only_where_it_was_seen_on_every_line(
    lines: list[LineResult], status: Status | None, holds: bool
) -> None:
    (judged,) = gate.judge(inspection(*lines), ["db.pool"])
    assert (judged.status, judged.holds) == (status, holds)
    assert judged.words


def test_the_strongest_evidence_decides() -> None:
    one = asking("db.pool", Status.PASS, Status.FAIL)
    weak = replace(one.answers[1], check=replace(one.answers[1].check, strength=Strength.FILE))
    assert gate.judge(inspection(replace(one, answers=(one.answers[0], weak))), ["db.pool"])[0].holds


def test_ids_come_with_commas_or_one_by_one() -> None:
    assert gate.required(["db.pool, tls.cert", "db.pool"]) == ("db.pool", "tls.cert")


def test_an_id_that_nobody_declared_names_the_nearest() -> None:
    with pytest.raises(UnknownRequirement, match=r"did you mean db\.pool\?"):
        gate.required(["db.poool"])


def test_only_an_attestation_that_stands_opens_a_gate_that_people_keep() -> None:
    item = Item(1, (), "approved", kind=Kind.HUMAN)
    bare = LineResult(Mapped(item, (Requirement("team.approve"),)), Status.HUMAN)
    told = replace(bare, statements=(ATTESTED,))
    failing = replace(asking("db.pool", Status.FAIL), statements=(ATTESTED, WAIVED))
    assert not gate.judge(inspection(bare), ["team.approve"])[0].holds
    assert gate.judge(inspection(told), ["team.approve"])[0].holds
    assert not gate.judge(inspection(told, replace(bare, mapped=replace(bare.mapped))), ["team.approve"])[0].holds
    assert not gate.judge(inspection(failing), ["db.pool"])[0].holds


@pytest.mark.parametrize(
    ("ids", "minimum", "expected"),
    [
        (["db.engine"], None, ExitCode.GOOD),  # the failure beside it is not asked for
        (["db.engine", "db.pool"], None, ExitCode.FAILED),
        (["db.engine"], 75.0, ExitCode.TOO_LITTLE_SEEN),
        (["db.engine", "db.pool"], 75.0, ExitCode.FAILED),
        ([], None, ExitCode.FAILED),
    ],
)
def test_required_ids_decide_the_exit_code(ids: list[str], minimum: float | None, expected: ExitCode) -> None:
    unseen = (asking("db.replica", Status.UNKNOWN, number=n) for n in range(3, 9))
    found = inspection(line(Item(1, (), "x"), Status.PASS), asking("db.pool", Status.FAIL, number=2), *unseen)
    assert command.exit_code(found, minimum, gate.judge(found, ids)) is expected

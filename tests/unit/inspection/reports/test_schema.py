"""The JSON report is a contract: exactly these keys, of these types, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from tests.unit.inspection.fakes import ATTESTED, WAIVED, check, inspection, line, verdict

from roadworthy.contracts.checks import BlastRadius, Kind, Severity, Status
from roadworthy.inspection import comparison
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.reports import machine
from roadworthy.inspection.results import Answer, Inspection, LineResult
from roadworthy.inspection.statements import Standing

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Exact(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Summary(Exact, rename={"passed": "pass"}):
    passed: Count
    fail: Count
    unknown: Count
    not_applicable: Count
    human: Count
    unmapped: Count
    coverage: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Asked(Exact):
    id: str
    params: dict[str, str | float | bool | list[str]]
    why: str


class Evidence(Exact):
    asked: str
    answer: str
    observed_at: datetime | None
    vantage: str | None
    digest: Digest


class Remediation(Exact):
    text: str
    patch: str | None


class Check(Exact):
    id: str
    requirement: str
    status: Status
    summary: str
    severity: Severity
    blast_radius: BlastRadius
    evidence: Evidence
    remediation: Remediation | None


class Said(Exact):
    kind: str
    standing: Standing
    who: str
    role: str | None
    approver: str | None
    words: str
    since: str | None
    until: str
    why: str | None


class Reading(Exact):
    sense: Sense
    alternatives: list[list[str]]
    unread: list[str]
    unmeasurable: str | None


class Line(Exact):
    line: Annotated[int, msgspec.Meta(ge=1)]
    section: list[str]
    text: str
    kind: Kind
    status: Status
    requirements: list[Asked]
    checks: list[Check]
    reading: Reading | msgspec.UnsetType = msgspec.UNSET
    statements: list[Said] | msgspec.UnsetType = msgspec.UNSET


class Finding(Check):
    title: str


class Report(Exact):
    version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    target: str
    started_at: datetime
    seconds: float
    summary: Summary
    items: list[Line]
    findings: list[Finding]


def found(*more: LineResult) -> Inspection:
    return inspection(
        *(line(Item(n, ("Data",), f"{status}"), status, mend="do it") for n, status in enumerate(Status, 1)), *more
    )


def read(whole: Inspection) -> Report:
    return msgspec.json.decode(machine.encode(whole), type=Report, strict=True)


def test_a_report_has_exactly_the_keys_that_the_design_fixes() -> None:
    report = read(found())
    assert len(report.items) == len(Status)
    assert all(one.statements is msgspec.UNSET for one in report.items)


def test_what_people_say_is_a_key_of_its_own_and_only_where_they_speak() -> None:
    human = line(Item(20, (), "Team trained", kind=Kind.HUMAN), Status.HUMAN)
    said = LineResult(human.mapped, human.status, statements=(ATTESTED, WAIVED))
    (last,) = (item for item in read(found(said)).items if item.line == 20)
    assert last.statements is not msgspec.UNSET
    assert [(one.kind, one.standing) for one in last.statements] == [
        ("attestation", Standing.ATTESTED), ("waiver", Standing.WAIVED),
    ]  # fmt: skip
    assert last.status is Status.HUMAN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No rollback plan exists", Reading(Sense.INVERSE, [], [], None)),
        ("Gunicorn behind nginx", Reading(Sense.ASKED, [], ["behind nginx"], None)),
        ("MySQL or PostgreSQL is used", Reading(Sense.ASKED, [["db.engine", "db.engine"]], [], None)),
    ],
)
def test_how_a_line_is_read_is_a_key_of_its_own_where_it_is_not_plain(text: str, expected: Reading) -> None:
    mapped = Mapper().map_one(Item(30, ("Launch",), text))
    (last,) = (item for item in read(found(LineResult(mapped, Status.UNKNOWN))).items if item.line == 30)
    assert last.reading == expected


@pytest.mark.parametrize("key", ["version", "items"])
def test_the_test_itself_notices_what_is_missing_or_too_much(key: str) -> None:
    plain: dict[str, Any] = json.loads(machine.encode(found()))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(plain | {"more": 1}, Report)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({name: value for name, value in plain.items() if name != key}, Report)


def test_figures_agree_with_the_lines() -> None:
    report = read(found())
    counts = {status: sum(one.status is status for one in report.items) for status in Status}
    assert report.summary.passed == counts[Status.PASS] == 1
    assert report.summary.coverage == pytest.approx(3 / 6, abs=1e-4)


def test_a_comparison_reads_what_is_written() -> None:
    read_back = msgspec.json.decode(machine.encode(found()), type=comparison.Report)
    assert [one.status for one in read_back.items] == list(Status)


def test_what_nobody_asked_for_stands_in_an_array_of_its_own() -> None:
    one = check(
        "cross.timeouts.fake", "cross.timeouts", verdict(Status.FAIL, "the proxy gives up first", mend="mend it")
    )
    answer = Answer(
        one, Requirement("cross.timeouts"), verdict(Status.FAIL, "the proxy gives up first", mend="mend it")
    )
    found = replace(inspection(line(Item(1, (), "x"), Status.PASS)), findings=(answer,))
    report = msgspec.json.decode(machine.encode(found), type=Report)
    assert [(told.title, told.status, told.summary) for told in report.findings] == [
        ("title of cross.timeouts.fake", "fail", "the proxy gives up first")
    ]
    assert (report.summary.fail, len(report.items)) == (0, 1)

from __future__ import annotations

import json

from tests.unit.inspection.fakes import inspection, line

from roadworthy.contracts.checks import Status
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.reports import machine
from roadworthy.inspection.results import LineResult

CANARY = "c4nary-0f-the-m1ne"


def test_the_shape_that_programs_rely_on() -> None:
    item = Item(line=4, section=("Data", "PostgreSQL"), text="PostgreSQL in use")
    found = inspection(line(item, Status.FAIL, mend="use it"), line(Item(9, (), "?"), Status.UNMAPPED))
    report = json.loads(machine.encode(found))
    assert set(report) == {"version", "target", "started_at", "seconds", "summary", "items", "findings"}
    assert report["summary"] == {
        "pass": 0, "fail": 1, "unknown": 0, "not_applicable": 0, "human": 0, "unmapped": 1, "coverage": 0.5,
    }  # fmt: skip
    first = report["items"][0]
    assert set(first) == {"line", "section", "text", "kind", "status", "requirements", "checks"}
    assert (first["line"], first["section"], first["kind"], first["status"]) == (
        4, ["Data", "PostgreSQL"], "machine", "fail",
    )  # fmt: skip
    assert first["requirements"] == [{"id": "db.engine", "params": {}, "why": "'postgresql'"}]
    (check,) = first["checks"]
    assert set(check) == {
        "id", "requirement", "status", "summary", "severity", "blast_radius", "evidence", "remediation",
    }  # fmt: skip
    assert check["summary"] == found.lines[0].answers[0].verdict.summary
    assert set(check["evidence"]) == {"asked", "answer", "observed_at", "vantage", "digest"}
    assert check["remediation"] == {"text": "use it", "patch": None}


def test_what_was_not_seen_has_its_reason_as_evidence() -> None:
    found = inspection(line(Item(1, (), "x"), Status.UNKNOWN, summary="nobody let us in"))
    evidence = json.loads(machine.encode(found))["items"][0]["checks"][0]["evidence"]
    assert evidence["answer"] == "nobody let us in"
    assert evidence["observed_at"] is None


def test_a_secret_that_the_checklist_itself_spells_out_is_not_repeated() -> None:
    asked = Requirement("sec.secretkey", {"name": "DB_PASSWORD", "value": CANARY})
    item = Item(1, (), f"DB_PASSWORD={CANARY}")
    found = inspection(LineResult(Mapped(item, (asked,)), Status.UNKNOWN))
    assert CANARY not in machine.encode(found).decode()

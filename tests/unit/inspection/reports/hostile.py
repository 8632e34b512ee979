"""An inspection in which everything that comes from outside is hostile, for reports that must not care."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.unit.inspection.fakes import check, inspection, line

from roadworthy.contracts.checks import Evidence, Kind, Remediation, Status, Verdict
from roadworthy.inspection.model import Item
from roadworthy.inspection.results import Answer, Inspection, LineResult, Unreachable
from roadworthy.inspection.statements import Standing, Statement

NASTY = (
    """<script>alert(1)</script>"'></title></style>]]>&lt;{{ 7*7 }}<img src=x onerror=a()>"""
    "\x1b[2J\x00\ud800\ufffe\u202e"
)
SECTION = ("Data", f"Postgre.SQL {NASTY}")


def _failing() -> LineResult:
    item = Item(4, SECTION, f"It holds {NASTY}", end_line=5)
    seen = Evidence(NASTY, NASTY, "2026-03-01T10:00:00Z", NASTY, "0" * 16)
    said = Verdict(Status.FAIL, f"it does not {NASTY}", (seen,), Remediation(NASTY, f"line one\n{NASTY}"))
    one = line(item, Status.FAIL)
    waiver = Statement(Standing.WAIVED, NASTY, f"because {NASTY}", date(2026, 5, 31))
    answer = Answer(check("db.engine.fake"), one.answers[0].requirement, said)
    return replace(one, answers=(answer,), statements=(waiver,))


def everything() -> Inspection:
    """A line of every status, with statements, notes and a part that does not answer."""
    attested = Statement(Standing.ATTESTED, "Ana", "said so", date(2027, 1, 1), "CTO", "Ben", date(2026, 1, 1))
    lapsed = Statement(Standing.LAPSED, "Ben", "moves", date(2026, 1, 1), why="its last day was 2026-01-01")
    human = line(Item(12, ("People",), "Team trained", kind=Kind.HUMAN), Status.HUMAN)
    found = inspection(
        _failing(),
        replace(line(Item(6, SECTION, "Also fails"), Status.FAIL, mend="do it"), statements=(lapsed,)),
        line(Item(7, SECTION, "Passes"), Status.PASS),
        line(Item(8, SECTION, "Unseen"), Status.UNKNOWN, summary="no database is offered", mend="add it"),
        line(Item(9, (), "Not ours"), Status.NOT_APPLICABLE, summary="there are no bundles"),
        line(Item(11, (), "What is this?"), Status.UNMAPPED),
        replace(human, statements=(attested,)),
        line(Item(13, ("People",), "Legal agrees", kind=Kind.HUMAN), Status.HUMAN),
    )
    silent = Unreachable("http", f"GET http://x/: refused {NASTY}", f"curl {NASTY}")
    return replace(
        found, checklist=f"docs/list {NASTY}.md", target=f"shop {NASTY}", unreachable=(silent,), notes=(NASTY,)
    )

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.inspection.fakes import ATTESTED, WAIVED, inspection, line, on_day

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.checklist import document, rewriting
from roadworthy.inspection.model import Item
from roadworthy.inspection.statements import Standing, Statement

TEXT = "# Launch\n- [x] Team trained\n- [x] TLS certificate\n"


def rewritten(tmp_path: Path, text: str, *, person: Statement, day: str = "2026-03-01") -> str:
    path = tmp_path / "list.md"
    path.write_text(text)
    n = next(n for n, raw in enumerate(text.splitlines(), 1) if "TLS certificate" in raw)
    trained = line(Item(2, (), "Team trained", kind=Kind.HUMAN, box="x", end_line=2), Status.HUMAN)
    tls = line(Item(n, (), "TLS certificate", box=text.splitlines()[n - 1][3].strip() or " ", end_line=n), Status.FAIL)
    tls = replace(tls, answers=line(tls.item, Status.FAIL, summary="it is expired").answers)
    found = inspection(replace(trained, statements=(person,)), replace(tls, statements=(WAIVED,)))
    return rewriting.rewrite(document.read(path), on_day(found, day)).decode()


def test_people_stand_beside_a_verdict_and_never_tick(tmp_path: Path) -> None:
    lines = rewritten(tmp_path, TEXT, person=ATTESTED).splitlines()
    assert lines[1] == "- [x] Team trained"  # as people set it
    assert lines[2].startswith("  <sub>roadworthy: attested (2026-01-01, ")
    assert "Ana (CTO), approved by Ben, until 2027-01-01: all six came" in lines[2]
    assert lines[3] == "- [ ] TLS certificate"
    assert "roadworthy: fail (2026-03-01" in lines[4]
    assert "it is expired; waived by Ben, until 2026-05-31: proxy comes in May" in lines[4]


def test_a_second_run_rewrites_nothing_until_a_statement_ends(tmp_path: Path) -> None:
    once = rewritten(tmp_path, TEXT, person=ATTESTED)
    assert rewritten(tmp_path, once, person=ATTESTED, day="2026-04-01") == once
    over = replace(ATTESTED, standing=Standing.EXPIRED, why="it counted until 2027-01-01 (yearly)")
    again = rewritten(tmp_path, once, person=over)
    assert again.count("<sub>") == 2
    assert "roadworthy: expired" in again
    assert "attestation expired, given by Ana" in again

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.inspection.fakes import inspection, line
from typer.testing import CliRunner

from roadworthy.cli import application
from roadworthy.contracts.checks import Status
from roadworthy.inspection import attestation, people
from roadworthy.inspection.attestation import InvalidAttestations
from roadworthy.inspection.attesting import Words, attest
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import machine

WORDS = Words("Legal approved the privacy policy", "", "Ana", "CTO", 'she said "yes"', "yearly", "Ben")


@pytest.fixture
def checklist(tmp_path: Path) -> Path:
    path = tmp_path / "CHECKLIST.md"
    path.write_text("# Launch\n- [ ] **Legal** approved the privacy policy\n- [ ] PostgreSQL is in use\n")
    return path


def test_an_attestation_is_added_to_what_is_there(checklist: Path) -> None:
    for _ in range(2):
        written = attest(checklist, WORDS)
    said = attestation.load(None, checklist).attestation
    assert (written.line, len(said), said[1].explanation) == (2, 2, 'she said "yes"')
    assert written.until == said[1].until


def test_a_line_that_is_not_there_is_refused_and_nothing_is_written(checklist: Path) -> None:
    with pytest.raises(InvalidAttestations) as refused:
        attest(checklist, Words("Legal approved privacy policy", "", "Ana", "CTO", "x", "yearly", "Ben"))
    assert "did you mean" in refused.value.problem
    assert not (checklist.parent / "attestations.toml").exists()


def test_the_author_cannot_approve(checklist: Path) -> None:
    with pytest.raises(InvalidAttestations, match="somebody else"):
        attest(checklist, Words(WORDS.line, "", "Ana", "CTO", "x", "yearly", "ana"))
    assert not (checklist.parent / "attestations.toml").exists()


def test_it_rests_on_what_a_report_saw(checklist: Path, tmp_path: Path) -> None:
    found = inspection(line(Item(3, (), "PostgreSQL is in use"), Status.PASS))
    report = tmp_path / "report.json"
    report.write_bytes(machine.encode(found))
    words = Words(WORDS.line, "", "Ana", "CTO", "x", "yearly", "Ben", ("db.engine",))
    attest(checklist, words, report=report)
    (said,) = attestation.load(None, checklist).attestation
    assert said.evidence == people.evidence_digests(found) == people.digests_of_report(json.loads(report.read_text()))
    with pytest.raises(InvalidAttestations, match=r"nothing was seen of db\.pool"):
        attest(checklist, Words(WORDS.line, "", "Ana", "CTO", "x", "yearly", "Ben", ("db.pool",)), report=report)
    with pytest.raises(InvalidAttestations, match="needs the evidence"):
        attest(checklist, words)


def test_the_command_asks_for_what_was_not_typed(checklist: Path) -> None:
    typed = f"{WORDS.line}\nAna\nCTO\nread it\nquarterly\nBen"
    result = CliRunner().invoke(application(), ["attest", str(checklist)], input=typed)
    assert result.exit_code == 0, result.output
    assert "line 2 is attested until" in result.output

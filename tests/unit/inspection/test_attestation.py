from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.inspection.fakes import inspection, line

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection import attestation, people
from roadworthy.inspection.attestation import InvalidAttestations, People
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.results import Inspection, LineResult
from roadworthy.inspection.statements import Standing

TODAY = datetime.now(UTC).date()
WHERE = Path("attestations.toml")
ATTESTED = """
[[attestation]]
line = "Team is trained"
who = "Ana Lopez"
role = "CTO"
explanation = "all six came"
date = {date}
frequency = "{frequency}"
approver = "Ben"
{more}
"""
WAIVED = """
[[waiver]]
requirement = "db.engine"
owner = "Ben"
reason = "moves in May"
until = {until}
"""


def attested(age_days: int = 10, frequency: str = "yearly", more: str = "") -> People:
    text = ATTESTED.format(date=TODAY - timedelta(days=age_days), frequency=frequency, more=more)
    return attestation.parse(text, WHERE)


def waived(days: int) -> People:
    return attestation.parse(WAIVED.format(until=TODAY + timedelta(days=days)), WHERE)


def human(number: int, text: str, requirement: str = "team.train", section: str = "") -> LineResult:
    item = Item(number, (section,) if section else (), text, kind=Kind.HUMAN)
    return LineResult(Mapped(item, (Requirement(requirement),)), Status.HUMAN)


def found(*more: LineResult, answer: str = "PostgreSQL 18") -> Inspection:
    machine = line(Item(9, (), "PostgreSQL in use"), Status.PASS, answer=answer)
    return inspection(human(4, "**Team** is trained."), machine, *more)


def test_a_line_that_only_people_know_is_attested_and_stays_human() -> None:
    told = people.beside(found(), attested(), TODAY)
    (said,) = told.lines[0].statements
    assert (told.lines[0].status, said.standing, told.attested) == (Status.HUMAN, Standing.ATTESTED, 1)
    assert "Ana Lopez (CTO), approved by Ben" in said.sentence
    assert told.counts == found().counts
    assert told.coverage == found().coverage


@pytest.mark.parametrize(
    ("age_days", "frequency", "standing"),
    [(31, "monthly", Standing.ATTESTED), (32, "monthly", Standing.EXPIRED), (91, "90 days", Standing.EXPIRED)],
)
def test_an_attestation_expires(age_days: int, frequency: str, standing: Standing) -> None:
    told = people.beside(found(), attested(age_days, frequency), TODAY)
    assert told.lines[0].statements[0].standing is standing
    assert told.attested == (standing is Standing.ATTESTED)


def test_it_is_void_once_something_else_is_seen_or_nothing_any_more() -> None:
    digest = people.evidence_digests(found())["db.engine"]
    said = attested(more=f'evidence = {{ "db.engine" = "{digest}" }}')
    standing = {
        name: people.beside(seen, said, TODAY).lines[0].statements[0]
        for name, seen in {
            "same": found(),
            "other": found(answer="SQLite 3"),
            "unseen": inspection(human(4, "Team is trained")),
        }.items()
    }
    assert [one.standing for one in standing.values()] == [Standing.ATTESTED, Standing.VOIDED, Standing.VOIDED]
    assert "no longer what was seen" in standing["other"].sentence
    assert "was not seen this time" in standing["unseen"].sentence


def test_a_waiver_stands_beside_the_failure_and_lapses_after_its_last_day() -> None:
    failing = inspection(line(Item(9, (), "PostgreSQL in use"), Status.FAIL))
    for days, standing in ((0, Standing.WAIVED), (-1, Standing.LAPSED)):
        told = people.beside(failing, waived(days), TODAY)
        assert told.lines[0].statements[0].standing is standing
        assert told.lines[0].status is Status.FAIL
        assert told.counts[Status.FAIL] == 1


def test_a_waiver_that_nobody_needs_any_more_is_said() -> None:
    told = people.beside(found(), waived(10), TODAY)
    assert told.notes == ("the waiver of Ben about db.engine: not needed any more, the line holds",)


def test_one_word_for_two_lines_is_no_word_for_either() -> None:
    twice = inspection(human(4, "Team is trained", section="A"), human(8, "Team is trained", section="B"))
    told = people.beside(twice, attested(), TODAY)
    assert told.attested == 0
    assert "lines 4, 8 read the same" in told.notes[0]
    named = people.beside(twice, attested(more='section = "b"'), TODAY)
    assert [bool(one.statements) for one in named.lines] == [False, True]
    by_id = attestation.parse(
        ATTESTED.format(date=TODAY, frequency="yearly", more="").replace(
            'line = "Team is trained"', 'requirement = "team.train"'
        ),
        WHERE,
    )
    assert people.beside(twice, by_id, TODAY).attested == 0
    assert people.beside(inspection(twice.lines[0]), by_id, TODAY).attested == 1


def test_a_word_about_no_line_is_a_note_that_names_the_nearest() -> None:
    told = people.beside(inspection(human(4, "Team was trained")), attested(), TODAY)
    assert told.notes == (
        (
            'the attestation of Ana Lopez about "Team is trained": no line of this checklist reads so; '
            'did you mean "Team was trained"?'
        ),
    )


def test_secrets_in_a_reason_go_nowhere() -> None:
    canary = "c4nary-in-a-reason"
    said = attestation.parse(
        WAIVED.format(until=TODAY).replace("moves in May", f"the key is {canary}, password=hunter22 too"), WHERE
    )
    told = people.beside(inspection(line(Item(9, (), "x"), Status.FAIL)), said, TODAY, frozenset({canary}))
    assert canary not in told.lines[0].statements[0].sentence
    assert "hunter22" not in told.lines[0].statements[0].sentence


@pytest.mark.parametrize(
    ("change", "line_number", "words"),
    [
        (('who = "Ana Lopez"', 'who = " ben "'), 2, "somebody else has to approve"),
        (('role = "CTO"', 'role = " "'), 2, "role is empty"),
        (('role = "CTO"\n', ""), 2, "missing required field `role`"),
        (('role = "CTO"', 'role = "CTO"\nrule = 1'), 2, "unknown field `rule`"),
        (('role = "CTO"', "role = 3"), 5, "Expected `str`"),
        (('frequency = "yearly"', 'frequency = "once"'), 2, "half-yearly"),
        (('frequency = "yearly"', 'frequency = "9999 days"'), 2, "at most three years"),
        (('line = "Team is trained"', ""), 2, "name what it is about"),
        (('line = "Team is trained"', 'requirement = "team.trian"'), 2, "did you mean team.train?"),
        (('approver = "Ben"', 'approver = "Ben"\nevidence = { "db.engine" = "xyz" }'), 2, "no digest"),
        (("date = ", "date = 2999-01-01 # "), 2, "has not come yet"),
        (("date = ", "date = today # "), None, "not valid TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(change: tuple[str, str], line_number: int | None, words: str) -> None:
    text = ATTESTED.format(date=TODAY, frequency="yearly", more="").replace(*change)
    with pytest.raises(InvalidAttestations) as refused:
        attestation.parse(text, WHERE)
    assert words in refused.value.problem
    assert refused.value.problem.startswith(
        f"attestations.toml:{line_number}: " if line_number else "attestations.toml"
    )
    assert refused.value.remedy


def test_the_second_of_two_is_the_one_that_is_named() -> None:
    waived_text = WAIVED.format(until=TODAY)
    with pytest.raises(InvalidAttestations) as refused:
        attestation.parse(waived_text + waived_text.replace("Ben", " "), WHERE)
    assert refused.value.problem.startswith("attestations.toml:8: owner is empty")


def test_a_waiver_has_an_end_in_sight() -> None:
    with pytest.raises(InvalidAttestations, match="over a year away"):
        waived(400)


def test_the_file_beside_the_checklist_is_read_unless_another_is_named(tmp_path: Path) -> None:
    checklist = tmp_path / "CHECKLIST.md"
    assert attestation.load(None, checklist) == People()
    (tmp_path / "attestations.toml").write_text(WAIVED.format(until=TODAY))
    assert len(attestation.load(None, checklist).waiver) == 1
    with pytest.raises(InvalidAttestations) as refused:
        attestation.load(tmp_path / "missing.toml", checklist)
    assert "No such file" in refused.value.problem


def test_a_statement_that_ends_changes_the_digest_of_its_line() -> None:
    one = people.beside(found(), attested(), TODAY).lines[0]
    over = people.beside(found(), attested(), TODAY + timedelta(days=400)).lines[0]
    assert len({one.digest, over.digest, replace(one, statements=()).digest}) == 3


def test_dates_read_as_days() -> None:
    assert attested().attestation[0].until - attested().attestation[0].date == timedelta(days=366)
    assert isinstance(attested().attestation[0].date, date)

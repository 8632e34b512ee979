"""What every check must be, whoever writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roadworthy.contracts.checks import BlastRadius
from roadworthy.inspection import documentation
from roadworthy.inspection.catalogue import BY_REQUIREMENT, CHECKS
from roadworthy.inspection.model import PROBE_REMEDIES, Check
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.requirements import BY_ID

PAGES = Path(__file__).parents[4] / "docs" / "checks"


def test_ids_are_unique_and_name_their_requirement() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(check.id.startswith((f"{check.requirements[0]}.", "doc.topic.")) for check in CHECKS)
    assert set(BY_REQUIREMENT) == {name for check in CHECKS for name in check.requirements}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_declaration_is_whole(check: Check) -> None:
    assert set(check.requirements) <= set(BY_ID)
    assert check.needs <= set(PROBE_REMEDIES)
    assert check.needs <= set(ProbeSet.__dataclass_fields__)
    assert 0 < check.timeout_seconds <= 120
    assert not check.provokes or check.blast_radius is not BlastRadius.READ_ONLY
    text = check.documentation
    for words in (text.what, text.why, text.how_verified, text.how_to_mend, text.not_applicable_when):
        assert words.strip(), "a page without a part teaches half"
        assert not re.search(r"\bTODO\b|\bTBD\b", words)
    assert check.title
    assert not check.title.endswith(".")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_both_twins_are_asked_the_same(check: Check) -> None:
    assert check.fixtures.must_fail.requirement == check.fixtures.mended.requirement
    assert check.fixtures.must_fail.requirement.id in check.requirements


def test_the_pages_are_current() -> None:
    written = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}
    assert written == dict(documentation.pages()), "run: python -m roadworthy.inspection.documentation docs/checks"

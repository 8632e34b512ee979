"""Input that somebody else wrote must cost no more than its size."""

from __future__ import annotations

import pytest

from roadworthy.inspection.checklist import structure
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.observation import observe
from roadworthy.inspection.redaction import redact

MAPPER = Mapper()
LINES = {
    "words": "rate " * 50_000,
    "digits": "9" * 100_000,
    "numbers": "1,000.5 " * 20_000,
    "paths": "/a" * 50_000,
    "names": "A_" * 50_000,
    "parentheses": "(" * 20_000 + ")" * 20_000,
    "emphasis": "_a_*b*" * 8_000,
    "brackets": "[" * 5_000,
    "backticks": "`a" * 20_000,
    "settings": "a=b " * 20_000,
    "addresses": "a://" * 20_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
def test_a_checklist_line_without_end(text: str) -> None:
    for mapped in MAPPER.map(structure.read([f"- [ ] {text}"])):
        redact(mapped.item.text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", ["eyJ-", "a:", "Bearer ", "password=", "x" * 80 + " " * 50, "-----BEGIN PRIVATE KEY-----", "sk-"]
)
def test_an_answer_without_end(unit: str) -> None:
    observe("GET /", unit * (2_000_000 // len(unit)), "here")

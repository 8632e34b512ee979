"""Lines as teams of every stack write them, and what they ask; none is taken from a real checklist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.model import Item

MAPPER = Mapper()


def lines() -> Iterator[tuple[str, str, str]]:
    for row in Path(__file__).with_name("lines.tsv").read_text("utf-8").splitlines():
        if not row.startswith("# "):
            section, text, asked = row.split("\t")
            yield section, text, asked


@pytest.mark.parametrize(("section", "text", "asked"), tuple(lines()))
def test_what_a_line_asks(section: str, text: str, asked: str) -> None:
    said = {one.id for one in MAPPER.map_one(Item(line=1, section=(section,), text=text)).requirements}
    expected = [set(either.split("|")) for either in asked.split()]
    assert len(said) == len(expected)
    assert all(said & either for either in expected)

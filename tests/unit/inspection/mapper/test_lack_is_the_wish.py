"""Lines in which "no" and "not" are the wish itself, or part of a name."""

from __future__ import annotations

import pytest

from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Item

MAPPER = Mapper()


@pytest.mark.parametrize(
    ("text", "sense"),
    [
        ("No duplicate indexes", Sense.ASKED),
        ("No invalid indexes", Sense.ASKED),
        ("No unused indexes", Sense.ASKED),
        ("Constraints: NOT NULL and CHECK are in place", Sense.ASKED),
        ("No constraints exist", Sense.INVERSE),
        ("NOT NULL constraints are missing", Sense.INVERSE),
    ],
)
def test_which_way_round(text: str, sense: Sense) -> None:
    assert MAPPER.map_one(Item(line=1, section=("Database",), text=text)).sense is sense

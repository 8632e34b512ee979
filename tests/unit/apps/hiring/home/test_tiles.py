from __future__ import annotations

from roadworthy.apps.hiring.browsing.domain import StateTally
from roadworthy.apps.hiring.demo.places import states
from roadworthy.apps.hiring.home.pages import tiles
from roadworthy.apps.hiring.home.states import PLACES
from roadworthy.apps.hiring.places.domain import State


def test_every_state_has_a_tile_of_its_own() -> None:
    assert set(PLACES) == set(states())
    assert len(set(PLACES.values())) == len(PLACES)
    assert all(1 <= column <= 12 and 1 <= row <= 8 for column, row in PLACES.values())


def test_tiles_stand_in_reading_order_and_are_shaded_by_share() -> None:
    tallies = [
        StateTally(State("CA", "California"), 1000, 1.0),
        StateTally(State("ME", "Maine"), 0, 0.0),
        StateTally(State("PR", "Puerto Rico"), 5, 0.005),
        StateTally(State("AK", "Alaska"), 400, 0.4),
    ]
    assert [(tile.tally.state.code, tile.shade) for tile in tiles(tallies)] == [("AK", 4), ("ME", 0), ("CA", 5)]

"""Places: the states and cities that jobs and companies are in."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class State(msgspec.Struct, frozen=True, gc=False):
    """A state: `code` is its two letters."""

    code: str
    name: str


class City(msgspec.Struct, frozen=True, gc=False):
    """A city; `slug` is unique over all states."""

    id: int
    name: str
    slug: str


class Gazetteer:
    """Every place by its id in the database, its code or slug, and the beginning of its name."""

    def __init__(self, states: Mapping[int, State], cities: Mapping[int, tuple[City, int]]) -> None:
        """Take states by id, and cities by id with the id of their state, the largest first."""
        self.states = states
        self.cities = {id_: city for id_, (city, _) in cities.items()}
        self.state_of_city = {id_: state_id for id_, (_, state_id) in cities.items()}
        self.state_ids = {state.code: id_ for id_, state in states.items()}
        self.city_ids = {city.slug: id_ for id_, (city, _) in cities.items()}

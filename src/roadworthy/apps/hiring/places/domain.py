"""Places: the states and cities that jobs and companies are in."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from math import asin, cos, radians, sin, sqrt

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


class Spot(msgspec.Struct, frozen=True, gc=False):
    """A place on the globe, in degrees north and east."""

    latitude: float
    longitude: float


EARTH_RADIUS_MILES = 3958.8
MILES_A_DEGREE = 69.0  # of latitude, at least


def miles_between(one: Spot, other: Spot) -> float:
    """The way from one place to the other as the crow flies (haversine; a half percent off at most)."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    part = sin(north / 2) ** 2 + cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * asin(min(1.0, sqrt(part)))


def comparable(name: str) -> str:
    """Lower case, without accents, apostrophes and full stops: how names of places are compared."""
    letters = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return " ".join(letters.replace("'", "").replace(".", "").replace("-", " ").split())


class Gazetteer:
    """Every place by its id in the database, its code or slug, and the beginning of its name."""

    def __init__(
        self, states: Mapping[int, State], cities: Mapping[int, tuple[City, int]], spots: Mapping[int, Spot]
    ) -> None:
        """Take states by id, cities by id with the id of their state, the largest first, and where each city lies."""
        self.states = states
        self.cities = {id_: city for id_, (city, _) in cities.items()}
        self.state_of_city = {id_: state_id for id_, (_, state_id) in cities.items()}
        self.state_ids = {state.code: id_ for id_, state in states.items()}
        self.city_ids = {city.slug: id_ for id_, (city, _) in cities.items()}
        self._names_of_states = sorted((comparable(state.name), id_) for id_, state in states.items())
        self._names_of_cities = [(comparable(city.name), id_) for id_, (city, _) in cities.items()]

        self._spots = spots
        self._northwards = sorted((spot.latitude, id_) for id_, spot in spots.items())

    def cities_near(self, city_id: int, miles: float) -> tuple[int, ...]:
        """The ids of the cities that lie at most `miles` from this one, itself among them; ascending."""
        here = self._spots[city_id]
        reach = miles / MILES_A_DEGREE
        low = bisect_left(self._northwards, (here.latitude - reach,))
        high = bisect_right(self._northwards, (here.latitude + reach, max(self._spots)))
        band = (id_ for _, id_ in self._northwards[low:high])
        return tuple(sorted(id_ for id_ in band if miles_between(here, self._spots[id_]) <= miles))

    def miles(self, city_id: int, other_id: int) -> float:
        """How far apart two cities lie."""
        return miles_between(self._spots[city_id], self._spots[other_id])

    def of_city(self, city_id: int) -> tuple[City, State]:
        """The city with this id, and its state."""
        return self.cities[city_id], self.states[self.state_of_city[city_id]]

    def cities_of(self, code: str) -> frozenset[int]:
        """The ids of the cities of the state with this code; none if there is no such state."""
        wanted = self.state_ids.get(code)
        return frozenset(id_ for id_, state_id in self.state_of_city.items() if state_id == wanted)

    def states_called(self, beginning: str) -> Iterator[State]:
        """States whose name begins so, by name."""
        start = comparable(beginning)
        return (self.states[id_] for name, id_ in self._names_of_states if name.startswith(start))

    def cities_called(self, beginning: str, state_id: int | None = None) -> Iterator[City]:
        """Cities whose name begins so, in one state or in all, the largest first."""
        start = comparable(beginning)
        return (
            self.cities[id_]
            for name, id_ in self._names_of_cities
            if name.startswith(start) and state_id in {None, self.state_of_city[id_]}
        )

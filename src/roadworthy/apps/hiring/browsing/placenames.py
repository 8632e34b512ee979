"""Places as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from roadworthy.apps.hiring.places.domain import City, Gazetteer, State, comparable

SUGGESTIONS_MAX = 8
LETTERS_MIN = 2
UNKNOWN_PLACE = "We know no place called “{}”. Try a city with its state, such as Austin, TX."


@dataclass(frozen=True, slots=True)
class Place:
    """A state, or a city in it."""

    state: State
    city: City | None = None

    @property
    def label(self) -> str:
        """`Austin, TX`, or `Texas`."""
        return f"{self.city.name}, {self.state.code}" if self.city else self.state.name

    @property
    def parameters(self) -> dict[str, str]:
        """What a list of jobs is filtered by to be there."""
        return {"city": self.city.slug} if self.city else {"state": self.state.code}


class PlaceNames:
    """Names of one gazetteer, made comparable once."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        """Take the places, whose cities stand largest first."""
        self.gazetteer = gazetteer

    @cached_property
    def _states(self) -> list[tuple[str, State]]:
        return [(comparable(state.name), state) for state in self.gazetteer.states.values()]

    @cached_property
    def _cities(self) -> list[tuple[str, Place]]:
        states, state_of_city = self.gazetteer.states, self.gazetteer.state_of_city
        return [
            (comparable(city.name), Place(states[state_of_city[id_]], city))
            for id_, city in self.gazetteer.cities.items()
        ]

    def find(self, text: str) -> Place | None:
        """The place that `text` means: `Texas`, `TX`, `Austin`, `Austin, TX`, `austin texas`; the largest of a name."""
        name = comparable(text.replace(",", " "))
        for full, state in self._states:
            if name in {full, state.code.lower()}:
                return Place(state)
        return next((place for place in self._named(name) if place.city), None)

    def suggest(self, text: str) -> list[Place]:
        """Places whose names begin with `text`: states first, then the largest cities."""
        name = comparable(text.replace(",", " "))
        if len(name) < LETTERS_MIN:
            return []
        found = [Place(state) for full, state in self._states if full.startswith(name)]
        for full, place in self._cities:
            if len(found) >= SUGGESTIONS_MAX:
                break
            if f"{full} {place.state.code.lower()}".startswith(name):
                found.append(place)
        return found

    def of(self, *, state: str | None, city: str | None) -> Place | None:
        """The place with this state's code or city's slug; None when there is no such place."""
        if city is not None:
            id_ = self.gazetteer.city_ids.get(city)
            if id_ is None:
                return None
            return Place(self.gazetteer.states[self.gazetteer.state_of_city[id_]], self.gazetteer.cities[id_])
        id_ = self.gazetteer.state_ids.get(state or "")
        return Place(self.gazetteer.states[id_]) if id_ is not None else None

    def _named(self, name: str) -> Iterator[Place]:
        for full, place in self._cities:
            if name in {full, f"{full} {place.state.code.lower()}", f"{full} {comparable(place.state.name)}"}:
                yield place

"""Places, held in memory: reference data that every answer needs and no request should wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TypeVar

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.places.domain import City, Gazetteer, State
from roadworthy.apps.hiring.places.repository import PlaceRepository
from roadworthy.apps.hiring.places.schemas import CityPlace, PlaceList, PlaceQuery, StatePlace

T = TypeVar("T")

REFRESH_SECONDS = 300.0


class Places:
    """The gazetteer, read at first use and again when it is `REFRESH_SECONDS` old."""

    def __init__(self, repository: PlaceRepository) -> None:
        """Take where places are read from."""
        self._repository = repository
        self._gazetteer: Gazetteer | None = None
        self._stale_at = 0.0
        self._lock = asyncio.Lock()

    async def current(self) -> Gazetteer:
        """Every place, as of at most `REFRESH_SECONDS` ago."""
        if self._gazetteer is not None and time.monotonic() < self._stale_at:
            return self._gazetteer
        return await self.reload()

    async def reload(self) -> Gazetteer:
        """Every place as of now; callers at the same time share one reading."""
        asked_at = time.monotonic()
        async with self._lock:
            if self._gazetteer is None or self._stale_at < asked_at + REFRESH_SECONDS:
                self._gazetteer = await self._repository.gazetteer(Audience.PUBLIC)
                self._stale_at = time.monotonic() + REFRESH_SECONDS
            return self._gazetteer

    async def known(self, make: Callable[[Gazetteer], T]) -> T:
        """What `make` makes of rows that name places by id; with places read anew if it meets one that is not known."""
        try:
            return make(await self.current())
        except KeyError:
            return make(await self.reload())

    async def search(self, query: PlaceQuery) -> PlaceList:
        """States and cities whose names begin with `query.q`."""
        places = await self.current()
        beginning = query.q or ""
        if query.state is None:
            found: Iterator[State | City] = chain(places.states_called(beginning), places.cities_called(beginning))
        else:
            state_id = places.state_ids.get(query.state)
            found = places.cities_called(beginning, state_id) if state_id is not None else iter(())
        return PlaceList([_place(place, places) for place in islice(found, query.limit)])


def _place(place: State | City, places: Gazetteer) -> StatePlace | CityPlace:
    if isinstance(place, State):
        return StatePlace(place.code, place.name)
    return CityPlace(place.id, place.name, place.slug, places.states[places.state_of_city[place.id]])

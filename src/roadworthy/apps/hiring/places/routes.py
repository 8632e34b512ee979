"""The places API."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.freshness import LISTS_FRESH_SECONDS
from roadworthy.apps.hiring.places.schemas import PlaceList, PlaceQuery
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.web.hot import HotRoute


class PlaceRoutes:
    """Handlers over the places."""

    def __init__(self, places: Places) -> None:
        """Take the places to search."""
        self._places = places

    async def places(self, query: PlaceQuery) -> PlaceList:
        """States and cities by the beginning of their names."""
        return await self._places.search(query)

    def hot(self) -> Sequence[HotRoute]:
        """The declared routes."""
        summary = "States and cities by the beginning of their names: states first, then the largest cities"
        return (
            HotRoute("/api/places", self.places, summary=summary, tags=("places",), cache_seconds=LISTS_FRESH_SECONDS),
        )

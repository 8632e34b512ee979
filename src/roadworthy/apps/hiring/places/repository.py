"""States and cities as the database holds them."""

from __future__ import annotations

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.places.domain import City, Gazetteer, Spot, State
from roadworthy.chassis.database.pool import Database

STATES = "select id, code, name from hiring.states"
# The largest first: whoever types two letters means the city that most people mean.
CITIES = "select id, name, slug, state_id, latitude, longitude from hiring.cities order by population desc, id"


class PlaceRepository:
    """Reads all places at once: there are a few thousand, and they change a few times a year."""

    def __init__(self, database: Database) -> None:
        """Take the pool to read from."""
        self._database = database

    async def gazetteer(self, audience: Audience) -> Gazetteer:
        """Every state and city; they are the same for every `audience`."""
        del audience
        states = {row[0]: State(row[1], row[2]) for row in await self._database.fetch(STATES)}
        rows = await self._database.fetch(CITIES)
        cities = {row[0]: (City(row[0], row[1], row[2]), row[3]) for row in rows}
        return Gazetteer(states, cities, {row[0]: Spot(row[4], row[5]) for row in rows})

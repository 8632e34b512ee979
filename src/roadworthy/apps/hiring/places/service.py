"""Places, held in memory: reference data that every answer needs and no request should wait for."""

from __future__ import annotations

import asyncio
import time

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.repository import PlaceRepository

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

"""Answers kept for a moment in this process: loaded once, however many wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """What `load(key)` said, for `seconds`; of more than `entries_max` keys, the one loaded first is let go.

    An error of `load` reaches everyone who waits for it, and is not kept. A caller that is cancelled leaves the
    loading to the others.
    """

    def __init__(self, load: Callable[[K], Awaitable[V]], *, seconds: float, entries_max: int) -> None:
        """Take where values come from, how long they are good, and how many are kept."""
        self._load = load
        self._seconds = seconds
        self._entries_max = entries_max
        self._kept: dict[K, tuple[float, V]] = {}
        self._loading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """The value for `key`, at most `seconds` old."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._fill(key))
            task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def _fill(self, key: K) -> V:
        try:
            value = await self._load(key)
            self._kept.pop(key, None)
            self._kept[key] = (time.monotonic() + self._seconds, value)
            while len(self._kept) > self._entries_max:
                del self._kept[next(iter(self._kept))]
            return value
        finally:
            del self._loading[key]


def _seen(task: asyncio.Task[V]) -> None:
    """Take note of an error, should everyone who waited for it have gone."""
    if not task.cancelled():
        task.exception()

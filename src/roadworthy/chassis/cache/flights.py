"""One load however many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """Loads under way, by key. A load is a task of its own: whoever stops waiting for it takes nothing from the others.

    An error goes to everybody who waits now, and to nobody after.
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        """Start with nothing under way."""
        self._open: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        """How many loads are under way."""
        return len(self._open)

    async def join(self, key: K, load: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The result of the load under way for `key`, or of `load`, begun now."""
        task = self._open.get(key)
        if task is None:
            task = self._open[key] = asyncio.create_task(load(), name="load")
            task.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(task)

    def _land(self, key: K, task: asyncio.Task[V]) -> None:
        del self._open[key]
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more

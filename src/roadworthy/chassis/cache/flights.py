"""One load however many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar, cast

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.tags import Tags
from roadworthy.chassis.telemetry.context import request_id

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flight(Generic[V]):
    """A load under way."""

    __slots__ = ("spoilt", "tags", "task")

    def __init__(self, tags: tuple[str, ...]) -> None:
        """Take what the load depends on."""
        self.tags = tags
        self.task: asyncio.Task[V] | None = None
        self.spoilt = False
        """What it depends on changed since it began: good for those who wait already, not to be kept."""


class Flights(Generic[K, V]):
    """Loads under way, by key. A load is a task of its own: whoever stops waiting for it takes nothing from the others.

    It runs in an empty context, with nothing of the request that happened to be first but its id for the log: who was
    signed in there can't be in an answer that others get. An error goes to everybody who waits now, and to nobody
    after. Who comes after a tag of the load was dropped does not join it.
    """

    __slots__ = ("_open", "_tags")

    def __init__(self, tags: Tags | None = None) -> None:
        """Start with nothing under way."""
        self._tags = tags if tags is not None else Tags()
        self._tags.join(self)
        self._open: dict[K, Flight[V]] = {}

    def __len__(self) -> int:
        """How many loads are under way."""
        return len(self._open)

    async def join(self, key: K, load: Callable[[Flight[V]], Coroutine[Any, Any, V]], tags: tuple[str, ...] = ()) -> V:
        """The result of the load under way for `key`, or of `load`, begun now."""
        return await asyncio.shield(self.begin(key, load, tags))

    def begin(
        self, key: K, load: Callable[[Flight[V]], Coroutine[Any, Any, V]], tags: tuple[str, ...] = ()
    ) -> asyncio.Task[V]:
        """The load under way for `key`, or `load`, begun now, for nobody to wait for."""
        flight = self._open.get(key)
        if flight is None:
            flight = self._open[key] = Flight(tags)
            self._tags.add(tags, (self, key))
            flight.task = asyncio.create_task(load(flight), name="load", context=_nobodys_context())
            flight.task.add_done_callback(lambda done: self._land(key, flight, done))
        assert flight.task is not None, "a flight is open from its task's beginning on"
        return flight.task

    def drop(self, key: Hashable) -> None:
        """Let nobody join the load of `key` any more, nor its result be kept."""
        flight = self._open.pop(cast("K", key), None)
        if flight is not None:
            flight.spoilt = True
            self._tags.discard(flight.tags, (self, key))

    def clear(self) -> None:
        """Do so with every load."""
        for key in list(self._open):
            self.drop(key)

    def _land(self, key: K, flight: Flight[V], task: asyncio.Task[V]) -> None:
        if self._open.get(key) is flight:
            del self._open[key]
            self._tags.discard(flight.tags, (self, key))
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more


def _nobodys_context() -> Context:
    context = consistency.primary_context()
    context.run(request_id.set, request_id.get())
    return context

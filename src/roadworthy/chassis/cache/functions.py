"""Results of functions, kept in this process and in the shared tier."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeAlias, TypeVar, get_type_hints

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.flights import Flight, Flights
from roadworthy.chassis.cache.second_level import Address, SecondLevel
from roadworthy.chassis.cache.store import ENTRY_OVERHEAD_BYTES, Store
from roadworthy.chassis.cache.tags import checked
from roadworthy.chassis.cache.values import FIXED, Results, changeable, size_bytes
from roadworthy.chassis.errors import DeadlineExceeded

if TYPE_CHECKING:
    from roadworthy.chassis.cache.cache import Cache

P = ParamSpec("P")
R = TypeVar("R")

TRY_AGAIN_SECONDS: Final = 1.0
"""After a result could not be renewed, the old one is given out this long before the next attempt."""

Key: TypeAlias = tuple[object, ...]


class Kept:
    """A result and how long it is good."""

    __slots__ = ("expires", "keep_until", "renew_at", "size_bytes", "tags", "uses", "uses_seen", "value")

    def __init__(
        self, value: Any, made_at: float, tags: tuple[str, ...], ttl_seconds: float, stale_seconds: float
    ) -> None:
        """Take a value that was made `made_at` (seconds since the epoch)."""
        now = time.monotonic()
        self.value = value
        self.expires = self.renew_at = now - max(0.0, time.time() - made_at) + ttl_seconds
        self.keep_until = self.expires + stale_seconds
        self.size_bytes = size_bytes(value) + ENTRY_OVERHEAD_BYTES
        self.tags = tags
        self.uses = self.uses_seen = 0


class Cached(Generic[P, R]):
    """A coroutine function whose results are kept; see `Cache.cached`."""

    def __init__(
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        cache: Cache,
        *,
        name: str,
        ttl_seconds: float,
        stale_seconds: float,
        timeout_seconds: float,
        tags: Callable[..., tuple[str, ...]] | tuple[str, ...],
    ) -> None:
        """Read the signature.

        Raises:
            TypeError: results could be changed by whoever gets one, or arguments are not known by their value.
        """
        self._function = function
        self._signature = inspect.signature(function)
        returns = get_type_hints(function, include_extras=True).get("return", Any)
        if (culprit := changeable(returns)) is not None:
            raise TypeError(
                f"{name} gives {culprit}, which one caller could change for all others: "
                "give tuples, frozen Structs, frozen dataclasses or plain values, and say so in the annotation"
            )
        self._codec: Results[R] = Results(returns)
        self._shared: SecondLevel | None = cache.shared
        self._store: Store[Key, Kept] = cache.results
        self._flights: Flights[Key, R] = Flights(cache.tags)
        self._tags = tags if callable(tags) else None
        self._fixed_tags = () if callable(tags) else checked(tags)
        self._ttl_seconds = ttl_seconds
        self._stale_seconds = stale_seconds
        self._timeout_seconds = timeout_seconds
        self.name = name
        self.hits = self.misses = self.stale = 0

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result, kept or made now; made now for whoever wrote a moment ago.

        Raises:
            DeadlineExceeded: it took longer than `timeout_seconds`.
            Exception: whatever the function raised; kept for nobody.
        """
        if consistency.reads_own_writes():
            return await self._function(*args, **kwargs)
        key = self._key(args, kwargs)
        kept, now = self._store.entries.get(key), time.monotonic()
        if kept is not None and now < kept.keep_until:
            kept.uses += 1
            if now < kept.expires:
                self.hits += 1
            else:
                self.stale += 1
                self._renew(key, kept, now, args, kwargs)
            result: R = kept.value
            return result
        self.misses += 1
        tags = self._tags_of(args, kwargs)
        return await self._flights.join(key, lambda flight: self._load(flight, key, args, kwargs), tags)

    def _renew(self, key: Key, kept: Kept, now: float, args: Any, kwargs: Any) -> None:
        if now >= kept.renew_at:
            kept.renew_at = now + TRY_AGAIN_SECONDS
            self._flights.begin(key, lambda flight: self._load(flight, key, args, kwargs), kept.tags)

    def _key(self, args: Any, kwargs: Any) -> Key:
        if kwargs or len(args) != len(self._signature.parameters):
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args = (*bound.args, *sorted(bound.kwargs.items()))
        for argument in args:
            # By value and type: 1, 1.0 and True are equal, and a result for one need not be one for the other.
            if not isinstance(argument, (*FIXED, tuple, frozenset)) and changeable(type(argument)) is not None:
                raise TypeError(f"{self.name} is kept by its arguments' values, and {argument!r:.80} may change")
        return (self.name, *((type(argument), argument) for argument in args))

    def _tags_of(self, args: Any, kwargs: Any) -> tuple[str, ...]:
        return checked(self._tags(*args, **kwargs)) if self._tags is not None else self._fixed_tags

    async def _load(self, flight: Flight[R], key: Key, args: Any, kwargs: Any) -> R:
        async def load() -> tuple[float, R]:
            return time.time(), await self._function(*args, **kwargs)

        try:
            async with asyncio.timeout(self._timeout_seconds):
                made_at, value = await self._through_shared(self._address(key, flight.tags), load)
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name} took longer than {self._timeout_seconds:g} seconds.") from None
        if not flight.spoilt:
            self._store.put(key, Kept(value, made_at, flight.tags, self._ttl_seconds, self._stale_seconds))
        return value

    async def _through_shared(
        self, address: Address | None, load: Callable[[], Coroutine[Any, Any, tuple[float, R]]]
    ) -> tuple[float, R]:
        if self._shared is None or address is None:
            return await load()
        found = await self._shared.get(address, self._ttl_seconds, load, self._codec, self._timeout_seconds)
        assert found is not None, "load gives something, or raises"
        return found

    def _address(self, key: Key, tags: tuple[str, ...]) -> Address | None:
        return self._shared.address(key, tags, self.name) if self._shared is not None else None

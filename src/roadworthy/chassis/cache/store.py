"""What this process keeps, bounded in bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar, cast

from roadworthy.chassis.cache.tags import Tags

ENTRY_OVERHEAD_BYTES = 1024
"""What an entry costs besides its value: objects, headers, tags, its place in the dictionaries."""


class Sized(Protocol):
    """What is kept: how large it is, how long it may stay, how often it was used and had been at its turn, its tags."""

    size_bytes: int
    keep_until: float
    uses: int
    uses_seen: int
    tags: tuple[str, ...]


K = TypeVar("K", bound=Hashable)
E = TypeVar("E", bound=Sized)


class Store(Generic[K, E]):
    """Entries by key, oldest first. What was used since its last turn gets another one (the CLOCK algorithm)."""

    __slots__ = ("_bytes", "_dropped", "_limit_bytes", "_tags", "entries", "evictions")

    def __init__(
        self, limit_bytes: int, dropped: Callable[[E], None] = lambda _entry: None, tags: Tags | None = None
    ) -> None:
        """Keep at most `limit_bytes`, and no entry of more than an eighth of it.

        `dropped` hears of each entry that goes; what is dropped in `tags` goes.
        """
        self._limit_bytes = limit_bytes
        self._dropped = dropped
        self._tags = tags if tags is not None else Tags()
        self._tags.join(self)
        self._bytes = 0
        self.entries: dict[K, E] = {}
        self.evictions = 0

    @property
    def size_bytes(self) -> int:
        """What is kept, with its overhead."""
        return self._bytes

    def put(self, key: K, entry: E) -> bool:
        """Keep `entry`, and make room for it; returns whether it was small enough."""
        self.drop(key)
        if entry.size_bytes > self._limit_bytes // 8:
            return False
        self.entries[key] = entry
        self._bytes += entry.size_bytes
        self._tags.add(entry.tags, (self, key))
        self._make_room()
        return True

    def grow(self, key: K, entry: E, by_bytes: int) -> None:
        """Say that `entry` became larger; nothing happens when it is kept no more."""
        entry.size_bytes += by_bytes
        if self.entries.get(key) is entry:
            self._bytes += by_bytes
            self._make_room()

    def drop(self, key: Hashable) -> None:
        """Forget `key`, if it is known."""
        entry = self.entries.pop(cast("K", key), None)
        if entry is not None:
            self._bytes -= entry.size_bytes
            self._tags.discard(entry.tags, (self, key))
            self._dropped(entry)

    def clear(self) -> None:
        """Forget everything."""
        for key in list(self.entries):
            self.drop(key)

    def tidy(self, now: float) -> None:
        """Forget what is over at `now` (monotonic seconds)."""
        for key in [key for key, entry in self.entries.items() if entry.keep_until <= now]:
            self.drop(key)

    def _make_room(self) -> None:
        while self._bytes > self._limit_bytes:
            key, entry = next(iter(self.entries.items()))
            if entry.uses != entry.uses_seen:
                entry.uses_seen = entry.uses
                self.entries[key] = self.entries.pop(key)
            else:
                self.drop(key)
                self.evictions += 1

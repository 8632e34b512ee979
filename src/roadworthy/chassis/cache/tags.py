"""What is kept under which tag, so that a change drops exactly what it made untrue."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Protocol, TypeAlias

TAG_BYTES_MAX = 200


class Holder(Protocol):
    """Keeps or loads something under keys."""

    def drop(self, key: Hashable) -> None:
        """Forget what is under `key`; it may be gone already."""

    def clear(self) -> None:
        """Forget everything."""


Place: TypeAlias = tuple[Holder, Hashable]


class Tags:
    """Where in this process something is kept, or being loaded, under each tag."""

    __slots__ = ("_holders", "_places", "dropped")

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._places: dict[str, set[Place]] = {}
        self._holders: list[Holder] = []
        self.dropped = 0
        """Tags dropped so far, whether or not anything was under them."""

    def __len__(self) -> int:
        """How many tags something is under."""
        return len(self._places)

    def join(self, holder: Holder) -> None:
        """Have `holder` cleared when everything is dropped."""
        self._holders.append(holder)

    def add(self, tags: Iterable[str], place: Place) -> None:
        """Note that what is at `place` depends on `tags`."""
        for tag in tags:
            self._places.setdefault(tag, set()).add(place)

    def discard(self, tags: Iterable[str], place: Place) -> None:
        """Note that `place` is empty, or about something else from now on."""
        for tag in tags:
            places = self._places.get(tag)
            if places is not None:
                places.discard(place)
                if not places:
                    del self._places[tag]

    def drop(self, tags: Iterable[str]) -> None:
        """Forget everything under any of `tags`, loads under way included: they may not have seen the change."""
        for tag in tags:
            self.dropped += 1
            for holder, key in self._places.pop(tag, ()):
                holder.drop(key)

    def drop_all(self) -> None:
        """Forget everything: changes may have gone unheard."""
        for holder in self._holders:
            holder.clear()
        self._places.clear()


@lru_cache(4096)
def digest(text: str) -> str:
    """A short name for a text of any length, for keys of the shared tier."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def checked(tags: Iterable[str]) -> tuple[str, ...]:
    """`tags` as they are announced to other processes.

    Raises:
        ValueError: one is empty, or longer than 200 bytes.
    """
    found = tuple(dict.fromkeys(tags))
    for tag in found:
        if not 0 < len(tag.encode()) <= TAG_BYTES_MAX:
            raise ValueError(f"{tag[:50]!r}: a tag has 1 to {TAG_BYTES_MAX} bytes")
    return found

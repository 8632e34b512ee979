"""Connections that somebody took and keeps: found while it lasts, and named by the line that took them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

FRAMES_MAX = 12
BETWEEN = (str(Path(__file__).parent), contextlib.__file__)
"""What stands between a connection and whoever wanted it: this package, and what enters its blocks."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Hold:
    """A connection in use: since when (monotonic seconds), and by which line."""

    since: float
    place: str
    told: bool = False


class Holds:
    """Every connection in use, and a warning, once, for each that is held too long."""

    def __init__(self, limit_seconds: float) -> None:
        """Warn after `limit_seconds`."""
        self._limit_seconds = limit_seconds
        self._held: dict[int, Hold] = {}
        self._number = 0
        self.told = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Note a connection as in use during the block."""
        self._number += 1
        number = self._number
        self._held[number] = Hold(time.monotonic(), _taker(sys._getframe(1)))  # noqa: SLF001  # 2 us; inspect.stack: 2 ms
        try:
            yield
        finally:
            del self._held[number]

    def report(self, now: float) -> None:
        """Log each connection that has been held too long by `now`, monotonic seconds, and was not logged before."""
        for hold in self._held.values():
            if not hold.told and now - hold.since > self._limit_seconds:
                hold.told = True
                self.told += 1
                logger.warning(
                    "a database connection has been held for %.0f s, taken at %s: others may run out of them",
                    *(now - hold.since, hold.place),
                )

    async def watch(self) -> None:
        """Report for ever."""
        while True:
            await asyncio.sleep(self._limit_seconds / 2)
            self.report(time.monotonic())


def _taker(frame: FrameType | None) -> str:
    for _ in range(FRAMES_MAX):
        if frame is None:
            break
        code = frame.f_code
        if not code.co_filename.startswith(BETWEEN):
            return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
        frame = frame.f_back
    return "an unknown place"

"""How many requests a process takes on at once: as many as it answers within a declared wait, and never too few."""

from __future__ import annotations

from typing import Final

EVERY_SECONDS: Final = 0.25
TICKS_BUSY: Final = 2
GROWTH: Final = 1.5


class Shedding:
    """A bound on requests under way that follows how quickly they are answered.

    By Little's law a request that finds `n` others waits n / (answers a second). While more than `floor` are under way
    for half a second, the bound is what is answered within `wait_seconds`; otherwise it grows back to `limit_max`.
    Below `floor` nobody is refused, however slow the answers are: they may be slow for a reason that has nothing to do
    with how many there are.
    """

    __slots__ = ("_busy_ticks", "_done", "_floor", "_limit_max", "_measured_at", "_wait_seconds", "limit")

    def __init__(self, limit_max: int, floor: int, wait_seconds: float) -> None:
        """Start with `limit_max`: a service that has just started does not know its pace."""
        self.limit = self._limit_max = limit_max
        self._floor = min(floor, limit_max)
        self._wait_seconds = wait_seconds
        self._done = 0
        self._measured_at: float | None = None
        self._busy_ticks = 0

    def observe(self, now: float, in_flight: int, done: int) -> None:
        """Take that at `now` (monotonic seconds) `in_flight` are under way, and `done` were ever answered."""
        before, self._measured_at = self._measured_at, now
        answered, self._done = done - self._done, done
        if in_flight <= self._floor:
            self._busy_ticks = 0
            self.limit = min(self._limit_max, int(self.limit * GROWTH) + 1)
            return
        self._busy_ticks += 1
        if before is not None and self._busy_ticks >= TICKS_BUSY:
            wanted = int(answered / (now - before) * self._wait_seconds)
            # Half way each time: one slow quarter of a second is no overload.
            self.limit = max(self._floor, min(self._limit_max, (self.limit + wanted) // 2))

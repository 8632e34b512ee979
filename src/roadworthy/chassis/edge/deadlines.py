"""Deadlines of many requests, watched by one timer.

`asyncio.timeout` costs a request 4.8 us, a place in a dictionary 0.1 us. All entries of one `Deadlines` have the same
timeout, so the order in which they came is the order in which they end, and a look at the first is enough. The few
that come late (they first waited for somebody else's load) are kept apart.
"""

from __future__ import annotations

from typing import Protocol


class Timed(Protocol):
    """Work that began at `started_at` (monotonic seconds)."""

    started_at: float

    def expire(self) -> None:
        """Stop: the time is up."""


class Deadlines:
    """What must be done within `timeout_seconds` of its beginning."""

    __slots__ = ("_late", "_newest", "_open", "timeout_seconds")

    def __init__(self, timeout_seconds: float) -> None:
        """Start with nothing to watch."""
        self.timeout_seconds = timeout_seconds
        self._open: dict[Timed, None] = {}
        self._late: dict[Timed, None] = {}
        self._newest = 0.0

    def watch(self, work: Timed) -> None:
        """Expire `work` when its time is up, counted from its `started_at`."""
        if work.started_at >= self._newest:
            self._newest = work.started_at
            self._open[work] = None
        else:
            self._late[work] = None

    def forget(self, work: Timed) -> None:
        """It is done, or exempt from here on."""
        if self._open.pop(work, work) is work:
            self._late.pop(work, None)

    def expire(self, now: float) -> int:
        """Expire what is overdue at `now` (monotonic seconds); returns how many."""
        overdue = []
        for work in self._open:
            if now - work.started_at < self.timeout_seconds:
                break
            overdue.append(work)
        overdue += [work for work in self._late if now - work.started_at >= self.timeout_seconds]
        for work in overdue:
            self.forget(work)
            work.expire()
        return len(overdue)

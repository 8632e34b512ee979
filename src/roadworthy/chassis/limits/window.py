"""A sliding window that never admits too many, in a dozen counters an address.

The window is cut into slices. What counts is every slice that overlaps the window, the oldest one whole: so no window
of the given length, wherever it starts, ever holds more than the limit, and a slot comes free at most one slice late
(a twelfth of the window). Where requests are taken in advance they may be used up to a slice later than they were
counted, so one slice more is looked back. The same arithmetic runs in shared.lua.
"""

from __future__ import annotations

from roadworthy.chassis.limits.quota import Count, Grant, Quota

SLICES = 12


class Window:
    """One quota's counters for one address."""

    __slots__ = ("_lookback", "_slices", "_used", "limit", "width_seconds")

    def __init__(self, quota: Quota, *, share: float = 1.0, lookback: int = SLICES) -> None:
        """Count against `share` of the quota's limit, at least 1, the present slice and `lookback` before it."""
        self._lookback = lookback
        self.limit = max(1, round(quota.limit * share))
        self.width_seconds = quota.window_seconds / SLICES
        # [number of the slice, requests in it], oldest first; a dozen: a deque would take 600 bytes for nothing.
        self._slices: list[list[int]] = []
        self._used = 0

    def used(self, now: float) -> int:
        """Requests in all slices that overlap the window ending `now` (seconds, any steady clock)."""
        oldest = int(now // self.width_seconds) - self._lookback
        slices = self._slices
        while slices and slices[0][0] < oldest:
            self._used -= slices.pop(0)[1]
        return self._used

    def add(self, requests: int, now: float) -> None:
        """Count `requests` in the present slice."""
        number = int(now // self.width_seconds)
        if self._slices and self._slices[-1][0] == number:
            self._slices[-1][1] += requests
        else:
            self._slices.append([number, requests])
        self._used += requests

    def reset_seconds(self, now: float) -> float:
        """Until the oldest counted slice falls out of the window; 0 when nothing is counted."""
        if not self._slices:
            return 0.0
        return (self._slices[0][0] + self._lookback + 1) * self.width_seconds - now


class Windows:
    """All quotas of a policy for one address, admitted together or not at all."""

    __slots__ = ("_windows",)

    def __init__(self, quotas: tuple[Quota, ...], *, share: float = 1.0, lookback: int = SLICES) -> None:
        """Start with nothing counted."""
        self._windows = tuple(Window(quota, share=share, lookback=lookback) for quota in quotas)

    def take(self, wanted: int, now: float, least: int = 1) -> Grant:
        """Admit up to `wanted` requests, as many as every quota has room for; fewer than `least` are none."""
        windows = self._windows
        room = min(window.limit - window.used(now) for window in windows)
        admitted = min(wanted, room) if room >= least else 0
        retry = 0.0
        if admitted:
            self.add(admitted, now)
        else:
            full = (window for window in windows if window.limit - window.used(now) < least)
            retry = max(window.reset_seconds(now) for window in full)
        counts = (Count(max(0, window.limit - window.used(now)), window.reset_seconds(now)) for window in windows)
        return Grant(admitted, tuple(counts), retry)

    def add(self, requests: int, now: float) -> None:
        """Count `requests` that somebody else admitted."""
        for window in self._windows:
            window.add(requests, now)

    def idle(self, now: float) -> bool:
        """Whether nothing that was counted matters any more."""
        return not any(window.used(now) for window in self._windows)

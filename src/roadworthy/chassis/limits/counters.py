"""Who counts requests: the shared tier for all processes, or this process for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from redis.commands.core import AsyncScript

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.quota import Count, Demand, Grant, LimitPolicy
from roadworthy.chassis.limits.window import SLICES, Windows

SCRIPT = Path(__file__).with_name("shared.lua").read_text(encoding="ascii")
ADDRESSES_MAX = 100_000
# Of more addresses than these, what the shared tier admitted is not noted here: 0.6 kB each.
MIRRORED_MAX = 20_000
TIDIED_MAX = 500
KEY_PREFIX = "roadworthy:limit"


class LocalCounter:
    """Counts in this process, against `share` of every limit: with N processes each takes a 1/N.

    It also notes what the shared tier admitted here, so that its end is no second helping; and remembers what it
    admitted itself, for the shared tier to count when it is back.
    """

    __slots__ = ("_addresses_max", "_lookback", "_owed", "_policy", "_share", "_windows")

    def __init__(
        self, policy: LimitPolicy, *, lookback: int, share: float = 1.0, addresses_max: int = ADDRESSES_MAX
    ) -> None:
        """Count at most `addresses_max` addresses; the one known longest makes room for a new one."""
        self._policy = policy
        self._share = share
        self._lookback = lookback
        self._addresses_max = addresses_max
        self._windows: dict[str, Windows] = {}
        self._owed: dict[str, int] = {}

    def __len__(self) -> int:
        """How many addresses something is counted of."""
        return len(self._windows)

    def take(self, address: str, wanted: int, least: int = 1) -> Grant:
        """Admit up to `wanted` requests of `address`; fewer than `least` are none."""
        grant = self._windows_of(address).take(wanted, time.monotonic(), least)
        if grant.admitted:
            self._owed[address] = self._owed.get(address, 0) + grant.admitted
        return grant

    def owed(self, address: str) -> int:
        """Requests admitted here that the shared tier does not know of."""
        return self._owed.get(address, 0) if self._owed else 0

    def note(self, address: str, admitted: int, settled: int) -> None:
        """Take note of what the shared tier admitted, and of the `settled` part of what is owed, which it counted."""
        if settled:
            left = self._owed.pop(address, 0) - settled
            if left > 0:
                self._owed[address] = left
        if admitted and (address in self._windows or len(self._windows) < MIRRORED_MAX):
            self._windows_of(address).add(admitted, time.monotonic())

    def tidy(self, now: float) -> None:
        """Forget some of what matters no more: a few hundred at a time, so that no request waits for it."""
        for address in list(islice(self._windows, TIDIED_MAX)):
            windows = self._windows.pop(address)
            if not windows.idle(now):
                self._windows[address] = windows
            else:
                self._owed.pop(address, None)

    def _windows_of(self, address: str) -> Windows:
        windows = self._windows.get(address)
        if windows is None:
            if len(self._windows) >= self._addresses_max:
                oldest = next(iter(self._windows))
                del self._windows[oldest]
                self._owed.pop(oldest, None)
            windows = self._windows[address] = Windows(self._policy.quotas, share=self._share, lookback=self._lookback)
        return windows


class SharedCounter:
    """Counts in the shared tier: one script call for any number of addresses, on the server's own clock."""

    __slots__ = ("_arguments", "_fields", "_policy", "_script", "_tier")

    def __init__(self, tier: SharedTier, policy: LimitPolicy, *, lookback: int) -> None:
        """Count requests under `policy`; nothing is asked yet."""
        self._tier = tier
        self._policy = policy
        self._script: AsyncScript = tier.script(SCRIPT)
        self._arguments = [SLICES, lookback, len(policy.quotas)]
        for quota in policy.quotas:
            self._arguments += [quota.limit, quota.window_seconds * 1000]
        self._fields = 2 + 2 * len(policy.quotas)

    async def take(self, wants: Mapping[str, Demand]) -> dict[str, Grant]:
        """Admit what is demanded of each address, or as much of it as there is room for.

        Raises:
            SharedTierDown: nobody counted.
        """
        if not self._tier.is_cluster:
            return await self._take(wants)
        # The addresses lie on different nodes there, and a script runs on one.
        grants: dict[str, Grant] = {}
        for grant in await asyncio.gather(*(self._take({address: demand}) for address, demand in wants.items())):
            grants |= grant
        return grants

    async def _take(self, wants: Mapping[str, Demand]) -> dict[str, Grant]:
        keys = [
            f"{KEY_PREFIX}:{self._policy.name}:{quota.name}:{{{address}}}"
            for address in wants
            for quota in self._policy.quotas
        ]
        arguments = [*self._arguments, *(number for demand in wants.values() for number in demand)]
        answer = await self._tier.run(self._script(keys=keys, args=arguments))
        size = self._fields
        return {
            address: self._grant([int(field) for field in answer[n * size : (n + 1) * size]])
            for n, address in enumerate(wants)
        }

    def _grant(self, fields: list[int]) -> Grant:
        admitted, retry_ms, *counts = fields
        triples = zip(self._policy.quotas, counts[::2], counts[1::2], strict=True)
        left = tuple(Count(max(0, quota.limit - used), reset_ms / 1000) for quota, used, reset_ms in triples)
        return Grant(admitted, left, retry_ms / 1000)

"""Who counts requests: the shared tier for all processes, or this process for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from redis.commands.core import AsyncScript

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.quota import Count, Grant, LimitPolicy
from roadworthy.chassis.limits.window import SLICES, Windows

SCRIPT = Path(__file__).with_name("shared.lua").read_text(encoding="ascii")
ADDRESSES_MAX = 100_000
KEY_PREFIX = "roadworthy:limit"


class LocalCounter:
    """Counts in this process, against `share` of every limit: with N processes each takes a 1/N."""

    __slots__ = ("_addresses_max", "_lookback", "_policy", "_share", "_windows")

    def __init__(
        self, policy: LimitPolicy, *, lookback: int, share: float = 1.0, addresses_max: int = ADDRESSES_MAX
    ) -> None:
        """Count at most `addresses_max` addresses; the one known longest makes room for a new one."""
        self._policy = policy
        self._share = share
        self._lookback = lookback
        self._addresses_max = addresses_max
        self._windows: dict[str, Windows] = {}

    def take(self, address: str, wanted: int) -> Grant:
        """Admit up to `wanted` requests of `address`."""
        windows = self._windows.get(address)
        if windows is None:
            if len(self._windows) >= self._addresses_max:
                del self._windows[next(iter(self._windows))]
            windows = self._windows[address] = Windows(self._policy.quotas, share=self._share, lookback=self._lookback)
        return windows.take(wanted, time.monotonic())


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

    async def take(self, wants: Mapping[str, int]) -> dict[str, Grant]:
        """Admit up to the wanted number of requests of each address.

        Raises:
            SharedTierDown: nobody counted.
        """
        if not self._tier.is_cluster:
            return await self._take(wants)
        # The addresses lie on different nodes there, and a script runs on one.
        grants: dict[str, Grant] = {}
        for grant in await asyncio.gather(*(self._take({address: wanted}) for address, wanted in wants.items())):
            grants |= grant
        return grants

    async def _take(self, wants: Mapping[str, int]) -> dict[str, Grant]:
        keys = [
            f"{KEY_PREFIX}:{self._policy.name}:{quota.name}:{{{address}}}"
            for address in wants
            for quota in self._policy.quotas
        ]
        answer = await self._tier.run(self._script(keys=keys, args=[*self._arguments, *wants.values()]))
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

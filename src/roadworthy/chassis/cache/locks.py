"""Locks on loads in the shared tier, prolonged while their loads last."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown

LEASE_MS: Final = 2000
"""After this a lock of a process that died is free."""
RENEWALS_A_LEASE: Final = 3

_RENEW = Path(__file__).with_name("renew.lua").read_text(encoding="ascii")


class Leases:
    """The locks that this process holds, by key with their tokens."""

    __slots__ = ("_held", "_lease_ms", "_renew", "_renewing", "_tier")

    def __init__(self, tier: SharedTier, lease_ms: int = LEASE_MS) -> None:
        """Take the tier, and how long a lock outlives its holder."""
        self._tier = tier
        self._lease_ms = lease_ms
        self._renew: AsyncScript = tier.script(_RENEW)
        self._held: dict[str, bytes] = {}
        self._renewing: asyncio.Task[None] | None = None

    @property
    def lease_ms(self) -> int:
        """How long a lock is held if its holder says nothing more."""
        return self._lease_ms

    def hold(self, lock: str, token: bytes) -> None:
        """Prolong `lock` until it is let go."""
        self._held[lock] = token
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_renewing(), name="leases")

    def let_go(self, lock: str) -> None:
        """Prolong `lock` no more."""
        self._held.pop(lock, None)

    async def close(self) -> None:
        """Prolong nothing any more."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    async def _keep_renewing(self) -> None:
        try:
            while self._held:
                await asyncio.sleep(self._lease_ms / 1000 / RENEWALS_A_LEASE)
                await self._renew_all()
        finally:
            self._renewing = None

    async def _renew_all(self) -> None:
        if not self._held:
            return
        with suppress(SharedTierDown, RedisError):  # then the lock ends, and somebody else loads as well
            await self._tier.run(self._renew(keys=list(self._held), args=[self._lease_ms, *self._held.values()]))

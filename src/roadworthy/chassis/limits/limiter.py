"""Admits or refuses a request of an address, in a fraction of a microsecond where the limit is high."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import TypeAlias

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.counters import ADDRESSES_MAX, LocalCounter, SharedCounter
from roadworthy.chassis.limits.quota import Grant, LimitPolicy
from roadworthy.chassis.limits.window import SLICES

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

# A process takes this part of the smallest quota in advance: one request where the limit is under 4,000 (counted
# exactly, wherever it arrives), and a trip to the shared tier every few thousand requests where it is in the millions.
LEASE_SHARE = 1 / 2000
LEASE_SECONDS = 1.0
# From here on a new lease is fetched while requests still use the old one: none of them waits for the trip.
RENEW_AFTER = 0.7
RENEW_BELOW = 0.3
BATCH_ADDRESSES = 256
PROBLEM_QUIET_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Standing:
    """What is known of an address: tokens that it may use, or that it must wait.

    Whoever is in a hurry takes a token while there are more than `low` and it is before `until` (monotonic seconds);
    what is left after that is good for `RateLimiter.use` until `void_at`.
    """

    __slots__ = ("headers", "low", "refused", "renewing", "tokens", "until", "void_at")

    def __init__(self, tokens: int, void_at: float, headers: Headers, *, refused: bool = False) -> None:
        """`headers` say it to the client."""
        self.tokens = tokens
        self.low = 0
        self.until = self.void_at = void_at
        self.headers = headers
        self.refused = refused
        self.renewing = False


class RateLimiter:
    """Counts requests of addresses under one policy: shared when it can, alone when it must.

    The caller looks into `standings` first: a token there admits at once. Then `use`; else it awaits `ask`.
    """

    __slots__ = (
        "_addresses_max",
        "_complained_at",
        "_lease",
        "_lease_seconds",
        "_local",
        "_policy_header",
        "_shared",
        "_tier",
        "_trip",
        "_waiting",
        "policy",
        "refusals",
        "standings",
    )

    def __init__(
        self,
        policy: LimitPolicy,
        tier: SharedTier | None,
        *,
        local_share: float = 1.0,
        addresses_max: int = ADDRESSES_MAX,
    ) -> None:
        """Count in `tier`, and in this process against `local_share` of the limits while there is none."""
        assert policy.quotas, "an unlimited policy needs no limiter"
        self.policy = policy
        self.standings: dict[str, Standing] = {}
        self.refusals = 0
        self._tier = tier
        self._lease = max(1, int(min(quota.limit for quota in policy.quotas) * LEASE_SHARE))
        self._lease_seconds = min(LEASE_SECONDS, *(quota.window_seconds / SLICES for quota in policy.quotas))
        lookback = SLICES if self._lease == 1 else SLICES + 1
        self._shared = SharedCounter(tier, policy, lookback=lookback) if tier is not None else None
        self._local = LocalCounter(policy, lookback=lookback, share=local_share, addresses_max=addresses_max)
        self._addresses_max = addresses_max
        self._waiting: dict[str, list[asyncio.Future[tuple[bool, Standing]]]] = {}
        self._trip: asyncio.Task[None] | None = None
        self._complained_at = -math.inf
        policies = ", ".join(f'"{quota.name}";q={quota.limit};w={quota.window_seconds}' for quota in policy.quotas)
        self._policy_header = (b"ratelimit-policy", policies.encode())

    @property
    def counts_in(self) -> str:
        """Where requests are counted at the moment: `shared` or `local`."""
        return "shared" if self._tier is not None and not self._tier.down else "local"

    def use(self, address: str, now: float) -> Standing | None:
        """The standing of `address` with one token less, or that refuses it; None: nothing is known, so ask."""
        standing = self.standings.get(address)
        if standing is None or standing.void_at <= now:
            return None
        if standing.refused:
            return standing
        if not standing.tokens:
            return None
        standing.tokens -= 1
        if self._shared is not None and not standing.renewing:
            standing.renewing = True
            self._waiting.setdefault(address, [])  # nobody waits for this one
            self._depart(self._shared)
        return standing

    async def ask(self, address: str) -> tuple[bool, Standing]:
        """Whether one request of `address` is admitted now, and how the address stands after."""
        if self._shared is None or self._tier is None or self._tier.down:
            return self._settle(address, self._local.take(address, self._lease), 1)[0]
        future: asyncio.Future[tuple[bool, Standing]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, []).append(future)
        self._depart(self._shared)
        return await future

    def tidy(self, now: float) -> None:
        """Forget standings that are over."""
        for address in [address for address, standing in self.standings.items() if standing.void_at <= now]:
            del self.standings[address]

    def _depart(self, shared: SharedCounter) -> None:
        if self._trip is None:
            self._trip = asyncio.create_task(self._travel(shared), name=f"limits:{self.policy.name}")

    async def _travel(self, shared: SharedCounter) -> None:
        # Requests that arrive while a trip is under way go with the next: more load, fewer trips a request.
        try:
            while self._waiting:
                batch = {address: self._waiting.pop(address) for address in list(self._waiting)[:BATCH_ADDRESSES]}
                grants = await self._count(shared, {address: len(futures) for address, futures in batch.items()})
                for address, futures in batch.items():
                    _tell(futures, self._settle(address, grants[address], len(futures)))
        finally:
            self._trip = None

    async def _count(self, shared: SharedCounter, wants: dict[str, int]) -> dict[str, Grant]:
        wants = {address: max(self._lease, wanted) for address, wanted in wants.items()}
        try:
            return await shared.take(wants)
        except Exception as error:  # noqa: BLE001  # whatever it is, requests wait for this answer
            self._complain(error)
            return {address: self._local.take(address, wanted) for address, wanted in wants.items()}

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at > PROBLEM_QUIET_SECONDS:
            self._complained_at = now
            logger.warning("rate limits are counted in each process for now: %s", error)

    def _settle(self, address: str, grant: Grant, waiting: int) -> list[tuple[bool, Standing]]:
        """One verdict for each of `waiting` requests; what was granted beyond them stays as tokens."""
        now = time.monotonic()
        tokens = max(0, grant.admitted - waiting)
        headers = self._headers(grant, tokens)
        standing = Standing(tokens, now + self._lease_seconds, headers)
        verdicts = [(True, standing)] * min(grant.admitted, waiting)
        if tokens:
            standing.until = now + self._lease_seconds * RENEW_AFTER
            standing.low = int(tokens * RENEW_BELOW)
            self._keep(address, standing)
        elif not grant.admitted:
            standing = Standing(0, now + grant.retry_seconds, headers, refused=True)
            self._keep(address, standing)
        return verdicts + [(False, standing)] * (waiting - len(verdicts))

    def _keep(self, address: str, standing: Standing) -> None:
        standings = self.standings
        if address not in standings and len(standings) >= self._addresses_max:
            del standings[next(iter(standings))]
        standings[address] = standing

    def _headers(self, grant: Grant, tokens: int) -> Headers:
        quotas = self.policy.quotas
        remaining = [count.left + tokens for count in grant.counts]
        items = ", ".join(
            f'"{quota.name}";r={left};t={math.ceil(count.reset_seconds)}'
            for quota, count, left in zip(quotas, grant.counts, remaining, strict=True)
        )
        tightest = remaining.index(min(remaining))
        reset_at = math.ceil(time.time() + grant.counts[tightest].reset_seconds)
        return (
            self._policy_header,
            (b"ratelimit", items.encode()),
            (b"x-ratelimit-limit", b"%d" % quotas[tightest].limit),
            (b"x-ratelimit-remaining", b"%d" % remaining[tightest]),
            (b"x-ratelimit-reset", b"%d" % reset_at),
            *(((b"retry-after", b"%d" % max(1, math.ceil(grant.retry_seconds))),) if not grant.admitted else ()),
        )


def _tell(futures: Sequence[asyncio.Future[tuple[bool, Standing]]], verdicts: Sequence[tuple[bool, Standing]]) -> None:
    for future, verdict in zip(futures, verdicts, strict=True):
        if not future.done():
            future.set_result(verdict)

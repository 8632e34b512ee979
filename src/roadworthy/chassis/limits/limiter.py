"""Admits or refuses a request of an address, in a fraction of a microsecond where the limit is high."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.counters import ADDRESSES_MAX, LocalCounter, SharedCounter
from roadworthy.chassis.limits.quota import Demand, Grant, LimitPolicy
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


class _Asking(NamedTuple):
    """A request that waits for its verdict, and what it counts as."""

    verdict: asyncio.Future[tuple[bool, Standing]]
    cost: int


class Standing:
    """What is known of an address: tokens that it may use, or that it must wait.

    Whoever is in a hurry takes a token while there are more than `low` and it is before `until` (monotonic seconds);
    what is left after that is good for `RateLimiter.use` until `void_at`. `violated` names the quotas of a refusal.
    """

    __slots__ = ("headers", "low", "refused", "renewing", "tokens", "until", "violated", "void_at")

    def __init__(self, tokens: int, void_at: float, headers: Headers, *, refused: bool = False) -> None:
        """`headers` say it to the client."""
        self.tokens = tokens
        self.low = 0
        self.until = self.void_at = void_at
        self.headers = headers
        self.refused = refused
        self.violated: tuple[str, ...] = ()
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
        self._waiting: dict[str, list[_Asking]] = {}
        self._trip: asyncio.Task[None] | None = None
        self._complained_at = -math.inf
        policies = ", ".join(f'"{quota.name}";q={quota.limit};w={quota.window_seconds}' for quota in policy.quotas)
        self._policy_header = (b"ratelimit-policy", policies.encode())

    @property
    def counts_in(self) -> str:
        """Where requests are counted at the moment: `shared` or `local`."""
        return "shared" if self._tier is not None and not self._tier.down else "local"

    def use(self, address: str, now: float, cost: int = 1) -> Standing | None:
        """The standing of `address` with `cost` tokens less, or that refuses it; None: too little is known, so ask."""
        standing = self.standings.get(address)
        if standing is None or standing.void_at <= now:
            return None
        if standing.refused:
            return standing
        if standing.tokens < cost:
            return None
        standing.tokens -= cost
        if self._shared is not None and not standing.renewing:
            standing.renewing = True
            self._waiting.setdefault(address, [])  # nobody waits for this one
            self._depart(self._shared)
        return standing

    async def ask(self, address: str, cost: int = 1) -> tuple[bool, Standing]:
        """Whether a request of `address` that counts as `cost` is admitted now, and how the address stands after."""
        if self._shared is None or self._tier is None or self._tier.down:
            return self._settle(address, self._local.take(address, max(cost, self._lease), cost), (cost,))[0]
        future: asyncio.Future[tuple[bool, Standing]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, []).append(_Asking(future, cost))
        self._depart(self._shared)
        return await future

    def tidy(self, now: float) -> None:
        """Forget standings that are over."""
        for address in [address for address, standing in self.standings.items() if standing.void_at <= now]:
            del self.standings[address]
        self._local.tidy(now)

    def _depart(self, shared: SharedCounter) -> None:
        if self._trip is None:
            self._trip = asyncio.create_task(self._travel(shared), name=f"limits:{self.policy.name}")

    async def _travel(self, shared: SharedCounter) -> None:
        # Requests that arrive while a trip is under way go with the next: more load, fewer trips a request.
        try:
            while self._waiting:
                batch = {address: self._waiting.pop(address) for address in list(self._waiting)[:BATCH_ADDRESSES]}
                grants = await self._count(
                    shared, {address: self._demand(address, asking) for address, asking in batch.items()}
                )
                for address, asking in batch.items():
                    _tell(asking, self._settle(address, grants[address], [each.cost for each in asking]))
        finally:
            self._trip = None

    def _demand(self, address: str, asking: Sequence[_Asking]) -> Demand:
        costs = [each.cost for each in asking]
        return Demand(max(self._lease, sum(costs)), min(costs, default=1), self._local.owed(address))

    async def _count(self, shared: SharedCounter, wants: dict[str, Demand]) -> dict[str, Grant]:
        try:
            grants = await shared.take(wants)
        except Exception as error:  # noqa: BLE001  # whatever it is, requests wait for this answer
            self._complain(error)
            return {address: self._local.take(address, each.wanted, each.least) for address, each in wants.items()}
        for address, grant in grants.items():
            self._local.note(address, grant.admitted, wants[address].owed)
        return grants

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at > PROBLEM_QUIET_SECONDS:
            self._complained_at = now
            logger.warning("rate limits are counted in each process for now: %s", error)

    def _settle(self, address: str, grant: Grant, costs: Sequence[int]) -> list[tuple[bool, Standing]]:
        """One verdict for each waiting request of these `costs`; what was granted beyond them stays as tokens."""
        now = time.monotonic()
        tokens, admitted = grant.admitted, []
        for cost in costs:
            admitted.append(cost <= tokens)
            tokens -= cost if cost <= tokens else 0
        headers = self._headers(grant, tokens)
        standing = Standing(tokens, now + self._lease_seconds, headers)
        refusal = standing
        if tokens:
            standing.until = now + self._lease_seconds * RENEW_AFTER
            standing.low = int(tokens * RENEW_BELOW)
            self._keep(address, standing)
        if not all(admitted):
            cost = min(cost for cost, verdict in zip(costs, admitted, strict=True) if not verdict)
            refusal = self._refusal(grant, tokens, now, cost)
            if not grant.admitted and not min(count.left for count in grant.counts):
                self._keep(address, refusal)  # else there is room for a request that costs less
        return [(verdict, standing if verdict else refusal) for verdict in admitted]

    def _refusal(self, grant: Grant, tokens: int, now: float, cost: int) -> Standing:
        full = [number for number, count in enumerate(grant.counts) if count.left + tokens < cost]
        retry = grant.retry_seconds or max((grant.counts[number].reset_seconds for number in full), default=1.0)
        refusal = Standing(0, now + retry, self._headers(Grant(0, grant.counts, retry), tokens), refused=True)
        refusal.violated = tuple(self.policy.quotas[number].name for number in full)
        return refusal

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


def _tell(asking: Sequence[_Asking], verdicts: Sequence[tuple[bool, Standing]]) -> None:
    for each, verdict in zip(asking, verdicts, strict=True):
        if not each.verdict.done():
            each.verdict.set_result(verdict)

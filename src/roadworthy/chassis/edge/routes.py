"""Policies compiled into one plan a path, found in a dictionary or by a few prefixes."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from roadworthy.chassis.edge.asgi import Scope
from roadworthy.chassis.edge.deadlines import Deadlines
from roadworthy.chassis.edge.policy import NO_CACHE, CachePolicy, RoutePolicy
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import UNLIMITED, LimitPolicy

Endpoint: TypeAlias = Callable[[str], Awaitable["EndpointAnswer"]]


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """What an endpoint of the edge itself answers."""

    status: int
    content_type: bytes
    body: bytes


def route_of(scope: Scope, default: str) -> str:
    """The template of the route that answered, as the app left it in the scope.

    HotApp says it itself; Litestar leaves `path_template`, FastAPI and Starlette a `route`. Bounded by the number of
    routes, where the path would be a series in metrics for every id.
    """
    label = scope.get("roadworthy.route") or scope.get("path_template")
    if not label:
        label = getattr(scope.get("route"), "path", None)
    return label if isinstance(label, str) else default


class Plan:
    """Everything that holds for a path, resolved."""

    __slots__ = (
        "body_limit_bytes",
        "cache",
        "cors",
        "cost",
        "deadlines",
        "endpoint",
        "error_pages",
        "is_plain",
        "label",
        "limiter",
        "vary",
    )

    def __init__(
        self,
        label: str,
        *,
        cache: CachePolicy | None,
        limiter: RateLimiter | None,
        deadlines: Deadlines,
        body_limit_bytes: int,
        cors: bool,
        endpoint: Endpoint | None = None,
        error_pages: Mapping[int, bytes] | None = None,
        cost: int = 1,
    ) -> None:
        """`label` names the route in metrics when the app does not."""
        self.label = label
        self.cache = cache
        self.vary = tuple(name.encode() for name in cache.vary) if cache else ()
        self.limiter = limiter
        self.cost = cost
        self.deadlines = deadlines
        self.body_limit_bytes = body_limit_bytes
        self.cors = cors
        self.endpoint = endpoint
        self.is_plain = endpoint is None and cache is None
        """The app alone answers here."""
        self.error_pages = error_pages or {}


class RouteTable:
    """Finds the plan of a path: an exact pattern first, then the deepest tree around it."""

    __slots__ = ("_compile", "_trees", "exact")

    def __init__(
        self,
        policies: Sequence[RoutePolicy],
        endpoints: Mapping[str, Endpoint],
        *,
        limiter: Callable[[LimitPolicy], RateLimiter],
        deadlines: Callable[[float], Deadlines],
        cache_ttl_max_seconds: float,
    ) -> None:
        """Take policies, of which one must be `/*` and say everything, and the edge's own `endpoints` by path."""
        self._compile = _Compiler(policies, limiter, deadlines, cache_ttl_max_seconds)
        self._trees = {policy.stem: self._compile.plan(policy.path) for policy in policies if policy.is_tree}
        assert "" in self._trees, "no policy for /*"
        self.exact = {stem: plan for stem, plan in self._trees.items() if stem}
        self.exact |= {policy.path: self._compile.plan(policy.path) for policy in policies if not policy.is_tree}
        self.exact |= {path: self._compile.plan(path, endpoint) for path, endpoint in endpoints.items()}

    def plan(self, path: str) -> Plan:
        """The plan of `path`; the edge looks into `exact` itself first."""
        trees, stem = self._trees, path
        while True:
            stem = stem.rpartition("/")[0]
            if stem in trees:  # the empty stem is `/*`, and always is
                return trees[stem]


class _Compiler:
    def __init__(
        self,
        policies: Sequence[RoutePolicy],
        limiter: Callable[[LimitPolicy], RateLimiter],
        deadlines: Callable[[float], Deadlines],
        cache_ttl_max_seconds: float,
    ) -> None:
        # Exact patterns first, then trees from the deepest up; of two that are alike the later declared wins.
        latest = {policy.path: policy for policy in policies}
        self._policies = sorted(latest.values(), key=lambda policy: (policy.is_tree, -len(policy.stem)))
        self._limiter = limiter
        self._deadlines = deadlines
        self._ttl_max = cache_ttl_max_seconds
        self._limiters: dict[LimitPolicy, RateLimiter] = {}

    def plan(self, path: str, endpoint: Endpoint | None = None) -> Plan:
        cache = self._said(path, "cache") or NO_CACHE
        limit = UNLIMITED if endpoint else self._said(path, "limit") or UNLIMITED
        # A limit that somebody set lower than the cost admits one such request a window, not none.
        cost = min(self._said(path, "cost") or 1, *(quota.limit for quota in limit.quotas), sys.maxsize)
        return Plan(
            path,
            cache=self._bounded(cache) if endpoint is None else None,
            limiter=self._limiter_of(limit),
            deadlines=self._deadlines(self._said(path, "timeout_seconds")),
            body_limit_bytes=self._said(path, "body_limit_bytes"),
            cors=bool(self._said(path, "cors")),
            endpoint=endpoint,
            error_pages=self._said(path, "error_pages") if endpoint is None else None,
            cost=cost,
        )

    def _said(self, path: str, what: str) -> Any:
        return next(
            (
                getattr(policy, what)
                for policy in self._policies
                if policy.covers(path) and getattr(policy, what) is not None
            ),
            None,
        )

    def _bounded(self, cache: CachePolicy) -> CachePolicy | None:
        ttl = min(cache.ttl_seconds, self._ttl_max)
        return replace(cache, ttl_seconds=ttl) if ttl > 0 else None

    def _limiter_of(self, policy: LimitPolicy) -> RateLimiter | None:
        if not policy.quotas:
            return None
        if policy not in self._limiters:
            self._limiters[policy] = self._limiter(policy)
        return self._limiters[policy]

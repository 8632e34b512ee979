from __future__ import annotations

from typing import Any

import pytest

from roadworthy.chassis.edge.deadlines import Deadlines
from roadworthy.chassis.edge.policy import NO_CACHE, CachePolicy, RoutePolicy
from roadworthy.chassis.edge.routes import RouteTable
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import UNLIMITED, LimitPolicy, Quota

SOME = LimitPolicy("some", (Quota("minute", 60, 60),))
BASE = RoutePolicy("/*", cache=NO_CACHE, limit=SOME, timeout_seconds=30, body_limit_bytes=1000, cors=False)


def table(*policies: RoutePolicy, endpoints: Any = None) -> RouteTable:
    return RouteTable(
        (BASE, *policies),
        endpoints or {},
        limiter=lambda policy: RateLimiter(policy, None),
        deadlines=Deadlines,
        cache_ttl_max_seconds=300,
    )


def plan(routes: RouteTable, path: str) -> Any:
    return routes.exact.get(path) or routes.plan(path)


@pytest.mark.parametrize("path", ["jobs", "/jobs/*/x", "/jobs?x", "/*x", "", "*"])
def test_a_pattern_is_a_path_or_a_tree(path: str) -> None:
    if path == "":
        assert RoutePolicy(path).path == ""  # a server without a path, as in `OPTIONS *`, falls to /*
        return
    with pytest.raises(ValueError, match="no path pattern"):
        RoutePolicy(path)


def test_a_tree_holds_for_its_stem_and_all_below_and_not_for_neighbours() -> None:
    routes = table(RoutePolicy("/api/*", body_limit_bytes=5))
    limits = {path: plan(routes, path).body_limit_bytes for path in ("/api", "/api/", "/api/x/y", "/apis", "/", "*")}
    assert limits == {"/api": 5, "/api/": 5, "/api/x/y": 5, "/apis": 1000, "/": 1000, "*": 1000}


def test_the_closest_pattern_that_says_something_is_heard() -> None:
    routes = table(
        RoutePolicy("/api/*", timeout_seconds=5, limit=UNLIMITED),
        RoutePolicy("/api/jobs/*", cache=CachePolicy(1000)),
        RoutePolicy("/api/jobs/new", timeout_seconds=9, cache=NO_CACHE),
    )
    below, exact = plan(routes, "/api/jobs/12"), plan(routes, "/api/jobs/new")
    assert (below.deadlines.timeout_seconds, below.cache.ttl_seconds, below.limiter) == (5, 300, None)
    assert (exact.deadlines.timeout_seconds, exact.cache, exact.limiter) == (9, None, None)
    assert plan(routes, "/api/jobs").cache is not None
    assert plan(routes, "/pages").limiter is not None


def test_of_two_words_on_one_pattern_the_later_is_heard() -> None:
    routes = table(RoutePolicy("/x", body_limit_bytes=1), RoutePolicy("/x", body_limit_bytes=2))
    assert plan(routes, "/x").body_limit_bytes == 2


def test_one_policy_is_counted_by_one_limiter() -> None:
    routes = table(RoutePolicy("/a/*"), RoutePolicy("/b/*"))
    assert plan(routes, "/a/1").limiter is plan(routes, "/b/1").limiter is plan(routes, "/").limiter


def test_an_endpoint_is_neither_limited_nor_kept() -> None:
    async def endpoint(_address: str) -> Any: ...

    routes = table(RoutePolicy("/*", cache=CachePolicy(9)), endpoints={"/health": endpoint})
    assert (plan(routes, "/health").limiter, plan(routes, "/health").cache) == (None, None)
    assert plan(routes, "/health").endpoint is endpoint


class Work:
    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.expired = 0

    def expire(self) -> None:
        self.expired += 1


def test_deadlines_expire_what_is_overdue_and_nothing_else() -> None:
    deadlines = Deadlines(10)
    works = [Work(0), Work(1), Work(5)]
    for work in works:
        deadlines.watch(work)
    deadlines.forget(works[1])
    assert deadlines.expire(9.9) == 0
    assert deadlines.expire(12) == 1
    assert deadlines.expire(12) == 0
    assert deadlines.expire(100) == 1
    assert [work.expired for work in works] == [1, 0, 1]

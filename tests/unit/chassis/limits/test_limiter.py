from __future__ import annotations

import asyncio
import time

import pytest

from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import LimitPolicy, Quota

pytestmark = pytest.mark.anyio

API = LimitPolicy("api", (Quota("minute", 60, 60), Quota("hour", 1000, 3600)))
GENEROUS = LimitPolicy("api", (Quota("minute", 1_000_000, 60),))


async def test_alone_the_61st_is_refused_and_told_when_to_return() -> None:
    limiter = RateLimiter(API, None)
    verdicts = [await limiter.ask("192.0.2.1") for _ in range(61)]
    assert [admitted for admitted, _ in verdicts] == [True] * 60 + [False]
    headers = dict(verdicts[-1][1].headers)
    assert headers[b"ratelimit-policy"] == b'"minute";q=60;w=60, "hour";q=1000;w=3600'
    assert headers[b"ratelimit"].startswith(b'"minute";r=0;t=')
    assert headers[b"x-ratelimit-limit"] == b"60"
    assert headers[b"x-ratelimit-remaining"] == b"0"
    assert 1 <= int(headers[b"retry-after"]) <= 65
    assert limiter.counts_in == "local"


async def test_a_refusal_is_remembered_and_others_are_not_concerned() -> None:
    limiter = RateLimiter(API, None)
    for _ in range(61):
        await limiter.ask("192.0.2.1")
    assert limiter.standings["192.0.2.1"].refused
    assert (await limiter.ask("192.0.2.2"))[0]


async def test_what_is_left_counts_down() -> None:
    limiter = RateLimiter(API, None)
    left = [dict((await limiter.ask("192.0.2.1"))[1].headers)[b"x-ratelimit-remaining"] for _ in range(3)]
    assert left == [b"59", b"58", b"57"]


async def test_a_high_limit_is_taken_in_advance() -> None:
    limiter = RateLimiter(GENEROUS, None)
    admitted, standing = await limiter.ask("192.0.2.1")
    assert admitted
    assert standing.tokens == 499
    assert dict(standing.headers)[b"x-ratelimit-remaining"] == b"999999"
    assert limiter.standings == {"192.0.2.1": standing}


async def test_a_share_is_what_one_of_several_processes_admits() -> None:
    limiter = RateLimiter(API, None, local_share=0.25)
    verdicts = [(await limiter.ask("192.0.2.1"))[0] for _ in range(20)]
    assert verdicts == [True] * 15 + [False] * 5


async def test_the_number_of_addresses_is_bounded_and_what_is_over_is_forgotten() -> None:
    limiter = RateLimiter(GENEROUS, None, addresses_max=10)
    for number in range(25):
        await limiter.ask(f"192.0.2.{number}")
    assert list(limiter.standings) == [f"192.0.2.{number}" for number in range(15, 25)]
    limiter.tidy(1e12)
    assert limiter.standings == {}


async def test_simultaneous_requests_are_each_counted() -> None:
    limiter = RateLimiter(API, None)
    verdicts = await asyncio.gather(*(limiter.ask("192.0.2.1") for _ in range(80)))
    assert sum(admitted for admitted, _ in verdicts) == 60


async def test_a_request_counts_as_what_it_costs() -> None:
    limiter = RateLimiter(API, None)
    assert [(await limiter.ask("192.0.2.1", 25))[0] for _ in range(3)] == [True, True, False]
    _, refusal = await limiter.ask("192.0.2.1", 11)
    assert refusal.violated == ("minute",)
    assert dict(refusal.headers)[b"retry-after"]
    assert dict(refusal.headers)[b"x-ratelimit-remaining"] == b"10"
    assert [(await limiter.ask("192.0.2.1"))[0] for _ in range(11)] == [True] * 10 + [False], "cheaper ones go on"
    assert limiter.use("192.0.2.1", time.monotonic()) is not None, "now there is no room for any"


async def test_tokens_taken_in_advance_pay_for_dear_requests_as_well() -> None:
    limiter = RateLimiter(GENEROUS, None)
    await limiter.ask("192.0.2.1")
    standing = limiter.use("192.0.2.1", time.monotonic(), 99)
    assert standing is not None
    assert standing.tokens == 400
    assert limiter.use("192.0.2.1", time.monotonic(), 401) is None
    admitted, standing = await limiter.ask("192.0.2.1", 501)
    assert (admitted, standing.tokens) == (True, 0)

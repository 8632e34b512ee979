from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import LimitPolicy, Quota

pytestmark = pytest.mark.anyio

API = LimitPolicy("api", (Quota("minute", 60, 60), Quota("hour", 1000, 3600)))
ADDRESS = "192.0.2.1"


@pytest.fixture
async def tiers(valkey_url: str) -> AsyncIterator[list[SharedTier]]:
    tiers = [SharedTier(valkey_url) for _ in range(4)]
    yield tiers
    for tier in tiers:
        await tier.close()


async def test_the_61st_is_refused_whichever_process_it_reaches(tiers: list[SharedTier]) -> None:
    limiters = [RateLimiter(API, tier) for tier in tiers]
    verdicts = [(await limiters[n % 4].ask(ADDRESS))[0] for n in range(62)]
    assert verdicts == [True] * 60 + [False] * 2
    assert {limiter.counts_in for limiter in limiters} == {"shared"}


async def test_a_burst_over_all_processes_is_counted_exactly(tiers: list[SharedTier]) -> None:
    limiters = [RateLimiter(API, tier) for tier in tiers]
    verdicts = await asyncio.gather(*(limiters[n % 4].ask(ADDRESS) for n in range(400)))
    assert sum(admitted for admitted, _ in verdicts) == 60


async def test_a_refusal_says_how_long_and_costs_no_further_trip(tiers: list[SharedTier]) -> None:
    limiter = RateLimiter(LimitPolicy("api", (Quota("minute", 1, 60),)), tiers[0])
    await limiter.ask(ADDRESS)
    admitted, standing = await limiter.ask(ADDRESS)
    headers = dict(standing.headers)
    assert not admitted
    assert standing.refused
    assert 1 <= int(headers[b"retry-after"]) <= 65
    assert limiter.standings[ADDRESS] is standing


async def test_addresses_and_policies_do_not_share_counts(tiers: list[SharedTier]) -> None:
    once = (Quota("minute", 1, 60),)
    limiters = [RateLimiter(LimitPolicy(name, once), tiers[0]) for name in ("api", "pages")]
    assert all([(await limiter.ask(f"192.0.2.{n}"))[0] for limiter in limiters for n in range(3)])


async def test_a_slot_comes_back_when_the_window_has_passed(tiers: list[SharedTier]) -> None:
    limiter = RateLimiter(LimitPolicy("api", (Quota("second", 2, 1),)), tiers[0])
    assert [(await limiter.ask(ADDRESS))[0] for _ in range(3)] == [True, True, False]
    for _ in range(100):
        if (await limiter.ask(ADDRESS))[0]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("still refused after two windows")


async def test_what_is_counted_expires_by_itself(tiers: list[SharedTier]) -> None:
    await RateLimiter(API, tiers[0]).ask(ADDRESS)
    keys = sorted(await tiers[0].client.keys("*"))
    assert keys == [b"roadworthy:limit:api:hour:{192.0.2.1}", b"roadworthy:limit:api:minute:{192.0.2.1}"]
    assert [0 < await tiers[0].client.pttl(key) <= limit for key, limit in zip(keys, (3_900_000, 65_000), strict=True)]


async def test_a_leased_limit_is_not_exceeded_either(tiers: list[SharedTier]) -> None:
    limiters = [RateLimiter(LimitPolicy("api", (Quota("minute", 20_000, 60),)), tier) for tier in tiers]
    admitted = 0
    for round_number in range(25_000):
        limiter = limiters[round_number % 4]
        standing = limiter.standings.get(ADDRESS)
        if standing is not None and standing.tokens:
            standing.tokens -= 1
            admitted += 1
        else:
            admitted += (await limiter.ask(ADDRESS))[0]
    assert 19_900 <= admitted <= 20_000


async def test_a_lease_is_renewed_while_requests_still_use_the_old_one(tiers: list[SharedTier]) -> None:
    limiter = RateLimiter(LimitPolicy("api", (Quota("minute", 20_000, 60),)), tiers[0])
    _, first = await limiter.ask(ADDRESS)
    assert (first.tokens, first.low) == (9, 2)
    now = first.until + 0.001
    assert limiter.use(ADDRESS, now) is first
    assert limiter.use(ADDRESS, now) is first
    assert first.tokens == 7
    for _ in range(200):
        if limiter.standings[ADDRESS] is not first:
            break
        await asyncio.sleep(0.005)
    assert limiter.standings[ADDRESS].tokens == 10
    counted = await tiers[0].client.hvals(f"roadworthy:limit:api:minute:{{{ADDRESS}}}")
    assert sum(map(int, counted)) == 20, "one trip renewed it, however many asked for that"
    assert limiter.use(ADDRESS, limiter.standings[ADDRESS].void_at) is None


async def test_without_the_shared_tier_a_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    tier = SharedTier("redis://127.0.0.1:1/0")
    limiter = RateLimiter(API, tier, local_share=0.5)
    verdicts = [(await limiter.ask(ADDRESS))[0] for _ in range(31)]
    assert verdicts == [True] * 30 + [False]
    assert limiter.counts_in == "local"
    assert len(caplog.records) == 1
    assert caplog.records[0].message.startswith("rate limits are counted in each process for now")
    await tier.close()


PROCESS = """
import asyncio, sys
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import LimitPolicy, Quota

async def run():
    tier = SharedTier(sys.argv[1])
    limiter = RateLimiter(LimitPolicy("api", (Quota("minute", 60, 60), Quota("hour", 1000, 3600))), tier)
    await tier.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum([(await limiter.ask("192.0.2.1"))[0] for _ in range(50)]))
    await tier.close()

asyncio.run(run())
"""


def test_four_processes_at_once_admit_60_together(valkey_url: str) -> None:
    command = [sys.executable, "-c", PROCESS, valkey_url]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=30)[0]) for process in processes) == 60


async def test_what_costs_more_is_counted_by_all(tiers: list[SharedTier]) -> None:
    limiters = [RateLimiter(API, tier) for tier in tiers]
    asked = [await limiters[number % len(limiters)].ask(ADDRESS, 25) for number in range(3)]
    assert [admitted for admitted, _ in asked] == [True, True, False]
    assert asked[-1][1].violated == ("minute",)
    at_once = await asyncio.gather(*(limiters[0].ask(ADDRESS) for _ in range(12)))
    assert [admitted for admitted, _ in at_once] == [True] * 10 + [False] * 2


async def test_the_end_of_the_shared_tier_is_no_second_helping(valkey_url: str) -> None:
    tier = SharedTier(valkey_url)
    limiter = RateLimiter(API, tier, local_share=0.5)
    assert all([(await limiter.ask(ADDRESS))[0] for _ in range(20)])
    tier._down_until = time.monotonic() + 60
    assert [(await limiter.ask(ADDRESS))[0] for _ in range(12)] == [True] * 10 + [False] * 2, "half of 60, less 20"
    await tier.close()


async def test_what_was_admitted_without_the_shared_tier_is_counted_when_it_is_back(valkey_url: str) -> None:
    tier, other = SharedTier(valkey_url), SharedTier(valkey_url)
    limiter = RateLimiter(API, tier, local_share=0.5)
    tier._down_until = time.monotonic() + 60
    assert all([(await limiter.ask(ADDRESS))[0] for _ in range(30)])
    tier._down_until = 0.0
    limiter.standings.clear()
    assert (await limiter.ask(ADDRESS))[0]
    elsewhere = RateLimiter(API, other, local_share=0.5)
    assert sum([(await elsewhere.ask(ADDRESS))[0] for _ in range(40)]) == 29
    assert limiter._local.owed(ADDRESS) == 0
    await tier.close()
    await other.close()

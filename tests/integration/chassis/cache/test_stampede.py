from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.synchronize import Barrier

import redis

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier

ASKING = 100
COUNTER = "loads"
START_SECONDS = 30


def ask_at_once(url: str, ready: Barrier) -> None:
    asyncio.run(ask_all(url, ready))


async def ask_all(url: str, ready: Barrier) -> None:
    tier = SharedTier(url)
    cache = Cache(1024 * 1024, SecondLevel(tier, namespace="1"))

    @cache.cached(ttl_seconds=60, tags=("rows",), name="rows")
    async def load() -> str:
        number = await tier.client.incr(COUNTER)
        await asyncio.sleep(0.1)
        return f"load {number}"

    await tier.ping()
    ready.wait(START_SECONDS)
    results = await asyncio.gather(*(load() for _ in range(ASKING)))
    assert set(results) == {"load 1"}
    await cache.close()
    await tier.close()


def test_200_who_miss_at_once_in_two_processes_are_one_load(valkey_url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Barrier(2)
    started = time.monotonic()
    processes = [spawning.Process(target=ask_at_once, args=(valkey_url, ready)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(START_SECONDS)
    assert [process.exitcode for process in processes] == [0, 0], f"after {time.monotonic() - started:.0f} s"
    with redis.from_url(valkey_url) as client:
        assert client.get(COUNTER) == b"1"

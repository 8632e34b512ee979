from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from roadworthy.chassis.cache import second_level as module
from roadworthy.chassis.cache.responses import StoredResponse
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier

pytestmark = pytest.mark.anyio

TTL_SECONDS = 60.0


def response(body: bytes = b"{}") -> StoredResponse:
    return StoredResponse(200, [(b"content-type", b"application/json")], body, time.time(), "/api/jobs")


class Source:
    """Counts loads, and holds them up as long as the test wants."""

    def __init__(self) -> None:
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.gives: StoredResponse | Exception | None = response()

    async def __call__(self) -> StoredResponse | None:
        self.loads += 1
        await self.gate.wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.fixture
async def processes(valkey_url: str) -> AsyncIterator[list[SecondLevel]]:
    """Two processes' views of one shared tier."""
    tiers = [SharedTier(valkey_url) for _ in range(2)]
    levels = [SecondLevel(tier, namespace="1.2.3") for tier in tiers]
    yield levels
    for level, tier in zip(levels, tiers, strict=True):
        await level.close()
        await tier.close()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within five seconds")


async def is_locked(process: SecondLevel, key: str) -> bool:
    return bool(await process._tier.client.exists(f"{key}:lock"))


async def test_what_one_process_loaded_the_other_finds(processes: list[SecondLevel]) -> None:
    first, second = processes
    source = Source()
    key = first.key(("/api/jobs", b"page=1", b"host"))
    assert await first.get(key, TTL_SECONDS, source) == source.gives
    await first.close()
    assert await second.get(second.key(("/api/jobs", b"page=1", b"host")), TTL_SECONDS, source) == source.gives
    assert (source.loads, first.misses, second.hits) == (1, 1, 1)
    client = first._tier.client
    assert await client.keys("*") == [key.encode()]
    assert 0 < await client.pttl(key) <= TTL_SECONDS * 1000


async def test_versions_do_not_read_each_others_answers(processes: list[SecondLevel]) -> None:
    first = processes[0]
    assert first.key(("a",)) != SecondLevel(first._tier, namespace="1.2.4").key(("a",))


async def test_one_process_loads_what_several_miss_at_once(processes: list[SecondLevel]) -> None:
    source = Source()
    source.gate.clear()
    key = processes[0].key(("x",))
    waiting = [asyncio.create_task(level.get(key, TTL_SECONDS, source)) for level in processes * 5]
    await asyncio.sleep(0.05)
    assert source.loads == 1
    source.gate.set()
    assert await asyncio.gather(*waiting) == [source.gives] * 10
    assert source.loads == 1


@pytest.mark.parametrize("gives", [None, ZeroDivisionError()])
async def test_a_load_that_gave_nothing_lets_the_next_one_try(
    processes: list[SecondLevel], gives: Exception | None
) -> None:
    source = Source()
    source.gives = gives
    key = processes[0].key(("x",))
    if gives is None:
        assert await processes[0].get(key, TTL_SECONDS, source) is None
    else:
        with pytest.raises(ZeroDivisionError):
            await processes[0].get(key, TTL_SECONDS, source)
    source.gives = response()
    assert await processes[1].get(key, TTL_SECONDS, source) == source.gives
    assert source.loads == 2


async def test_who_waits_too_long_for_another_loads_himself(
    processes: list[SecondLevel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLLS_MAX", 2)
    stuck, quick = Source(), Source()
    stuck.gate.clear()
    key = processes[0].key(("x",))
    first = asyncio.create_task(processes[0].get(key, TTL_SECONDS, stuck))
    await eventually(lambda: is_locked(processes[1], key))
    assert await processes[1].get(key, TTL_SECONDS, quick) == quick.gives
    stuck.gate.set()
    await first


async def test_what_another_version_or_somebody_else_left_is_loaded_anew(processes: list[SecondLevel]) -> None:
    source = Source()
    key = processes[0].key(("x",))
    await processes[0]._tier.client.set(key, b"\xc1nonsense")
    assert await processes[0].get(key, TTL_SECONDS, source) == source.gives
    await processes[0].close()
    assert await processes[1].get(key, TTL_SECONDS, source) == source.gives
    assert source.loads == 1


async def test_what_is_too_large_stays_out(processes: list[SecondLevel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_BYTES_MAX", 10)
    source = Source()
    source.gives = response(b"x" * 11)
    key = processes[0].key(("x",))
    await processes[0].get(key, TTL_SECONDS, source)
    await processes[0].close()
    assert await processes[0]._tier.client.keys("*") == []


async def test_where_nothing_is_ever_found_looks_become_rare(processes: list[SecondLevel]) -> None:
    level, source = processes[0], Source()
    source.gives = None
    for number in range(400):
        await level.get(level.key((number,)), TTL_SECONDS, source)
    assert level.misses < 100
    source.gives = response()
    popular = level.key(("popular",))
    before = level.hits
    for _ in range(200):
        await level.get(popular, TTL_SECONDS, source)
    assert level.hits > before + 50, "and frequent again where something is"


async def test_without_a_server_everything_is_loaded() -> None:
    tier = SharedTier("redis://127.0.0.1:1/0")
    level, source = SecondLevel(tier, namespace="1"), Source()
    results = await asyncio.gather(*(level.get(level.key((number,)), TTL_SECONDS, source) for number in range(5)))
    assert results == [source.gives] * 5
    await level.close()
    await tier.close()

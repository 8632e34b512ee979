from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from roadworthy.chassis.cache import second_level as module
from roadworthy.chassis.cache.locks import Leases
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.errors import DeadlineExceeded

pytestmark = pytest.mark.anyio

TTL_SECONDS = 60.0


class Source:
    """Counts loads, and holds them up as long as the test wants."""

    def __init__(self) -> None:
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.gives: str | Exception | None = "{}"

    async def __call__(self) -> str | None:
        self.loads += 1
        await self.gate.wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


class Text:
    """Texts as bytes; those that begin with no letter or brace are from another version."""

    @staticmethod
    def encode(value: str) -> bytes:
        return value.encode()

    @staticmethod
    def decode(data: bytes) -> str:
        return data.decode()


TEXT = Text()
TAGS = ("jobs", "company:7")


async def get(level: SecondLevel, name: object, source: Source, tags: tuple[str, ...] = TAGS) -> str | None:
    return await level.get(level.address((name,), tags), TTL_SECONDS, source, TEXT, 5.0)


@pytest.fixture
async def processes(valkey_url: str) -> AsyncIterator[list[SecondLevel]]:
    """Two processes' views of one shared tier."""
    tiers = [SharedTier(valkey_url) for _ in range(2)]
    levels = [SecondLevel(tier, namespace="1.2.3", lease_ms=300) for tier in tiers]
    yield levels
    for level, tier in zip(levels, tiers, strict=True):
        await level.close()
        await tier.close()


async def is_locked(process: SecondLevel, name: str) -> bool:
    return bool(await process._tier.client.exists(f"{process.address((name,)).key}:lock"))


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within five seconds")


async def test_what_one_process_loaded_the_other_finds(processes: list[SecondLevel]) -> None:
    first, second = processes
    source = Source()
    assert await get(first, "x", source) == "{}"
    await first.close()
    assert await get(second, "x", source) == "{}"
    assert (source.loads, first.misses, second.hits) == (1, 1, 1)
    client, key = first._tier.client, first.address(("x",)).key
    assert 0 < await client.pttl(key) <= TTL_SECONDS * 1000
    assert not await is_locked(first, "x")


async def test_versions_do_not_read_each_others_answers(processes: list[SecondLevel]) -> None:
    first = processes[0]
    assert first.address(("a",)).key != SecondLevel(first._tier, namespace="1.2.4").address(("a",)).key


async def test_one_process_loads_what_several_miss_at_once(processes: list[SecondLevel]) -> None:
    source = Source()
    source.gate.clear()
    waiting = [asyncio.create_task(get(level, "x", source)) for level in processes * 5]
    await asyncio.sleep(0.4)
    assert source.loads == 1, "longer than the lease: it is prolonged while its load lasts"
    source.gate.set()
    assert await asyncio.gather(*waiting) == ["{}"] * 10
    assert source.loads == 1


@pytest.mark.parametrize("gives", [None, ZeroDivisionError()])
async def test_a_load_that_gave_nothing_lets_the_next_one_try(
    processes: list[SecondLevel], gives: Exception | None
) -> None:
    source = Source()
    source.gives = gives
    if gives is None:
        assert await get(processes[0], "x", source) is None
    else:
        with pytest.raises(ZeroDivisionError):
            await get(processes[0], "x", source)
    source.gives = "{}"
    assert await get(processes[1], "x", source) == "{}"
    assert source.loads == 2


async def test_a_holder_that_dies_is_survived_within_its_lease(
    processes: list[SecondLevel], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, quick = Source(), Source()
    stuck.gate.clear()
    stuck.gives = "of the dead"

    async def nothing(_leases: Leases) -> None:
        return

    monkeypatch.setattr(Leases, "_renew_all", nothing)
    first = asyncio.create_task(get(processes[0], "x", stuck))
    await eventually(lambda: is_locked(processes[1], "x"))
    started = time.monotonic()
    assert await get(processes[1], "x", quick) == "{}"
    assert time.monotonic() - started < 2.0
    await processes[1].close()
    stuck.gate.set()
    assert await first == "of the dead", "those who asked it get what it has"
    await processes[0].close()
    third = Source()
    assert (await get(processes[1], "x", third), third.loads) == ("{}", 0), "but it is left for nobody: a fenced lock"


async def test_who_waits_for_others_waits_no_longer_than_he_may(processes: list[SecondLevel]) -> None:
    stuck = Source()
    stuck.gate.clear()
    first = asyncio.create_task(get(processes[0], "x", stuck))
    await eventually(lambda: is_locked(processes[1], "x"))
    with pytest.raises(DeadlineExceeded):
        await processes[1].get(processes[1].address(("x",), TAGS), TTL_SECONDS, Source(), TEXT, 0.1)
    stuck.gate.set()
    await first


async def test_a_dropped_tag_makes_everything_under_it_untrue_for_all(processes: list[SecondLevel]) -> None:
    first, second = processes
    source = Source()
    for name, tags in (("a", TAGS), ("b", ("jobs",)), ("c", ("companies",))):
        await get(first, name, source, tags)
    await first.close()
    second.changed("change-1", ["company:7"])
    await second.settle()
    for name, tags in (("a", TAGS), ("b", ("jobs",)), ("c", ("companies",))):
        await get(first, name, source, tags)
    assert source.loads == 4
    await first.close()
    first.changed("change-1", ["company:7"])  # the same change, heard later by another process
    await get(first, "a", source)
    assert source.loads == 4, "what was loaded since is true"


async def test_a_change_of_what_nobody_keeps_leaves_nothing_behind(processes: list[SecondLevel]) -> None:
    level = processes[0]
    for number in range(10):
        level.changed(f"change-{number}", [f"job:{number}"])
    await level.settle()
    keys = [key async for key in level._tier.client.scan_iter("*")]
    assert len(keys) == 10, "a mark each"
    assert max([await level._tier.client.pttl(key) for key in keys]) <= 30_000


async def test_a_load_that_a_change_overtook_is_left_for_nobody(processes: list[SecondLevel]) -> None:
    first, second = processes
    source = Source()
    source.gate.clear()
    loading = asyncio.create_task(get(first, "x", source))
    await eventually(lambda: is_locked(second, "x"))
    second.changed("change-1", ["jobs"])
    await second.settle()
    source.gate.set()
    await loading
    await first.close()
    await get(second, "x", source)
    assert source.loads == 2


async def test_a_version_that_was_evicted_makes_nothing_old_true_again(processes: list[SecondLevel]) -> None:
    level, source = processes[0], Source()
    await get(level, "x", source)
    await level.close()
    client = level._tier.client
    await client.delete(*[key async for key in client.scan_iter("*:tag:*")])
    await get(level, "x", source)
    assert source.loads == 2


async def test_what_another_version_or_somebody_else_left_is_loaded_anew(processes: list[SecondLevel]) -> None:
    level, source = processes[0], Source()
    key = level.address(("x",)).key
    for strange in (b"nonsense", b""):
        await level._tier.client.set(key, strange)
        await get(level, "x", source)
        await level.close()
    await level._tier.client.delete(key)
    await level._tier.client.hset(key, "not", "a string")
    await get(level, "x", source)
    await level.close()
    assert source.loads == 3
    await level._tier.client.append(key, b"\xff")
    await get(level, "x", source)
    assert source.loads == 4


async def test_what_is_too_large_stays_out(processes: list[SecondLevel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUE_BYTES_MAX", 10)
    source = Source()
    source.gives = "x" * 11
    await get(processes[0], "x", source)
    await processes[0].close()
    client = processes[0]._tier.client
    assert not await client.exists(processes[0].address(("x",)).key)
    assert not await is_locked(processes[0], "x")


async def test_where_nothing_is_ever_found_looks_become_rare(processes: list[SecondLevel]) -> None:
    level, source = processes[0], Source()
    source.gives = None
    for number in range(400):
        await get(level, number, source)
    assert level.misses < 100
    source.gives = "{}"
    before = level.hits
    for _ in range(200):
        await get(level, "popular", source)
    assert level.hits > before + 50, "and frequent again where something is"


async def test_an_outage_makes_what_the_tier_kept_untrue(processes: list[SecondLevel]) -> None:
    first, second = processes
    source = Source()
    await get(first, "x", source)
    await first.close()
    second._tier._went_down(OSError())
    second._tier._down_until = 0.0
    await get(second, "x", source)
    assert source.loads == 2, "a change may have passed it by"


async def test_without_a_server_everything_is_loaded() -> None:
    tier = SharedTier("redis://127.0.0.1:1/0")
    level, source = SecondLevel(tier, namespace="1"), Source()
    results = await asyncio.gather(*(get(level, number, source) for number in range(5)))
    assert results == ["{}"] * 5
    level.changed("change-1", ["jobs"])
    await level.settle()
    await level.close()
    await tier.close()

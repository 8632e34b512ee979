from __future__ import annotations

import asyncio
import datetime as dt
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.values import changeable, size_bytes
from roadworthy.chassis.errors import DeadlineExceeded

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


class Found(msgspec.Struct, frozen=True):
    name: str
    jobs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    found: Found
    since: dt.date | None = None


@pytest.fixture
def cache() -> Cache:
    return Cache(MEGABYTE)


async def test_a_result_is_made_once_for_equal_arguments_however_they_are_given(cache: Cache) -> None:
    calls: list[tuple[object, ...]] = []

    @cache.cached(ttl_seconds=60)
    async def find(state: str, page: int = 1, *, active: bool = True) -> Found:
        calls.append((state, page, active))
        return Found(state)

    results = [await find("CA"), await find("CA", 1), await find(state="CA", page=1), await find("CA", active=True)]
    assert all(result is results[0] for result in results)
    assert calls == [("CA", 1, True)]
    await find("CA", 2)
    await find("CA", True)
    assert len(calls) == 3, "1 and True are equal, and not the same argument"
    assert (find.hits, find.misses) == (3, 3)


async def test_an_error_is_raised_to_all_who_wait_and_kept_for_nobody(cache: Cache) -> None:
    calls = 0

    @cache.cached(ttl_seconds=60)
    async def find() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        if calls == 1:
            raise ZeroDivisionError
        return calls

    results = await asyncio.gather(find(), find(), return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError] * 2
    assert await find() == 2


async def test_nothing_is_a_result_as_well(cache: Cache) -> None:
    calls = 0

    @cache.cached(ttl_seconds=60)
    async def find(_name: str) -> Found | None:
        nonlocal calls
        calls += 1
        return None

    assert (await find("x"), await find("x"), calls) == (None, None, 1)


async def test_who_asks_is_an_argument_or_unknown(cache: Cache) -> None:
    signed_in: ContextVar[str] = ContextVar("signed_in", default="nobody")

    @cache.cached(ttl_seconds=60)
    async def greet() -> str:
        return signed_in.get()

    signed_in.set("alice")
    assert await greet() == "nobody"


async def test_an_old_result_is_given_while_it_is_made_anew_once(cache: Cache) -> None:
    calls, gate = 0, asyncio.Event()
    gate.set()

    @cache.cached(ttl_seconds=10, stale_seconds=20)
    async def find() -> int:
        nonlocal calls
        calls += 1
        await gate.wait()
        return calls

    assert await find() == 1
    kept = next(iter(cache.results.entries.values()))
    age(kept, 11)
    gate.clear()
    assert [await find() for _ in range(5)] == [1] * 5
    await asyncio.sleep(0)
    assert (calls, find.stale) == (2, 5)
    gate.set()
    await asyncio.sleep(0.01)
    assert await find() == 2
    age(next(iter(cache.results.entries.values())), 31)
    assert await find() == 3, "its age is bounded"


def age(kept: Any, seconds: float) -> None:
    kept.expires -= seconds
    kept.keep_until -= seconds
    kept.renew_at -= seconds


async def test_an_old_result_that_cannot_be_renewed_is_tried_again_after_a_moment(cache: Cache) -> None:
    calls = 0

    @cache.cached(ttl_seconds=10, stale_seconds=20)
    async def find() -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ZeroDivisionError
        return calls

    await find()
    kept = next(iter(cache.results.entries.values()))
    age(kept, 11)
    for _ in range(5):
        assert await find() == 1
        await asyncio.sleep(0)
    assert calls == 2
    kept.renew_at = time.monotonic()
    assert await find() == 1
    await asyncio.sleep(0)
    assert calls == 3


async def test_a_dropped_tag_is_no_longer_found_nor_what_was_loading(cache: Cache) -> None:
    calls, gate = 0, asyncio.Event()

    @cache.cached(ttl_seconds=60, tags=lambda state: (f"state:{state}", "jobs"))
    async def find(state: str) -> str:
        nonlocal calls
        calls += 1
        number = calls
        await gate.wait()
        return f"{state}{number}"

    early = asyncio.create_task(find("CA"))
    await asyncio.sleep(0)
    await cache.changed("change-1", ["state:CA"])
    late = asyncio.create_task(find("CA"))
    await asyncio.sleep(0)
    gate.set()
    assert (await early, await late, await find("CA")) == ("CA1", "CA2", "CA2")
    await find("NY")
    await cache.changed("change-2", ["state:CA"])
    assert (await find("NY"), await find("CA")) == ("NY3", "CA4")
    cache.missed()
    assert await find("NY") == "NY5"


async def test_whoever_wrote_is_answered_anew_and_nobody_else(cache: Cache) -> None:
    calls = 0

    @cache.cached(ttl_seconds=60)
    async def find() -> int:
        nonlocal calls
        calls += 1
        return calls

    await find()
    with consistency.request(lambda: None, reads_own_writes=True):
        assert await find() == 2
    assert await find() == 1
    with consistency.request(lambda: None, reads_own_writes=False):
        assert await find() == 1
        consistency.note_write()
        assert await find() == 3, "in the same request as well"


async def test_memory_is_bounded_by_what_results_really_take(cache: Cache) -> None:
    @cache.cached(ttl_seconds=60)
    async def text(number: int) -> str:
        return str(number) * 50_000

    for number in range(10, 60):
        await text(number)
    assert MEGABYTE * 0.8 < cache.results.size_bytes <= MEGABYTE
    assert len(cache.results.entries) == 10

    @cache.cached(ttl_seconds=60)
    async def large() -> str:
        return "x" * (MEGABYTE // 8)

    await large()
    await large()
    assert large.misses == 2, "more than an eighth of it all is not kept"


async def test_a_load_has_an_end(cache: Cache) -> None:
    @cache.cached(ttl_seconds=60, timeout_seconds=0.01)
    async def find() -> int:
        await asyncio.sleep(60)
        return 1

    with pytest.raises(DeadlineExceeded):
        await find()


async def test_what_one_caller_could_change_for_the_others_is_refused_at_the_start(cache: Cache) -> None:
    async def names() -> list[str]:
        return []

    with pytest.raises(TypeError, match="list"):
        cache.cached(ttl_seconds=60)(names)

    @cache.cached(ttl_seconds=60)
    async def find(_given: Any) -> int:
        return 1

    with pytest.raises(TypeError, match="may change"):
        await find(["a"])
    assert await find(Found("a")) == 1


def test_two_functions_of_one_name_would_read_each_others_results(cache: Cache) -> None:
    async def find() -> int:
        return 1

    cache.cached(ttl_seconds=60)(find)
    with pytest.raises(ValueError, match="cached already"):
        cache.cached(ttl_seconds=60)(find)


@pytest.mark.parametrize("fixed", [str, int | None, tuple[Found, ...], Place, frozenset[dt.datetime], Found | Place])
def test_values_that_nobody_can_change(fixed: Any) -> None:
    assert changeable(fixed) is None


class Loose(msgspec.Struct):
    name: str


class Holding(msgspec.Struct, frozen=True):
    names: list[str]


@pytest.mark.parametrize("loose", [Loose, Holding, tuple[list[int], ...], dict[str, int], Any, Found | Loose, set[int]])
def test_values_that_somebody_could_change(loose: Any) -> None:
    assert changeable(loose) is not None


def test_a_size_counts_everything_inside() -> None:
    assert size_bytes(Place(Found("x" * 1000, (1, 2, 3)))) > 1000
    assert size_bytes(("x" * 1000, "y" * 1000)) > 2000

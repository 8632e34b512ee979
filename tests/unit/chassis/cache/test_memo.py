from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from roadworthy.chassis.cache.memo import Memo

pytestmark = pytest.mark.anyio


class Source:
    def __init__(self) -> None:
        self.loads: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def load(self, key: str) -> str:
        self.loads.append(key)
        await self.gate.wait()
        if self.fails:
            raise ConnectionError(key)
        return key.upper()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


async def test_a_value_is_loaded_once_and_again_when_it_is_old(clock: list[float]) -> None:
    source = Source()
    kept = Memo(source.load, seconds=60, entries_max=10)
    assert [await kept.get("a"), await kept.get("a")] == ["A", "A"]
    clock[0] += 61
    await kept.get("a")
    assert source.loads == ["a", "a"]


async def test_however_many_wait_it_is_loaded_once() -> None:
    source = Source()
    source.gate.clear()
    kept = Memo(source.load, seconds=60, entries_max=10)
    waiting = [asyncio.create_task(kept.get("a")) for _ in range(50)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting) == ["A"] * 50
    assert source.loads == ["a"]


async def test_an_error_reaches_everyone_and_is_not_kept() -> None:
    source = Source()
    source.fails = True
    kept = Memo(source.load, seconds=60, entries_max=10)
    results = await asyncio.gather(kept.get("a"), kept.get("a"), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    source.fails = False
    assert await kept.get("a") == "A"


async def test_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    source.gate.clear()
    kept = Memo(source.load, seconds=60, entries_max=10)
    leaving, staying = asyncio.create_task(kept.get("a")), asyncio.create_task(kept.get("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    source.gate.set()
    assert await staying == "A"


async def test_no_more_is_kept_than_allowed() -> None:
    source = Source()
    kept = Memo(source.load, seconds=60, entries_max=2)
    for key in ("a", "b", "c", "b", "a"):
        await kept.get(key)
    assert source.loads == ["a", "b", "c", "a"]

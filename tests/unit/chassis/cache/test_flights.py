from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from roadworthy.chassis.cache.flights import Flight, Flights
from roadworthy.chassis.cache.tags import Tags

pytestmark = pytest.mark.anyio


class Load:
    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, _flight: Flight[int]) -> int:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.calls


async def test_all_who_wait_get_one_load_and_the_next_another() -> None:
    flights: Flights[str, int] = Flights()
    load = Load()
    waiting = [asyncio.create_task(flights.join("a", load)) for _ in range(10)]
    await asyncio.sleep(0)
    assert len(flights) == 1
    load.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 10
    assert await flights.join("a", load) == 2
    assert len(flights) == 0


async def test_keys_do_not_wait_for_each_other() -> None:
    flights: Flights[str, int] = Flights()
    slow, quick = Load(), Load()
    quick.gate.set()
    task = asyncio.create_task(flights.join("slow", slow))
    assert await flights.join("quick", quick) == 1
    slow.gate.set()
    await task


async def test_an_error_goes_to_those_who_wait_and_to_nobody_after() -> None:
    flights: Flights[str, int] = Flights()
    load = Load()
    load.error = ZeroDivisionError()
    waiting = [asyncio.create_task(flights.join("a", load)) for _ in range(3)]
    await asyncio.sleep(0)
    load.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError] * 3
    load.error = None
    assert await flights.join("a", load) == 2


async def test_the_first_may_leave_and_so_may_all() -> None:
    flights: Flights[str, int] = Flights()
    load = Load()
    first, second = (asyncio.create_task(flights.join("a", load)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    load.gate.set()
    assert await second == 1
    load.gate.clear()
    load.error = ZeroDivisionError()  # of which nobody will hear: no "exception was never retrieved"
    alone = asyncio.create_task(flights.join("a", load))
    await asyncio.sleep(0)
    alone.cancel()
    load.gate.set()
    await asyncio.sleep(0.01)
    assert len(flights) == 0


async def test_who_comes_after_a_tag_was_dropped_does_not_join() -> None:
    tags = Tags()
    flights: Flights[str, int] = Flights(tags)
    load, seen = Load(), list[Flight[int]]()

    async def noted(flight: Flight[int]) -> int:
        seen.append(flight)
        return await load(flight)

    early = asyncio.create_task(flights.join("a", noted, ("jobs",)))
    other = asyncio.create_task(flights.join("b", noted, ("companies",)))
    await asyncio.sleep(0)
    tags.drop(["jobs"])
    late = asyncio.create_task(flights.join("a", noted, ("jobs",)))
    await asyncio.sleep(0)
    load.gate.set()
    await asyncio.gather(early, other, late)
    assert [flight.spoilt for flight in seen] == [True, False, False]
    assert (len(flights), len(tags)) == (0, 0), "nothing is left of them, the spoilt one included"


async def test_a_load_knows_nothing_of_who_came_first() -> None:
    signed_in: ContextVar[str] = ContextVar("signed_in", default="nobody")
    signed_in.set("alice")
    flights: Flights[str, str] = Flights()

    async def load(_flight: Flight[str]) -> str:
        return signed_in.get()

    assert await flights.join("a", load) == "nobody"

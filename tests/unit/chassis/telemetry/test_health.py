from __future__ import annotations

import asyncio

import msgspec
import pytest

from roadworthy.chassis.telemetry.health import Dependency, Health, Need, State

pytestmark = pytest.mark.anyio


async def up() -> None:
    """Be there."""


async def down() -> None:
    raise ConnectionError("postgresql://user:secret@host refused")


@pytest.mark.parametrize(
    ("need", "state", "status"),
    [(Need.REQUIRED, State.DOWN, 503), (Need.DEGRADED, State.DEGRADED, 200), (Need.OPTIONAL, State.OK, 200)],
)
async def test_a_missing_dependency_does_what_its_need_declares(need: Need, state: State, status: int) -> None:
    health = Health([Dependency("database", Need.REQUIRED, up), Dependency("thing", need, down)], "1.2.3")
    code, body = await health.document()
    document = msgspec.json.decode(body)
    assert (code, document["status"]) == (status, state)
    assert await health.ready() is (status == 200)
    assert document["version"] == "1.2.3"
    assert document["dependencies"]["database"]["status"] == "up"
    assert document["dependencies"]["thing"] | {"latency_ms": 0} == {
        "status": "down",
        "need": need,
        "latency_ms": 0,
        "problem": "ConnectionError",
    }
    assert b"secret" not in body


async def test_many_callers_share_one_look_and_it_stays_fresh_for_a_moment() -> None:
    looks = 0

    async def count() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)

    health = Health([Dependency("database", Need.REQUIRED, count)], "1", fresh_seconds=60)
    await asyncio.gather(*(health.report() for _ in range(50)))
    await health.report()
    assert looks == 1
    health.fresh_seconds = 0
    await health.report()
    assert looks == 2


async def test_a_caller_that_leaves_does_not_end_the_look_of_others() -> None:
    release = asyncio.Event()
    health = Health([Dependency("database", Need.REQUIRED, release.wait)], "1")
    first, second = asyncio.create_task(health.report()), asyncio.create_task(health.report())
    await asyncio.sleep(0)
    first.cancel()
    release.set()
    assert (await second).state is State.OK


async def test_a_dependency_that_does_not_answer_is_down() -> None:
    health = Health([Dependency("slow", Need.REQUIRED, asyncio.Event().wait)], "1", probe_timeout_seconds=0.01)
    report = await health.report()
    assert report.dependencies["slow"].problem == "no answer within 0.01 s"


async def test_draining_is_not_ready_and_facts_are_told() -> None:
    health = Health([], "1", {"rate_limits": lambda: "local"})
    assert await health.ready()
    health.draining = True
    assert not await health.ready()
    document = msgspec.json.decode((await health.document())[1])
    assert (document["draining"], document["rate_limits"]) == (True, "local")


async def test_who_watches_learns_what_was_there_when_last_looked_at() -> None:
    health = Health([Dependency("database", Need.REQUIRED, up), Dependency("cache", Need.DEGRADED, down)], "1")
    assert health.up() == {}, "nothing is said of what nobody looked at"
    await health.look()
    assert health.up() == {("database", "required"): 1, ("cache", "degraded"): 0}


async def test_a_look_under_way_is_given_up_at_the_end() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    health = Health([Dependency("database", Need.REQUIRED, never)], "1")
    look = health.look()
    await asyncio.sleep(0)
    await health.close()
    assert look.cancelled()

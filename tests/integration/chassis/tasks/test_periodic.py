from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from roadworthy.chassis.tasks import periodic
from roadworthy.chassis.tasks.periodic import Outcome, PeriodicTask, TaskRun, Worker
from roadworthy.chassis.tasks.turns import Turns

SOON = 0.01
PATIENCE_SECONDS = 10


def task(run: Callable[[], Awaitable[None]], name: str = "count", timeout_seconds: float = 5) -> PeriodicTask:
    return PeriodicTask(name, SOON, run, timeout_seconds)


@asynccontextmanager
async def working(
    dsn: str, *tasks: PeriodicTask, drain_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[asyncio.Queue[TaskRun]]:
    """A worker at work, and the queue of runs that it reports; stopped and drained at the end."""
    runs: asyncio.Queue[TaskRun] = asyncio.Queue()
    worker = Worker(tasks, Turns(dsn), observe=runs.put_nowait, spread=lambda: 0.0)
    at_work = asyncio.create_task(worker.run(drain_seconds))
    try:
        yield runs
    finally:
        worker.stop()
        await asyncio.wait_for(at_work, PATIENCE_SECONDS)


async def following(runs: asyncio.Queue[TaskRun]) -> TaskRun:
    return await asyncio.wait_for(runs.get(), PATIENCE_SECONDS)


async def nothing() -> None:
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "RETRY_SECONDS", SOON)


async def test_a_task_runs_again_and_again(database_url: str) -> None:
    async with working(database_url, task(nothing)) as runs:
        assert [(await following(runs)).outcome for _ in range(3)] == [Outcome.DONE] * 3


async def test_a_task_that_fails_is_tried_again_and_stops_no_other(database_url: str) -> None:
    left_to_fail = 2

    async def fails_twice() -> None:
        nonlocal left_to_fail
        if left_to_fail:
            left_to_fail -= 1
            raise ValueError("not today")

    async with working(database_url, task(fails_twice, "moody"), task(nothing, "steady")) as runs:
        seen = []
        while ("moody", Outcome.DONE) not in seen or ("steady", Outcome.DONE) not in seen:
            run = await following(runs)
            seen.append((run.name, run.outcome))
    assert [outcome for name, outcome in seen if name == "moody"][:3] == [Outcome.FAILED, Outcome.FAILED, Outcome.DONE]


async def test_a_run_that_takes_too_long_is_cut(database_url: str) -> None:
    async with working(database_url, task(for_ever, timeout_seconds=SOON)) as runs:
        assert (await following(runs)).outcome is Outcome.TIMED_OUT


async def test_one_worker_runs_a_task_and_another_takes_over_when_it_ends(database_url: str) -> None:
    async with working(database_url, task(nothing)) as second:
        await following(second)
        async with working(database_url, task(nothing)) as standby:
            for _ in range(3):
                await following(second)
            assert standby.empty()
    async with working(database_url, task(nothing)) as successor:
        assert (await following(successor)).outcome is Outcome.DONE


async def test_a_worker_on_standby_takes_over(database_url: str) -> None:
    async with working(database_url, task(nothing)) as first:
        await following(first)
        standby = working(database_url, task(nothing))
        runs = await standby.__aenter__()
    assert (await following(runs)).outcome is Outcome.DONE
    await standby.__aexit__(None, None, None)


async def test_a_worker_that_loses_its_lock_stops_the_run_and_asks_again(
    database_url: str, servers: dict[str, str]
) -> None:
    started = asyncio.Event()

    async def first_for_ever() -> None:
        if not started.is_set():
            started.set()
            await for_ever()

    admin = await asyncpg.connect(servers["admin"])
    async with working(database_url, task(first_for_ever)) as runs:
        await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
        own = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = $2"
        await admin.fetch(own, database_url.rpartition("/")[2], "roadworthy worker locks")
        assert (await following(runs)).outcome is Outcome.CANCELLED
        assert (await following(runs)).outcome is Outcome.DONE
    await admin.close()


async def test_stopping_waits_for_the_run_under_way(database_url: str) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        started.set()
        await go_on.wait()

    async with working(database_url, task(slow)) as runs:
        await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert runs.get_nowait().outcome is Outcome.DONE


async def test_stopping_does_not_wait_for_ever(database_url: str) -> None:
    started = asyncio.Event()

    async def stuck() -> None:
        started.set()
        await for_ever()

    async with working(database_url, task(stuck, timeout_seconds=60), drain_seconds=SOON) as runs:
        await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
    assert runs.get_nowait().outcome is Outcome.CANCELLED


async def test_without_the_database_nobody_has_a_turn() -> None:
    turns = Turns("postgresql://nobody:secret@127.0.0.1:1/none")
    assert not await turns.take("count")
    await turns.close()


def test_two_tasks_may_not_share_a_name() -> None:
    with pytest.raises(ValueError, match="share a name"):
        Worker([task(nothing), task(nothing)], Turns(""))

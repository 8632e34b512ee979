import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.apps.hiring.board import draw_jobs, fill

from roadworthy.apps.hiring.views.repository import BATCH_KEY, VIEWS_KEY, SharedViews, ViewRepository
from roadworthy.apps.hiring.views.service import ViewCounter
from roadworthy.apps.hiring.views.tasks import drain_task
from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.errors import Overloaded

pytestmark = pytest.mark.anyio

JOBS = draw_jobs(20)
SCOPE: dict[str, Any] = {"method": "GET", "headers": []}


@pytest.fixture
async def board(database_url: str, database: Database) -> Database:
    await fill(database_url, JOBS)
    return database


@pytest.fixture
async def shared(valkey_url: str) -> AsyncIterator[SharedTier]:
    tier = SharedTier(valkey_url)
    yield tier
    await tier.close()


def counter(board: Database, shared: SharedTier | None) -> ViewCounter:
    return ViewCounter(ViewRepository(board), SharedViews(shared) if shared else None)


async def counted(board: Database) -> dict[int, int]:
    """Views that were added to each job since the board was filled."""
    rows = await board.fetch("select id, view_count from hiring.jobs")
    before = {job.id: job.view_count for job in JOBS}
    return {row[0]: row[1] - before[row[0]] for row in rows if row[1] != before[row[0]]}


async def test_views_of_several_processes_reach_the_jobs_through_the_worker(
    board: Database, shared: SharedTier
) -> None:
    for process in (counter(board, shared), counter(board, shared)):
        for job_id in (1, 1, 2, 777):  # the last is gone by now
            process.seen(job_id, SCOPE)
        await process.hand_over()
    assert await counted(board) == {}
    await drain_task(SharedViews(shared), ViewRepository(board)).run()
    assert await counted(board) == {1: 4, 2: 2}
    assert await shared.client.exists(VIEWS_KEY, BATCH_KEY) == 0
    await drain_task(SharedViews(shared), ViewRepository(board)).run()
    assert await counted(board) == {1: 4, 2: 2}


async def test_a_worker_that_dies_before_it_adds_loses_nothing(board: Database, shared: SharedTier) -> None:
    views = SharedViews(shared)
    await views.add({1: 3})
    taken = await views.take(100)
    await views.add({1: 1, 2: 1})  # while the batch lies there
    assert await views.take(100) == taken
    task = drain_task(views, ViewRepository(board))
    await task.run()
    assert await counted(board) == {1: 3}
    await task.run()
    assert await counted(board) == {1: 4, 2: 1}


async def test_a_worker_that_dies_after_it_added_adds_once(board: Database, shared: SharedTier) -> None:
    views, repository = SharedViews(shared), ViewRepository(board)
    await views.add({1: 3})
    batch = await views.take(100)
    assert batch is not None
    await repository.add_batch(batch)
    await drain_task(views, repository).run()
    assert await counted(board) == {1: 3}
    assert await views.take(100) is None


async def test_a_batch_is_bounded_and_the_rest_stays(board: Database, shared: SharedTier) -> None:
    views, repository = SharedViews(shared), ViewRepository(board)
    await views.add({job.id: 1 for job in JOBS})
    sizes = []
    while batch := await views.take(8):
        sizes.append(len(batch.views))
        await repository.add_batch(batch)
        await views.release()
    assert sizes == [8, 8, 4]
    assert await counted(board) == {job.id: 1 for job in JOBS}


async def test_without_a_shared_tier_the_process_adds_its_own_views(board: Database) -> None:
    process = counter(board, None)
    process.seen(3, SCOPE)
    await process.hand_over()
    assert await counted(board) == {3: 1}


async def test_while_the_shared_tier_is_down_the_process_adds_its_own_views(board: Database) -> None:
    gone = SharedTier("redis://127.0.0.1:1/0")
    process = counter(board, gone)
    process.seen(3, SCOPE)
    await process.hand_over()
    assert await counted(board) == {3: 1}
    await gone.close()


async def test_what_nobody_takes_stays_counted(board: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise Overloaded

    process = counter(board, None)
    process.seen(3, SCOPE)
    with monkeypatch.context() as broken:
        broken.setattr(ViewRepository, "add", refuse)
        await process.hand_over()
    process.seen(3, SCOPE)
    await process.hand_over()
    assert await counted(board) == {3: 2}


async def test_a_process_that_stops_hands_over_what_it_has(board: Database, shared: SharedTier) -> None:
    process = counter(board, shared)
    async with process.running():
        process.seen(5, SCOPE)
        await asyncio.sleep(0)
    await drain_task(SharedViews(shared), ViewRepository(board)).run()
    assert await counted(board) == {5: 1}


async def test_a_drain_without_the_shared_tier_fails_as_declared(board: Database) -> None:
    gone = SharedTier("redis://127.0.0.1:1/0")
    with pytest.raises(SharedTierDown):
        await drain_task(SharedViews(gone), ViewRepository(board)).run()
    await gone.close()

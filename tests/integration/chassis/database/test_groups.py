from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.database.groups import GroupCommit, TooManyWrites
from roadworthy.chassis.database.pool import Database, DatabaseDown

pytestmark = pytest.mark.anyio


@pytest.fixture
async def group(database: Database) -> GroupCommit:
    await database.execute("create table numbers (number int primary key)")
    return GroupCommit(database, Cache(1024 * 1024), batch_limit=50)


def insert(number: int) -> Callable[[Any], Awaitable[int]]:
    async def run(connection: Any) -> int:
        await connection.execute("insert into numbers values ($1)", number)
        return number

    return run


async def test_writes_that_come_together_are_committed_together(group: GroupCommit, database: Database) -> None:
    assert await asyncio.gather(*(group.write(insert(number)) for number in range(100))) == list(range(100))
    assert (group.writes, group.commits) == (100, 2)
    assert await database.fetchval("select count(*) from numbers") == 100
    ages = await database.fetch("select distinct xmin::text from numbers")
    assert len(ages) > 50, "a savepoint each"


async def test_one_that_fails_is_undone_alone(group: GroupCommit, database: Database) -> None:
    async def fail_after(connection: Any) -> int:
        await insert(7)(connection)
        raise ZeroDivisionError

    writes = [group.write(run) for run in (insert(1), fail_after, insert(1), insert(2), insert(3))]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [int, ZeroDivisionError, asyncpg.UniqueViolationError, int, int]
    assert [row[0] for row in await database.fetch("select number from numbers order by 1")] == [1, 2, 3]


async def test_what_nobody_waits_for_any_more_is_not_written(group: GroupCommit, database: Database) -> None:
    tasks = [asyncio.create_task(group.write(insert(number))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [row[0] for row in await database.fetch("select number from numbers order by 1")] == [0, 2]


async def test_a_lost_connection_reaches_all_in_the_group_and_the_next_one_is_committed(
    group: GroupCommit, database: Database
) -> None:
    async def end(connection: Any) -> int:
        await connection.execute("select pg_terminate_backend(pg_backend_pid())")
        return 0

    results = await asyncio.gather(*(group.write(run) for run in (insert(1), end, insert(2))), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseDown] * 3
    assert await group.write(insert(3)) == 3
    assert [row[0] for row in await database.fetch("select number from numbers")] == [3]


async def test_the_line_has_an_end(database: Database) -> None:
    group: GroupCommit = GroupCommit(database, Cache(1024), waiting_limit=2)
    results = await asyncio.gather(*(group.write(one) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [int, int, TooManyWrites]


async def one(connection: Any) -> int:
    number: int = await connection.fetchval("select 1")
    return number


async def test_tags_of_what_was_committed_are_dropped_and_of_what_failed_are_not(database: Database) -> None:
    cache = Cache(1024 * 1024)
    group: GroupCommit = GroupCommit(database, cache)
    calls = {"good": 0, "bad": 0}

    @cache.cached(ttl_seconds=60, tags=lambda name: (name,))
    async def read(name: str) -> int:
        calls[name] += 1
        return calls[name]

    async def fail(connection: Any) -> None:
        await connection.execute("select 1 / 0")

    await asyncio.gather(read("good"), read("bad"))
    await asyncio.gather(group.write(one, drop=["good"]), group.write(fail, drop=["bad"]), return_exceptions=True)
    assert (await read("good"), await read("bad")) == (2, 1)


async def test_equal_statements_travel_together_and_one_that_fails_is_undone_alone(
    group: GroupCommit, database: Database
) -> None:
    sql = "insert into numbers values ($1)"
    assert await asyncio.gather(*(group.execute(sql, number) for number in range(40))) == [None] * 40
    assert group.commits == 1
    assert len(await database.fetch("select distinct xmin::text from numbers")) == 1, "in one savepoint"
    numbers = (100, 7, 101, 102)
    results = await asyncio.gather(*(group.execute(sql, number) for number in numbers), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncpg.UniqueViolationError, type(None), type(None)]
    assert await database.fetchval("select count(*) from numbers") == 43


async def test_statements_and_writes_share_a_commit(group: GroupCommit, database: Database) -> None:
    async def nested(connection: Any) -> int:
        async with connection.transaction():
            return await insert(5)(connection)

    writes = [group.write(insert(1)), group.execute("insert into numbers values ($1)", 2), group.write(nested)]
    assert await asyncio.gather(*writes) == [1, None, 5]
    assert group.commits == 1
    assert await database.fetchval("select count(*) from numbers") == 3

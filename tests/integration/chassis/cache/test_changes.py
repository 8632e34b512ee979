"""Changes, announced by the transaction that makes them, forgotten by every process that keeps something."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.database import announcements
from roadworthy.chassis.database.announcements import CHANNEL, Listener, announce
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.work import unit_of_work

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


class Process:
    """One process's cache over the one database and the one shared tier, and a cached read of a row."""

    def __init__(self, database: Database, dsn: str, tier: SharedTier | None) -> None:
        self.tier = tier
        self.cache = Cache(MEGABYTE, SecondLevel(tier, namespace="1") if tier is not None else None)
        self.listener = Listener(dsn, self.cache)
        self.reads = 0

        @self.cache.cached(ttl_seconds=60, tags=lambda number: ("rows", f"row:{number}"), name="read")
        async def read(number: int) -> str:
            self.reads += 1
            text: str = await database.fetchval("select value from rows where id = $1", number)
            return text

        self.read = read


@pytest.fixture(params=["shared", "alone"])
async def processes(
    request: pytest.FixtureRequest, database: Database, database_url: str, valkey_url: str
) -> AsyncIterator[list[Process]]:
    await database.execute("create table rows (id int primary key, value text)")
    await database.execute("insert into rows select n, 'old' from generate_series(1, 400) n")
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            tier = SharedTier(valkey_url) if request.param == "shared" else None
            process = Process(database, database_url, tier)
            if tier is not None:
                stack.push_async_callback(tier.close)
            stack.push_async_callback(process.cache.close)
            stack.push_async_callback(process.listener.close)
            await process.listener.start()
            made.append(process)
        yield made


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> float:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if await condition():
            return time.monotonic() - started
        await asyncio.sleep(0.001)
    pytest.fail(f"it did not happen within {seconds} s")


async def write(process: Process, database: Database, value: str, number: int = 1) -> None:
    async with unit_of_work(database, process.cache) as work:
        await (await work.connection()).execute("update rows set value = $1 where id = $2", value, number)
        work.drop(f"row:{number}")


async def test_the_writers_process_is_clean_at_once_and_the_others_soon(
    processes: list[Process], database: Database
) -> None:
    writer, other = processes
    assert [await process.read(1) for process in processes] == ["old", "old"]
    await other.read(2)
    await write(writer, database, "new")
    assert await writer.read(1) == "new"
    reads = other.reads

    async def is_new() -> bool:
        return await other.read(1) == "new"

    assert await eventually(is_new) < 1.0
    await other.read(2)
    assert other.reads <= reads + 1, "what the change did not touch stays"
    assert (other.listener.heard, other.listener.losses, other.cache.hears) == (1, 0, True)


async def test_what_is_rolled_back_drops_nothing(processes: list[Process], database: Database) -> None:
    writer, other = processes
    await writer.read(1)
    await other.read(1)

    async def fail() -> None:
        async with unit_of_work(database, writer.cache) as work:
            await (await work.connection()).execute("update rows set value = 'never'")
            work.drop("rows")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await write(writer, database, "new", 2)
    await eventually(heard(other, 1))
    reads = [process.reads for process in processes]
    assert [await process.read(1) for process in processes] == ["old", "old"]
    assert [process.reads for process in processes] == reads


def heard(process: Process, announcements: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return process.listener.heard >= announcements

    return condition


async def test_a_block_that_does_nothing_opens_nothing(processes: list[Process], database: Database) -> None:
    before = database.stats()
    async with unit_of_work(database, processes[0].cache) as work:
        assert not work.is_open
        assert database.stats() == before


async def test_a_read_under_way_when_the_change_came_is_not_kept(processes: list[Process], database: Database) -> None:
    writer = processes[0]
    blocker = await database.fetchval("select 1")
    assert blocker == 1
    gate, calls = asyncio.Event(), 0

    @writer.cache.cached(ttl_seconds=60, tags=("rows",), name="slow")
    async def slow() -> str:
        nonlocal calls
        text: str = await database.fetchval("select value from rows where id = 1")
        calls += 1
        await gate.wait()
        return text

    early = asyncio.create_task(slow())
    await eventually(lambda: is_true(lambda: calls == 1))
    async with unit_of_work(database, writer.cache) as work:
        await (await work.connection()).execute("update rows set value = 'new'")
        work.drop("rows")
    gate.set()
    assert (await slow(), await early) == ("new", "old")
    assert await slow() == "new"


async def is_true(condition: Callable[[], bool]) -> bool:
    await asyncio.sleep(0)
    return condition()


async def test_a_lost_connection_is_replaced_and_everything_forgotten(
    processes: list[Process], database: Database, servers: dict[str, str]
) -> None:
    writer, other = processes
    assert await other.read(1) == "old"
    admin = await asyncpg.connect(servers["admin"])
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'roadworthy listener'"
    )
    await admin.close()
    await write(writer, database, "new")  # announced to nobody
    await eventually(lambda: is_true(lambda: other.listener.losses > 0 and other.listener.listening))
    assert await other.read(1) == "new"
    await write(writer, database, "newer")

    async def is_newer() -> bool:
        return await other.read(1) == "newer"

    await eventually(is_newer)


async def test_a_connection_that_falls_silent_is_replaced(
    processes: list[Process], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "HEARTBEAT_SECONDS", 0.1)
    writer, other = processes
    assert await other.read(1) == "old"
    ours = "application_name = 'roadworthy listener' and datname = current_database()"
    silent = [row[0] for row in await database.fetch(f"select pid from pg_stat_activity where {ours}")]
    for pid in silent:
        os.kill(pid, signal.SIGSTOP)  # the server is there, and says nothing any more
    try:
        await write(writer, database, "new")
        await eventually(lambda: is_true(lambda: other.listener.losses > 0 and other.listener.listening))
        assert await other.read(1) == "new"
    finally:
        for pid in silent:
            os.kill(pid, signal.SIGCONT)


async def test_many_tags_are_announced_in_parts_and_very_many_as_everything(
    processes: list[Process], database: Database
) -> None:
    writer, other = processes
    for count in (40, 400):
        for number in range(1, count + 1):
            await other.read(number)
        async with unit_of_work(database, writer.cache) as work:
            await (await work.connection()).execute("update rows set value = $1", str(count))
            work.drop(*(f"row:{number}" for number in range(1, count + 1)))
        assert await writer.read(count) == str(count)

        async def are_new(count: int = count) -> bool:
            return {await other.read(number) for number in (1, count)} == {str(count)}

        await eventually(are_new)


async def test_a_payload_that_nobody_here_understands_drops_everything(
    processes: list[Process], database: Database
) -> None:
    other = processes[1]
    await other.read(1)
    await database.execute("update rows set value = 'by hand'")
    await database.execute("select pg_notify($1, 'job 17 changed')", CHANNEL)

    async def is_new() -> bool:
        return await other.read(1) == "by hand"

    await eventually(is_new)


async def test_a_transaction_without_a_cache_can_announce_as_well(processes: list[Process], database: Database) -> None:
    other = processes[1]
    await other.read(1)
    async with database.transaction() as connection:
        await connection.execute("update rows set value = 'loaded'")
        await announce(connection, ["rows"])

    async def is_new() -> bool:
        return await other.read(1) == "loaded"

    await eventually(is_new)


@pytest.mark.parametrize("processes", ["shared"], indirect=True)
async def test_a_shared_tier_that_missed_a_change_is_trusted_no_more(
    processes: list[Process], database: Database
) -> None:
    writer, other = processes
    assert writer.tier is not None
    assert other.tier is not None
    await other.read(1)
    await other.cache.close()
    for tier in (writer.tier, other.tier):
        tier._went_down(OSError())
        tier._down_until = time.monotonic() + 60
    await write(writer, database, "new")
    assert await writer.read(1) == "new"
    await eventually(heard(other, 1))
    for tier in (writer.tier, other.tier):
        tier._down_until = 0.0
    assert await other.read(1) == "new"


async def test_a_write_is_noted_for_the_request_that_made_it(processes: list[Process], database: Database) -> None:
    noted: list[bool] = []
    with consistency.request(lambda: noted.append(True), reads_own_writes=False):
        async with unit_of_work(database, processes[0].cache):
            pass
        assert not noted
        await write(processes[0], database, "new")
        assert noted == [True]
        assert consistency.reads_own_writes()

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.settings import settings_from

from roadworthy.chassis.database import pool
from roadworthy.chassis.database.pool import Database, DatabaseDown, PoolExhausted, StatementTimeout
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings

if TYPE_CHECKING:  # generic in the stubs only
    from asyncpg.pool import PoolConnectionProxy

NOTICED_WITHIN_SECONDS = 20


def limits(**changes: object) -> Settings:
    return settings_from(**{"database_pool_size": 2, **changes})


@pytest.fixture
async def admin(servers: dict[str, str]) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(servers["admin"])
    yield connection
    await connection.close()


async def write_then_fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into words values ('undone')")
        await connection.execute("select 1/0")


async def cut_all_connections_while_using_one(
    database: Database, admin: asyncpg.Connection[asyncpg.Record], *, noticed: bool
) -> None:
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"
    async with database.connection() as connection:
        await admin.execute(cut, await connection.fetchval("select current_database()"))
        if noticed:
            async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
                await until_taken_away(connection)
        await connection.fetchval("select 1")


async def until_taken_away(connection: PoolConnectionProxy[asyncpg.Record]) -> None:
    """Wait for the pool to notice; it may have opened another connection by then, so its size doesn't tell."""
    with contextlib.suppress(asyncpg.InterfaceError):
        while not connection.is_closed():  # noqa: ASYNC110  # the pool tells nobody when it notices
            await asyncio.sleep(0.01)


async def ping_with_every_connection(database: Database) -> None:
    for _ in range(database.stats().limit + 1):
        await database.ping()


async def test_reads_writes_and_transactions(database: Database) -> None:
    await database.execute("create table words (word text)")
    async with database.transaction() as connection:
        await connection.execute("insert into words values ('kept')")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await write_then_fail(database)

    assert [row["word"] for row in await database.fetch("select word from words")] == ["kept"]
    assert await database.fetchval("select count(*) from words") == 1
    row = await database.fetchrow("select word from words where word = $1", "nothing")
    assert row is None


async def test_a_full_pool_says_so_instead_of_waiting_for_ever(database_url: str) -> None:
    database = await Database.open(database_url, limits(database_acquire_timeout_seconds=0.05))
    async with database.connection(), database.connection():
        assert database.stats().in_use == 2
        with pytest.raises(PoolExhausted, match="all 2 connections stayed busy"):
            await database.fetchval("select 1")
    assert await database.fetchval("select 1") == 1
    await database.close()


async def test_callers_without_a_connection_are_counted(database_url: str) -> None:
    database = await Database.open(database_url, limits(database_pool_size=1))
    async with database.connection():
        waiting = asyncio.create_task(database.fetchval("select 7"))
        await asyncio.sleep(0)  # the task runs up to its first wait
        assert database.stats().waiting == 1
    assert await waiting == 7
    stats = database.stats()
    assert (stats.waiting, stats.limit, stats.in_use, stats.size) == (0, 1, 0, 1)
    await database.close()


async def test_a_slow_statement_is_stopped_by_the_server(database_url: str) -> None:
    database = await Database.open(database_url, limits(database_statement_timeout_seconds=0.05))
    with pytest.raises(StatementTimeout):
        await database.fetchval("select pg_sleep(20)")
    assert await database.fetchval("select 1") == 1
    await database.close()


async def test_connections_carry_our_name(database: Database) -> None:
    assert await database.fetchval("select current_setting('application_name')") == "roadworthy"


async def test_an_old_connection_is_replaced(database_url: str) -> None:
    young = await Database.open(database_url, limits(database_pool_size=1))
    old = await Database.open(database_url, limits(database_pool_size=1, database_connection_recycle_seconds=0.000_001))
    kept = [await young.fetchval("select pg_backend_pid()") for _ in range(2)]
    replaced = [await old.fetchval("select pg_backend_pid()") for _ in range(2)]
    assert kept[0] == kept[1]
    assert replaced[0] != replaced[1]
    await young.close()
    await old.close()


@pytest.mark.parametrize("noticed", [True, False])
async def test_it_recovers_from_a_server_that_cut_every_connection(
    database_url: str, admin: asyncpg.Connection[asyncpg.Record], noticed: bool
) -> None:
    database = await Database.open(database_url, limits(database_pool_size=1))
    with pytest.raises(DatabaseDown):
        await cut_all_connections_while_using_one(database, admin, noticed=noticed)
    assert await database.fetchval("select 1") == 1
    await database.close()


async def test_a_connection_that_died_while_idle_is_replaced_before_anyone_gets_it(
    database_url: str, admin: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHECK_AFTER_IDLE_SECONDS", 0)
    database = await Database.open(database_url, limits(database_pool_size=1))
    before = await database.fetchval("select pg_backend_pid()")
    await admin.execute("select pg_terminate_backend($1)", before)
    assert await database.fetchval("select pg_backend_pid()") != before
    await database.close()


async def test_a_connection_held_too_long_is_logged_once_with_the_line_that_took_it(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = await Database.open(database_url, limits(database_leak_seconds=0.01))
    async with database.connection(), asyncio.timeout(NOTICED_WITHIN_SECONDS):
        while not caplog.records:  # noqa: ASYNC110  # a log tells nobody that it was written
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert len(caplog.records) == 1
    assert "test_pool.py" in caplog.text
    assert "test_a_connection_held_too_long" in caplog.text
    await database.close()


async def test_a_slow_statement_is_logged_without_its_values_and_with_its_plan(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = await Database.open(database_url, limits(database_slow_statement_seconds=0.01))
    for _ in range(2):
        await database.fetch("select pg_sleep(0.02), 'secret' from pg_class where relname = $1", "pg_class")
    async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
        while "its plan" not in caplog.text:  # noqa: ASYNC110  # a log tells nobody that it was written
            await asyncio.sleep(0.01)
    assert caplog.text.count("slow statement: 0.0") == 2
    assert caplog.text.count("its plan") == 1
    assert "Index" in caplog.text
    assert "secret" not in caplog.text
    assert database.stats().slow_statements == 2
    await database.close()


async def test_a_ping_to_a_refusing_server_says_down(
    database_url: str, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    database = await Database.open(database_url, limits())
    assert await database.ping() > 0
    name = await database.fetchval("select current_database()")
    await admin.execute(f"alter database {name} with allow_connections false")
    try:
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        with pytest.raises(DatabaseDown):
            await ping_with_every_connection(database)
    finally:
        await admin.execute(f"alter database {name} with allow_connections true")
        await database.close()


async def test_behind_a_pooler_nothing_depends_on_the_session(database_url: str) -> None:
    settings = limits(database_url=database_url, database_direct_url=database_url + "?direct=1")
    assert settings.behind_pooler
    database = await Database.open(database_url, settings)
    assert await database.fetchval("select current_setting('statement_timeout')") == "0"
    assert await database.fetchval("select count(*) from pg_prepared_statements where from_sql = false") == 0
    await database.close()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("127.0.0.1:", "127.0.0.1:1/?x="), "can't be reached"),
        (("/test_", "/missing_"), "there is no database"),
        (("roadworthy:", "roadworthy:wrong"), "refuses this user"),
        (("postgresql://", "mysql://"), "can't be understood"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_explained(
    database_url: str, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(StartupError, match=problem) as failure:
        await Database.open(database_url.replace(*change), limits())
    assert failure.value.remedy
    assert str(urlsplit(database_url).password) not in failure.value.problem

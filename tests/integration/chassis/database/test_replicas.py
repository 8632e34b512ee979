"""Reads from a real standby, while it is up to date and only then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tests.settings import settings_from
from tests.standby import Standby

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.database.coalesce import Lookup
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.replicas import Reader

pytestmark = pytest.mark.anyio

ON_A_REPLICA = "select pg_is_in_recovery()"


@pytest.fixture(scope="module")
def servers_of_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedPostgres, Standby]]:
    folder = tmp_path_factory.mktemp("replication")
    with (
        EmbeddedPostgres(folder / "primary", durable=False) as primary,
        Standby(folder / "standby", primary) as standby,
    ):
        yield primary, standby


@asynccontextmanager
async def reading(primary: EmbeddedPostgres, *replicas: str, lag_seconds: float = 1.0) -> AsyncIterator[Reader]:
    settings = settings_from(database_replica_urls=",".join(replicas), database_replica_lag_seconds=lag_seconds)
    database = await Database.open(primary.dsn, settings)
    reader = Reader.from_settings(database, settings)
    try:
        await reader.start(settings)
        yield reader
    finally:
        await reader.close()
        await database.close()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within ten seconds")


async def test_reads_go_to_a_replica_that_is_up_to_date_and_come_back_from_one_that_is_not(
    servers_of_two: tuple[EmbeddedPostgres, Standby],
) -> None:
    primary, standby = servers_of_two
    control = await asyncpg.connect(standby.dsn_of("postgres", superuser=True))
    async with reading(primary, standby.dsn) as reader:

        async def is_read_from() -> bool:
            return bool(await reader.fetchval(ON_A_REPLICA))

        async def is_left_alone() -> bool:
            return not await is_read_from()

        try:
            await eventually(is_read_from)
            await reader.primary.execute("create table if not exists numbers (number int)")
            await control.execute("select pg_wal_replay_pause()")
            await reader.primary.execute("insert into numbers values (1)")
            await eventually(is_left_alone)
            assert await reader.fetchval("select count(*) from numbers") == 1
            await control.execute("select pg_wal_replay_resume()")
            await eventually(is_read_from)
            assert reader.replicas[0].lag_seconds(time.monotonic()) < 1.0
            rows = await reader.fetch("select number from numbers"), await reader.fetchrow("select number from numbers")
            assert (len(rows[0]), rows[1]) == (1, rows[0][0])
        finally:
            await control.execute("select pg_wal_replay_resume()")
            await control.close()


async def test_an_answer_from_a_replica_is_never_older_than_the_bound(
    servers_of_two: tuple[EmbeddedPostgres, Standby],
) -> None:
    primary, standby = servers_of_two
    async with reading(primary, standby.dsn, lag_seconds=0.5) as reader:
        await reader.primary.execute("create table if not exists clock (at float8)")
        await reader.primary.execute("insert into clock values ($1)", time.monotonic())
        worst, end = 0.0, time.monotonic() + 2.0
        while time.monotonic() < end:
            await reader.primary.execute("update clock set at = $1", time.monotonic())
            committed_at = time.monotonic()
            asked_at = time.monotonic()
            worst = max(worst, asked_at - await reader.fetchval("select at from clock"))
            assert committed_at <= asked_at
            await asyncio.sleep(0.005)
        assert worst < 0.6
        assert reader.replicas[0].reads > 50, "and it was read from"


async def test_whoever_wrote_reads_from_the_primary_and_so_does_what_is_kept(
    servers_of_two: tuple[EmbeddedPostgres, Standby],
) -> None:
    primary, standby = servers_of_two
    async with reading(primary, standby.dsn) as reader:

        async def load(_group: str, keys: Sequence[int]) -> Mapping[int, bool]:
            found = await reader.fetchval(ON_A_REPLICA)
            return dict.fromkeys(keys, found)

        lookup: Lookup[str, int, bool] = Lookup(load)

        async def is_read_from() -> bool:
            return bool(await lookup.get("all", 1))

        await eventually(is_read_from)
        with consistency.request(lambda: None, reads_own_writes=True):
            own = [lookup.get("all", number) for number in range(3)]
        others = [lookup.get("all", number) for number in range(3)]
        assert await asyncio.gather(*own) == [False] * 3
        assert await asyncio.gather(*others) == [True] * 3
        cache = Cache(1024 * 1024)

        @cache.cached(ttl_seconds=60)
        async def kept() -> bool | None:
            return await lookup.get("all", 1)

        assert await kept() is False


async def test_without_a_replica_everything_is_read_from_the_primary(
    servers_of_two: tuple[EmbeddedPostgres, Standby],
) -> None:
    async with reading(servers_of_two[0], "postgresql://roadworthy:x@127.0.0.1:1/roadworthy") as reader:
        assert await reader.fetchval("select 1") == 1
        assert await reader.fetchval(ON_A_REPLICA) is False
    async with reading(servers_of_two[0]) as reader:
        assert await reader.fetchval(ON_A_REPLICA) is False


async def test_a_primary_named_as_a_replica_is_not_taken_for_one(
    servers_of_two: tuple[EmbeddedPostgres, Standby],
) -> None:
    primary = servers_of_two[0]
    async with reading(primary, primary.dsn) as reader:
        assert reader.replicas[0].current_at == float("-inf")


async def test_a_replica_that_ends_is_left_at_once(servers_of_two: tuple[EmbeddedPostgres, Standby]) -> None:
    primary, standby = servers_of_two
    async with reading(primary, standby.dsn, lag_seconds=4.0) as reader:

        async def is_read_from() -> bool:
            return bool(await reader.fetchval(ON_A_REPLICA))

        await eventually(is_read_from)
        standby.stop()
        assert [await reader.fetchval(ON_A_REPLICA) for _ in range(5)] == [False] * 5
        standby.start()


def test_the_addresses_are_secret() -> None:
    settings = settings_from(database_replica_urls="postgresql://a:hidden@b/c, postgresql://d/e")
    assert settings.replica_dsns == ("postgresql://a:hidden@b/c", "postgresql://d/e")
    assert "hidden" not in repr(settings)

"""Behind PgBouncer in transaction mode, where a client has another server connection for each transaction."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.processes import free_port, wait_until
from tests.settings import settings_from

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.database.announcements import Listener
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.work import unit_of_work
from roadworthy.chassis.processes.lifetime import spawn, stop
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.tasks.turns import Turns

CONFIGURATION = """\
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
logfile = {log}
pidfile = {home}/pid
"""

pytestmark = pytest.mark.pgbouncer


@pytest.fixture
def pooled_url(database_url: str, open_folder: Path) -> Iterator[str]:
    """The address of this test's database by way of a pooler with two server connections."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    parts, port, users = urlsplit(database_url), free_port(), open_folder / "users"
    users.write_text(f'"{parts.username}" "{parts.password}"\n')
    configuration = open_folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=parts.hostname,
            server_port=parts.port,
            port=port,
            users=users,
            home=open_folder,
            log=open_folder / "log",
        )
    )
    open_folder.chmod(0o777)  # it refuses to run as root, and gives root up for "nobody"
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    pooler = spawn([program, *user, configuration])
    try:
        wait_until(lambda: accepts(port), (open_folder / "log").read_text)
        yield database_url.replace(f":{parts.port}/", f":{port}/")
    finally:
        stop(pooler, signal.SIGINT, 10)


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture
def settings(pooled_url: str, database_url: str) -> Settings:
    return settings_from(
        database_url=pooled_url,
        database_direct_url=database_url,
        database_pool_size=6,
        database_statement_timeout_seconds=0.2,
    )


async def test_many_statements_share_few_server_connections(settings: Settings, pooled_url: str) -> None:
    database = await Database.open(pooled_url, settings)
    try:
        await database.execute("create table numbers (number int)")
        await asyncio.gather(*(database.execute("insert into numbers values ($1)", number) for number in range(50)))
        asked = (database.fetchval("select number from numbers where number = $1", number) for number in range(50))
        assert await asyncio.gather(*asked) == list(range(50))
        assert await database.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
    finally:
        await database.close()


async def test_task_locks_go_past_the_pooler(settings: Settings) -> None:
    assert settings.direct_dsn is not None
    first, second = Turns(settings.direct_dsn), Turns(settings.direct_dsn)
    assert await first.take("count")
    assert not await second.take("count")
    await first.close()
    assert await second.take("count")
    await second.close()


async def test_changes_are_announced_through_the_pooler_and_heard_past_it(settings: Settings, pooled_url: str) -> None:
    assert settings.direct_dsn is not None
    database, cache = await Database.open(pooled_url, settings), Cache(1024 * 1024)
    listener = Listener(settings.direct_dsn, cache)
    await listener.start()
    kept = cache.cached(ttl_seconds=60, tags=("numbers",))(one)
    try:
        assert await kept() == 1
        async with unit_of_work(database, Cache(1024)) as work:  # another process
            await (await work.connection()).execute("select 1")
            work.drop("numbers")
        for _ in range(500):
            if listener.heard and not cache.results.entries:
                break
            await asyncio.sleep(0.01)
        assert not cache.results.entries
    finally:
        await listener.close()
        await database.close()


async def one() -> int:
    return 1

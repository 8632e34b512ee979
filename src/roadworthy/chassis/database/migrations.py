"""Schema changes: Alembic, a branch and a PostgreSQL schema for each app, safe from any number of processes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg
from alembic.config import Config
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Executable
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from roadworthy.chassis.database.unreachable import FAILURES, unreachable
from roadworthy.chassis.errors import StartupError

CONNECT_TIMEOUT_SECONDS = 5.0
# A migration that waits for a lock makes every query behind it wait as well: give up early, try again later.
LOCK_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 900
TURN_TIMEOUT_SECONDS = 600
ATTEMPTS = 5
ATTEMPT_PAUSE_SECONDS = 2.0
MIGRATION_LOCK = 7_236_301_540_511_829
VERSION_TABLE = "alembic_version"

Result = TypeVar("Result")


async def migrate(
    dsn: str, apps: Mapping[str, Path], *, attempt_pause_seconds: float = ATTEMPT_PAUSE_SECONDS
) -> list[str]:
    """Bring every app's schema up to date; returns the revisions applied, oldest first.

    `apps` maps an app's name to the folder of its migrations. `dsn` leads past any transaction pooler. One process
    migrates, the others wait for it and find nothing left to do. Each migration is a transaction of its own.

    Raises:
        StartupError: database unreachable, a lock not granted, a migration failed; with what to do.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await _connected(dsn, lambda connection: _upgrade(connection, apps))
        except (DBAPIError, asyncpg.PostgresError) as error:
            if not _is_lock_timeout(error) or attempt == ATTEMPTS:
                raise _failed(error) from error
            await asyncio.sleep(attempt_pause_seconds)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def pending(dsn: str, apps: Mapping[str, Path]) -> list[str]:
    """Revisions not yet applied, oldest first; empty when a newer version of the service has already migrated.

    Raises:
        StartupError: database unreachable.
    """
    try:
        return await _connected(
            dsn, lambda connection: _missing(_context(connection).get_current_heads(), _scripts(apps))
        )
    except DatabaseIsNewer:
        return []  # schemas only grow between neighbouring versions, so a rolled-back service runs on the newer one


class _ScriptImpl(PostgresqlImpl):
    """Lets `op.execute` take a whole script: asyncpg prepares statements, and can prepare only one at a time."""

    __dialect__ = "postgresql"

    def execute(self, sql: Executable | str, execution_options: dict[str, Any] | None = None) -> None:
        if not isinstance(sql, str) or self.as_sql or self.connection is None:
            super().execute(sql, execution_options)
            return
        self.connection.exec_driver_sql("select 1")  # opens the transaction that the driver does not open by itself
        driver = cast("AsyncAdapt_asyncpg_connection", self.connection.connection.dbapi_connection)
        driver.run_async(_simple_query(sql))


def _simple_query(sql: str) -> Callable[[Any], Awaitable[Any]]:
    return lambda driver: driver.execute(sql)


async def _connected(dsn: str, work: Callable[[Connection], Result]) -> Result:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(dsn), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def _connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "roadworthy migrate"},
        )
    except FAILURES as error:
        raise unreachable(dsn, error) from error


def _upgrade(connection: Connection, apps: Mapping[str, Path]) -> list[str]:
    scripts = _scripts(apps)
    _take_turn(connection)
    applied = _missing(_context(connection).get_current_heads(), scripts)
    connection.rollback()  # the reads above began a transaction, and each migration wants its own
    with EnvironmentContext(Config(), scripts, fn=_to_heads(scripts)) as environment:
        environment.configure(connection=connection, transaction_per_migration=True, version_table=VERSION_TABLE)
        environment.run_migrations()
    connection.commit()
    return applied


def _to_heads(scripts: ScriptDirectory) -> Callable[[Any, MigrationContext], Any]:
    return lambda heads, _: scripts._upgrade_revs("heads", heads)  # noqa: SLF001  # as alembic.command.upgrade does


def _take_turn(connection: Connection) -> None:
    """Wait for other migrating processes; the lock goes with the connection."""
    connection.exec_driver_sql(f"set lock_timeout = '{TURN_TIMEOUT_SECONDS}s'")
    connection.exec_driver_sql(f"select pg_advisory_lock({MIGRATION_LOCK})")
    connection.exec_driver_sql(f"set lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
    connection.exec_driver_sql(f"set statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'")
    connection.commit()


def _scripts(apps: Mapping[str, Path]) -> ScriptDirectory:
    folders = [str(folder) for folder in apps.values()]
    return ScriptDirectory(folders[0], version_locations=folders)


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def _missing(heads: Sequence[str], scripts: ScriptDirectory) -> list[str]:
    """Revisions that `heads` do not imply, oldest first."""
    oldest_first = list(scripts.walk_revisions())[::-1]
    known = {script.revision: script for script in oldest_first}
    if unknown := [head for head in heads if head not in known]:
        raise DatabaseIsNewer(unknown)
    applied = set(_with_ancestors(heads, known))
    return [script.revision for script in oldest_first if script.revision not in applied]


def _with_ancestors(heads: Iterable[str], known: Mapping[str, Script]) -> Iterator[str]:
    left = list(heads)
    while left:
        revision = left.pop()
        yield revision
        # Private, but the only place that has down_revision and depends_on together.
        left.extend(known[revision]._all_down_revisions)  # noqa: SLF001 - Alembic's only name for parents and dependencies alike


class DatabaseIsNewer(StartupError):
    """A newer version of the service has migrated this database."""

    def __init__(self, revisions: Sequence[str]) -> None:
        """Take the `revisions` that this version has never heard of."""
        super().__init__(
            f"a newer version of the service has migrated this database (revision {', '.join(revisions)})",
            "install that version here before migrating",
        )


def _is_lock_timeout(error: Exception) -> bool:
    return isinstance(_driver_error(error), asyncpg.LockNotAvailableError)


def _driver_error(error: Exception) -> BaseException:
    """What asyncpg raised: SQLAlchemy wraps it twice, and a script's error comes as it is."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _failed(error: Exception) -> StartupError:
    cause = _driver_error(error)
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return StartupError(f"this database user may not migrate: {cause}", "grant create on database ... to the user")
    if isinstance(cause, asyncpg.LockNotAvailableError):
        return StartupError(
            f"a lock was not granted in {LOCK_TIMEOUT_SECONDS} s, {ATTEMPTS} times over",
            "look in pg_stat_activity for a long transaction, end it, then: roadworthy migrate",
        )
    if isinstance(cause, asyncpg.DiskFullError):
        return StartupError("the database's disk is full", "free some space there, then: roadworthy migrate")
    return StartupError(
        f"a migration failed and was rolled back: {cause}", "mend what it names, then: roadworthy migrate"
    )

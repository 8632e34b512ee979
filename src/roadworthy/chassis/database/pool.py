"""The connections one process keeps to PostgreSQL: how many, how long, and what happens when there are none left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import asyncpg

from roadworthy.chassis.database.leaks import Holds
from roadworthy.chassis.database.slow import SlowStatements
from roadworthy.chassis.database.unreachable import FAILURES, unreachable
from roadworthy.chassis.errors import Overloaded
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry import tracing

CONNECT_TIMEOUT_SECONDS = 5.0
PING_TIMEOUT_SECONDS = 2.0
# A firewall or a failover may end an idle connection without a word; one in steady use needs no question before each.
CHECK_AFTER_IDLE_SECONDS = 30.0
CLOSE_TIMEOUT_SECONDS = 10.0
CONNECTIONS_KEPT = 2
STATEMENTS_KEPT = 256
STATEMENT_GRACE_SECONDS = 1.0
APPLICATION_NAME = "roadworthy"

if TYPE_CHECKING:  # generic in the stubs only
    from asyncpg.pool import PoolConnectionProxy

    Proxy = PoolConnectionProxy[asyncpg.Record]
    BaseConnection = asyncpg.Connection[asyncpg.Record]
else:
    BaseConnection = asyncpg.Connection

# The connection is gone, or asyncpg was surprised in the middle of its going (InternalClientError).
BROKEN = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,
)


class PoolExhausted(Overloaded):
    """Every database connection is busy; try again in a moment."""


class DatabaseDown(Overloaded):
    """The database can't be reached; try again in a moment."""


class StatementTimeout(Overloaded):
    """The database took too long to answer; try again in a moment."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The pool at one moment, in connections; `waiting` counts callers that have none yet.

    `slow_statements` and `held_too_long` count what was logged as such since the process started.
    """

    size: int
    idle: int
    in_use: int
    limit: int
    waiting: int
    slow_statements: int
    held_too_long: int


class _Connection(BaseConnection):
    """A connection that knows its age, and is given back without a round trip to the server."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opened_at = self.used_at = time.monotonic()

    def idle_seconds(self) -> float:
        """How long nobody has used it."""
        return time.monotonic() - self.used_at

    def rest(self) -> None:
        """Note that its use has ended."""
        self.used_at = time.monotonic()

    def get_reset_query(self) -> str:
        # asyncpg would send RESET ALL after each use, doubling the round trips. Nothing here outlives a use: settings
        # are `set local`, session locks and LISTEN take a connection of their own; open transactions roll back anyway.
        return ""


class Database:
    """A bounded pool of connections, where every wait has a limit.

    A call waits at most DATABASE_ACQUIRE_TIMEOUT_SECONDS for a connection (PoolExhausted, or DatabaseDown when there
    is none to be had), and a statement runs at most DATABASE_STATEMENT_TIMEOUT_SECONDS (StatementTimeout); the server
    enforces that, and this side does a second later, should the server be gone without a word.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: Settings) -> None:
        """Take an open pool; `Database.open` makes one."""
        self._pool = pool
        self._limit = settings.database_pool_size
        self._acquire_timeout_seconds = settings.database_acquire_timeout_seconds
        self._statement_timeout_seconds = settings.database_statement_timeout_seconds
        self._recycle_seconds = settings.database_connection_recycle_seconds
        self._waiting = 0
        self._holds = Holds(settings.database_leak_seconds)
        self._slow = SlowStatements(settings.database_slow_statement_seconds, self._plan)
        self._watching = [asyncio.create_task(self._holds.watch()), asyncio.create_task(self._slow.plan())]

    @classmethod
    async def open(cls, dsn: str, settings: Settings, *, application_name: str = APPLICATION_NAME) -> Self:
        """Connect to `dsn` with the limits in `settings`.

        Raises:
            StartupError: nobody answers, the password is refused, the database is not there; with what to do.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                connection_class=_Connection,
                min_size=min(CONNECTIONS_KEPT, settings.database_pool_size),
                max_size=settings.database_pool_size,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=settings.database_statement_timeout_seconds + STATEMENT_GRACE_SECONDS,
                **_session(settings, application_name),
            )
        except FAILURES as error:
            raise unreachable(dsn, error) from error
        return cls(pool, settings)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of one statement, committed by itself."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run one statement, committed by itself; returns its tag, such as `UPDATE 3`."""
        async with self.connection() as connection:
            return await connection.execute(sql, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Proxy]:
        """A connection inside a transaction: committed at the end of the block, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Proxy]:
        """A connection, given back at the end of the block; each statement commits by itself."""
        connection = await self._acquire()
        try:
            with self._holds.held():
                yield connection
        except asyncpg.QueryCanceledError as error:
            raise StatementTimeout(f"a statement ran into its limit: {error}") from error
        except TimeoutError as error:
            raise StatementTimeout(f"no answer in {self._statement_timeout_seconds:g} s") from error
        except BROKEN as error:
            _discard(connection)
            raise DatabaseDown(str(error)) from error
        except asyncpg.InterfaceError as error:
            if _is_lost(connection):
                raise DatabaseDown(str(error)) from error
            raise
        finally:
            await self._release(connection)

    async def ping(self) -> float:
        """Seconds that an empty query took.

        Raises:
            DatabaseDown: no answer within two seconds.
            PoolExhausted: no connection became free within them.
        """
        started = time.perf_counter()
        connection = await self._acquire(PING_TIMEOUT_SECONDS)
        try:
            await connection.execute("select", timeout=PING_TIMEOUT_SECONDS)
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, *BROKEN) as error:
            _discard(connection)
            raise DatabaseDown(str(error) or f"no answer in {PING_TIMEOUT_SECONDS:g} s") from error
        finally:
            await self._release(connection)
        return time.perf_counter() - started

    def stats(self) -> PoolStats:
        """How full the pool is now."""
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        return PoolStats(
            size=size,
            idle=idle,
            in_use=size - idle,
            limit=self._limit,
            waiting=self._waiting,
            slow_statements=self._slow.count,
            held_too_long=self._holds.told,
        )

    async def close(self) -> None:
        """Wait for connections in use, ten seconds at most, then close them all."""
        for task in self._watching:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _acquire(self, timeout_seconds: float | None = None) -> Proxy:
        limit_seconds = timeout_seconds or self._acquire_timeout_seconds
        self._waiting += 1
        try:
            async with asyncio.timeout(limit_seconds):
                connection = await self._alive()
        except TimeoutError as error:
            stats = self.stats()
            if stats.in_use < stats.limit:
                raise DatabaseDown(f"no new connection in {limit_seconds:g} s") from error
            raise PoolExhausted(f"all {stats.limit} connections stayed busy for {limit_seconds:g} s") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseDown(str(error)) from error
        finally:
            self._waiting -= 1
        connection.add_query_logger(self._slow)  # a set: once a connection, however often
        if (tracer := tracing.current()) is not None:
            connection.add_query_logger(tracer.query_ended)
        return connection

    async def _plan(self, sql: str) -> str:
        """The plan that PostgreSQL makes of `sql` without its values; nothing is run.

        Raises:
            asyncpg.PostgresError: it can't be planned.
        """
        async with self.transaction() as connection:
            await connection.execute("set local plan_cache_mode = force_generic_plan")
            await connection.execute(f"prepare slow_statement as {sql}")
            try:
                values = await connection.fetchval(
                    "select cardinality(parameter_types) from pg_prepared_statements where name = 'slow_statement'"
                )
                nulls = f"({', '.join(['null'] * values)})" if values else ""
                rows = await connection.fetch(f"explain execute slow_statement{nulls}")
            finally:
                await connection.execute("deallocate slow_statement")
        return "\n".join(row[0] for row in rows)

    async def _alive(self) -> Proxy:
        """A connection; one that sat idle has answered first, and is replaced if it doesn't."""
        while True:
            connection = await self._pool.acquire()
            alive = False
            try:
                alive = not _is_lost(connection) and (
                    _own(connection).idle_seconds() < CHECK_AFTER_IDLE_SECONDS or await _answers(connection)
                )
            finally:
                if not alive:  # also when the wait for its answer was cut short
                    await self._pool.release(connection, timeout=CONNECT_TIMEOUT_SECONDS)
            if alive:
                return connection

    async def _release(self, connection: Proxy) -> None:
        opened_at = getattr(connection, "opened_at", None)  # a connection that broke has lost its attributes
        if opened_at is not None and time.monotonic() - opened_at > self._recycle_seconds:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
        elif opened_at is not None:
            _own(connection).rest()
        await self._pool.release(connection, timeout=CONNECT_TIMEOUT_SECONDS)


def _own(connection: Proxy) -> _Connection:
    """The same object, as what it stands for: asyncpg's pool hands on whatever it does not know itself."""
    return cast("_Connection", connection)


async def _answers(connection: Proxy) -> bool:
    try:
        await connection.execute("select", timeout=PING_TIMEOUT_SECONDS)
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, *BROKEN):
        _discard(connection)
        return False
    return True


def _discard(connection: Proxy) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool let go of it when it broke
        connection.terminate()


def _is_lost(connection: Proxy) -> bool:
    """Whether the server closed it; the pool may already have taken it away from whoever was using it."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def _session(settings: Settings, application_name: str) -> dict[str, Any]:
    if settings.behind_pooler:
        # A transaction pooler keeps neither prepared statements nor start-up parameters for one client.
        return {"statement_cache_size": 0, "server_settings": {"application_name": application_name}}
    milliseconds = str(int(settings.database_statement_timeout_seconds * 1000))
    return {
        "statement_cache_size": STATEMENTS_KEPT,
        "server_settings": {"application_name": application_name, "statement_timeout": milliseconds, "jit": "off"},
    }

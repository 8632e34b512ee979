"""Group commit: several callers' writes in one transaction, a savepoint each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.work import unit_of_work
from roadworthy.chassis.errors import Overloaded

if TYPE_CHECKING:
    from roadworthy.chassis.database.pool import Proxy

R = TypeVar("R")

BATCH_MAX = 64
WAITING_MAX = 10_000


class TooManyWrites(Overloaded):
    """More writes are waiting than the database will commit in time; try again in a moment."""


class _Write(NamedTuple):
    """A write that waits to be committed: a coroutine function of the connection, or a statement and its values."""

    run: Callable[[Proxy], Awaitable[Any]] | None
    sql: str
    values: tuple[object, ...]
    tags: Sequence[str]
    done: asyncio.Future[Any]


class _Failed(NamedTuple):
    error: Exception


class GroupCommit:
    """Commits writes that come while another commit is under way together with the next one.

    A write is acknowledged when the transaction that it is in is durable. One that fails is undone by itself, and its
    error reaches its own caller; the others are committed. A commit that fails reaches all who were in it. A caller
    that is cancelled before its write began leaves nothing; after that it is carried through. What a write does must
    be short, and its own: all in a group wait for the slowest, and see what the ones before them did.
    """

    def __init__(
        self, database: Database, cache: Cache, *, batch_limit: int = BATCH_MAX, waiting_limit: int = WAITING_MAX
    ) -> None:
        """Take limits: writes a transaction, and writes that may wait before the next is refused."""
        self._database = database
        self._cache = cache
        self._batch_limit = batch_limit
        self._waiting_limit = waiting_limit
        self._waiting: deque[_Write] = deque()
        self._working: asyncio.Task[None] | None = None
        self.commits = 0
        self.writes = 0

    async def write(self, run: Callable[[Proxy], Awaitable[R]], *, drop: Sequence[str] = ()) -> R:
        """Have `run(connection)` committed, and what is kept under the tags in `drop` forgotten; what it returned.

        Raises:
            TooManyWrites: the line is full.
            Exception: whatever `run` raised; it is undone.
            DatabaseDown, PoolExhausted, StatementTimeout: nothing of the group is known to be committed.
        """
        result: R = await self._committed(run, "", (), drop)
        return result

    async def execute(self, sql: str, *values: object, drop: Sequence[str] = ()) -> None:
        """Have one statement committed. Equal statements of a group travel together: they cost a fraction of `write`.

        Raises:
            As `write` does.
        """
        await self._committed(None, sql, values, drop)

    async def _committed(
        self,
        run: Callable[[Proxy], Awaitable[Any]] | None,
        sql: str,
        values: tuple[object, ...],
        tags: Sequence[str],
    ) -> Any:
        if len(self._waiting) >= self._waiting_limit:
            raise TooManyWrites
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(run, sql, values, tags, done))
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="group-commit", context=Context())
        result = await done
        consistency.note_write()
        return result

    async def _work(self) -> None:
        try:
            while self._waiting:
                count = min(self._batch_limit, len(self._waiting))
                batch = [write for write in (self._waiting.popleft() for _ in range(count)) if not write.done.done()]
                if batch:
                    await self._commit(batch)
        finally:
            self._working = None

    async def _commit(self, batch: Sequence[_Write]) -> None:
        try:
            async with unit_of_work(self._database, self._cache) as work:
                connection = await work.connection()
                results = await _Group(connection).run(batch)
                for write, result in results:
                    if not isinstance(result, _Failed):
                        work.drop(*write.tags)
        except BaseException as error:
            _fail(batch, error)
            if not isinstance(error, Exception):
                raise
            return
        self.commits += 1
        self.writes += len(batch)
        for write, result in results:
            _tell(write.done, result)


class _Group:
    """Writes of one transaction, each undone by itself should it fail."""

    def __init__(self, connection: Proxy) -> None:
        self._connection = connection
        self._is_saved = False

    async def run(self, batch: Sequence[_Write]) -> list[tuple[_Write, Any]]:
        results: list[tuple[_Write, Any]] = []
        by_statement: dict[str, list[_Write]] = {}
        for write in batch:
            if write.run is None:
                by_statement.setdefault(write.sql, []).append(write)
            else:
                results.append((write, await self._one(write.run)))
        for sql, writes in by_statement.items():
            results += await self._together(sql, writes)
        return results

    async def _together(self, sql: str, writes: Sequence[_Write]) -> list[tuple[_Write, Any]]:
        """All of one statement in one go; one by one when any of them fails."""
        connection = self._connection
        values = [write.values for write in writes]
        if not isinstance(await self._one(lambda _: connection.executemany(sql, values)), _Failed):
            return [(write, None) for write in writes]
        return [(write, await self._one(partial(_execute, write))) for write in writes]

    async def _one(self, run: Callable[[Proxy], Awaitable[Any]]) -> Any:
        # One round trip for the savepoint of this one and the end of that before it.
        await self._connection.execute("release one; savepoint one" if self._is_saved else "savepoint one")
        self._is_saved = True
        try:
            return await run(self._connection)
        except Exception as error:
            if self._connection.is_closed():
                raise
            await self._connection.execute("rollback to one")
            return _Failed(error)


async def _execute(write: _Write, connection: Proxy) -> None:
    await connection.execute(write.sql, *write.values)


def _tell(done: asyncio.Future[Any], result: Any) -> None:
    if done.done():
        return
    if isinstance(result, _Failed):
        done.set_exception(result.error)
    else:
        done.set_result(result)


def _fail(batch: Sequence[_Write], error: BaseException) -> None:
    for write in batch:
        if write.done.done():
            continue
        if isinstance(error, Exception):
            write.done.set_exception(error)
        else:
            write.done.cancel()

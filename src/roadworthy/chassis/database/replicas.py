"""Reads from replicas that are known to be nearly up to date, and from the primary where none is.

How old a replica's data are is measured without anybody's clock but ours: the primary's position in its log is noted
with the moment before it was asked for, and a replica that has replayed up to it lacks nothing that was committed
before that moment. A replica may be read from until its newest such moment is `lag` seconds ago.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar

import asyncpg

from roadworthy.chassis import consistency
from roadworthy.chassis.database.pool import Database, DatabaseDown, PoolExhausted
from roadworthy.chassis.database.unreachable import FAILURES
from roadworthy.chassis.errors import RoadworthyError, StartupError
from roadworthy.chassis.settings import Settings

T = TypeVar("T")

ASK_SECONDS: Final = 0.25
SAMPLES_MAX: Final = 240
RETRY_SECONDS: Final = 2.0
POSITION: Final = "select pg_current_wal_lsn() - '0/0'::pg_lsn"
REPLAYED: Final = "select pg_last_wal_replay_lsn() - '0/0'::pg_lsn where pg_is_in_recovery()"

# It had to replay first what the statement stood in the way of, or has not replayed the newest migration.
BEHIND: Final = (asyncpg.SerializationError, asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)

logger = logging.getLogger(__name__)


class Reads(Protocol):
    """Statements that only read: a `Database`, or a `Reader` over it and its replicas."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of one statement."""

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""


class _Sample(NamedTuple):
    """Where the primary was: everything committed before `moment` (monotonic seconds) lies before `position`."""

    moment: float
    position: int


class Replica:
    """One replica: its pool, once it could be reached, and up to when its data are known to be whole."""

    def __init__(self, dsn: str, number: int) -> None:
        """Take its address; `number` names it in logs and metrics."""
        self.dsn = dsn
        self.name = f"replica{number}"
        self.database: Database | None = None
        self.current_at = float("-inf")
        """The latest moment before which no commit is missing here; monotonic seconds."""
        self.reads = 0
        self.retry_at = 0.0

    def lag_seconds(self, now: float) -> float:
        """How old its data may be."""
        return now - self.current_at


class Reader:
    """Statements that only read, each on a replica that lags less than is allowed, else on the primary.

    Whoever wrote a moment ago, and whatever is loaded to be kept, reads from the primary: see `consistency`.
    """

    def __init__(self, primary: Database, replicas: Sequence[Replica] = (), *, lag_seconds: float = 1.0) -> None:
        """Take the primary's pool; without replicas everything is read there."""
        self.primary = primary
        self.replicas = tuple(replicas)
        self._lag_seconds = lag_seconds
        self._turn = itertools.count()
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, primary: Database, settings: Settings) -> Self:
        """The replicas that the settings name; nothing is connected yet."""
        replicas = [Replica(dsn, number) for number, dsn in enumerate(settings.replica_dsns, 1)]
        return cls(primary, replicas, lag_seconds=settings.database_replica_lag_seconds)

    async def start(self, settings: Settings) -> None:
        """Watch the replicas, and read from each as soon as it is there and up to date."""
        if self.replicas:
            await self._look(settings)
            self._watching = asyncio.create_task(self._watch(settings), name="replicas")

    async def close(self) -> None:
        """Close their pools."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        async with AsyncExitStack() as stack:
            for replica in self.replicas:
                if replica.database is not None:
                    stack.push_async_callback(replica.database.close)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of one statement."""
        return await self._read(lambda database: database.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._read(lambda database: database.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._read(lambda database: database.fetchval(sql, *args))

    def _choose(self) -> Replica | None:
        if not self.replicas or consistency.needs_primary():
            return None
        oldest = time.monotonic() - self._lag_seconds
        usable = [each for each in self.replicas if each.current_at >= oldest and each.database is not None]
        return usable[next(self._turn) % len(usable)] if usable else None

    async def _read(self, read: Callable[[Database], Awaitable[T]]) -> T:
        replica = self._choose()
        if replica is None or replica.database is None:
            return await read(self.primary)
        try:
            found = await read(replica.database)
        except (DatabaseDown, PoolExhausted):
            replica.current_at = float("-inf")
            return await read(self.primary)
        except BEHIND:
            return await read(self.primary)
        replica.reads += 1
        return found

    async def _watch(self, settings: Settings) -> None:
        while True:
            await asyncio.sleep(ASK_SECONDS)
            await self._look(settings)

    async def _look(self, settings: Settings) -> None:
        try:
            moment = time.monotonic()
            position = await self.primary.fetchval(POSITION)
            self._samples.append(_Sample(moment, int(position)))
        except (RoadworthyError, *FAILURES):  # then the replicas grow too old to be read from, by our knowledge
            return
        await asyncio.gather(*(self._ask(replica, settings) for replica in self.replicas))

    async def _ask(self, replica: Replica, settings: Settings) -> None:
        try:
            database = replica.database or await self._open(replica, settings)
            replayed = await database.fetchval(REPLAYED) if database is not None else None
        except (RoadworthyError, *FAILURES) as error:
            logger.debug("%s does not answer: %s", replica.name, error)
            return
        if replayed is not None:
            known = [sample.moment for sample in self._samples if sample.position <= int(replayed)]
            replica.current_at = max([replica.current_at, *known[-1:]])

    async def _open(self, replica: Replica, settings: Settings) -> Database | None:
        now = time.monotonic()
        if now < replica.retry_at:
            return None
        replica.retry_at = now + RETRY_SECONDS
        with contextlib.suppress(StartupError):
            replica.database = await Database.open(replica.dsn, settings, application_name="roadworthy replica reads")
        if replica.database is None:
            logger.warning("%s can't be reached; it is read from the primary", replica.name)
        return replica.database

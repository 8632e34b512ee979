"""Who may run which task: session locks on PostgreSQL, which end with the connection of the worker that has them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

CONNECT_TIMEOUT_SECONDS = 5.0
QUERY_TIMEOUT_SECONDS = 5.0
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger("roadworthy.tasks")

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


class Turns:
    """Advisory locks by task name, on one connection kept for them alone.

    `dsn` must lead past a transaction pooler, which would hand the locks to somebody else.
    """

    def __init__(self, dsn: str, *, application_name: str = "roadworthy worker locks") -> None:
        """Take the address; the first `take` connects."""
        self._dsn = dsn
        self._application_name = application_name
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._running: dict[str, asyncio.Future[Any]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def take(self, name: str) -> bool:
        """Whether this worker has the turn of task `name`: kept from before, or taken now.

        False as well when the database can't be asked. A kept turn is asked for too: the server may have cut the
        connection, and the turn with it.
        """
        async with self._one_at_a_time:
            try:
                connection = await self._connected()
                if name in self._held:
                    await connection.execute("select 1", timeout=QUERY_TIMEOUT_SECONDS)
                elif await connection.fetchval(
                    "select pg_try_advisory_lock($1)", lock_key(name), timeout=QUERY_TIMEOUT_SECONDS
                ):
                    self._held.add(name)
            except FAILURES as error:
                log.warning("task.no_turn", task=name, error=str(error) or type(error).__name__)
                self._drop()
        return name in self._held

    @contextmanager
    def cancel_when_lost(self, name: str, run: asyncio.Future[Any]) -> Iterator[None]:
        """Cancel `run` should the connection break during the block: another worker may then have the turn."""
        self._running[name] = run
        if name not in self._held:
            run.cancel()
        try:
            yield
        finally:
            del self._running[name]

    async def close(self) -> None:
        """Give every turn back."""
        if self._connection is not None:
            with suppress(*FAILURES):
                await self._connection.close(timeout=QUERY_TIMEOUT_SECONDS)
        self._drop()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_TIMEOUT_SECONDS,
                server_settings={"application_name": self._application_name},
            )
            self._connection.add_termination_listener(self._lost)
        return self._connection

    def _lost(self, connection: object) -> None:
        if connection is self._connection:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        for run in self._running.values():
            run.cancel()
        if connection is not None and not connection.is_closed():
            connection.terminate()


def lock_key(name: str) -> int:
    """The advisory lock of a task: 63 bits of a digest of its name, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"roadworthy task {name}".encode()).digest()[:8]) >> 1

"""Looks into PostgreSQL: one read-only session with time limits, each question once."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.probes import addresses, metered

APPLICATION_NAME = "roadworthy-inspect"
CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 5
ROWS_LIMIT = 2_000
SESSION = {
    "application_name": APPLICATION_NAME,
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "30s",
}
Row = Mapping[str, Any]
_QUERY = re.compile(r"\A\s{0,200}(?:select|with)\b(?!.*\b(?:insert|update|delete|merge)\b)", re.IGNORECASE | re.DOTALL)
_RIGHTS = {"table": "select", "view": "select", "sequence": "select", "schema": "usage", "function": "execute"}
_DENIED = re.compile(rf"permission denied for ({'|'.join(_RIGHTS)}) (\S+)")


class PostgresProbe:
    """The database as the application's role sees it. Writes are refused by the session itself."""

    def __init__(self, dsn: str) -> None:
        """Take the application's own DSN; it is opened at the first question."""
        self.dsn = dsn
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._failure: Unobservable | None = None
        self._at_login: Mapping[str, str] | None = None
        self._kept: dict[tuple[str, tuple[object, ...]], Sequence[Row]] = {}

    @property
    def address(self) -> str:
        """Host, port, database and role, without the password."""
        parts = addresses.parse(self.dsn)
        user = f"{parts.user}@" if parts.user else ""
        port = f":{parts.port}" if parts.port else ""
        return f"{user}{parts.host or 'local socket'}{port}{parts.path}"

    @property
    def password(self) -> str | None:
        """The password in the DSN, as the server is told it."""
        word = addresses.parse(self.dsn).password
        return word or None

    @property
    def vantage(self) -> str:
        """From where the answers were seen."""
        return f"PostgreSQL as {addresses.parse(self.dsn).user or 'the default role'}, read-only session"

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        """Rows of a query, at most `ROWS_LIMIT`; asked once however many checks want them.

        Raises:
            Unobservable: no connection, no right to see it, or no answer in time.
        """
        async with self._lock:
            key = (sql, args)
            if key not in self._kept:
                self._kept[key] = await self._fetch(sql, args)
            return self._kept[key]

    async def row(self, sql: str, *args: object) -> Row:
        """The only row of a query."""
        found = await self.rows(sql, *args)
        if not found:
            raise Unobservable(f"no row came back from: {' '.join(sql.split())[:120]}")
        return found[0]

    async def value(self, sql: str, *args: object) -> Any:
        """The first column of the only row."""
        return next(iter((await self.row(sql, *args)).values()))

    async def setting(self, name: str) -> str:
        """A server setting as SHOW prints it; empty where this server has no such setting."""
        return str(await self.value("select coalesce(current_setting($1, true), '')", name))

    async def plan(self, query: str, index: str = "") -> str:
        """The plan of a statement with parameters, as EXPLAIN's JSON; nothing is run, so the parameters need no values.

        `index` is a CREATE INDEX statement that hypopg is asked to imagine first.

        Raises:
            Unobservable: it is no query, or the server can't say.
        """
        async with self._lock:
            connection = await self._open()
            try:
                async with asyncio.timeout(STATEMENT_TIMEOUT_SECONDS + 1), connection.transaction(readonly=True):
                    return await _explained(connection, query, index)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                raise Unobservable(f"PostgreSQL would not plan it: {_words(error)}", _remedy(error)) from error

    async def at_login(self) -> Mapping[str, str]:
        """Settings as a program of this role finds them: asked in a short session without this one's own limits.

        Raises:
            Unobservable: no connection, or no answer in time.
        """
        async with self._lock:
            if self._at_login is None:
                self._at_login = await self._log_in()
            return self._at_login

    async def encrypted(self) -> str:
        """Protocol and cipher of this connection, as this side of it knows them; empty where it is plain."""
        async with self._lock:
            connection = await self._open()
            # no public way leads to it, and pg_stat_ssl speaks of a pooler's connection where one stands between
            transport = connection._transport  # type: ignore[attr-defined]  # noqa: SLF001 - see above
            tls = transport.get_extra_info("ssl_object")
            return f"{tls.version()}, {tls.cipher()[0]}" if tls is not None else ""

    def forget(self) -> None:
        """Ask again from now on: for what a check watches change."""
        self._kept.clear()

    async def aclose(self) -> None:
        """End the session."""
        if self._connection is not None:
            try:
                await self._connection.close(timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError):
                self._connection.terminate()
            self._connection = None

    async def _fetch(self, sql: str, args: tuple[object, ...]) -> Sequence[Row]:
        connection = await self._open()
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_SECONDS + 1), connection.transaction(readonly=True):
                cursor = await connection.cursor(sql, *args)
                return [dict(row) for row in await cursor.fetch(ROWS_LIMIT)]
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise Unobservable(f"PostgreSQL would not say: {_words(error)}", _remedy(error)) from error

    async def _log_in(self) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS * 2):
                connection = await metered.connect(
                    self.dsn,
                    timeout=CONNECT_TIMEOUT_SECONDS,
                    command_timeout=STATEMENT_TIMEOUT_SECONDS,
                    statement_cache_size=0,
                    server_settings={"application_name": APPLICATION_NAME, "default_transaction_read_only": "on"},
                )
                try:
                    rows = await connection.fetch("select name, setting from pg_settings")
                finally:
                    await connection.close(timeout=2)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
            raise Unobservable(f"PostgreSQL at {self.address} was not reached: {_words(error)}") from error
        return {str(row["name"]): str(row["setting"]) for row in rows}

    async def _open(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._failure is not None:
            raise self._failure
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await metered.connect(
                    self.dsn,
                    timeout=CONNECT_TIMEOUT_SECONDS,
                    command_timeout=STATEMENT_TIMEOUT_SECONDS + 1,
                    statement_cache_size=0,  # a transaction pooler in between loses prepared statements
                    server_settings=SESSION,
                )
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
                kind = Refused if isinstance(error, ConnectionRefusedError) else Unobservable
                self._failure = kind(
                    f"PostgreSQL at {self.address} was not reached: {_words(error)}",
                    "start it, or mend [postgres] dsn",
                )
                raise self._failure from error
        return self._connection


async def _explained(connection: asyncpg.Connection[asyncpg.Record], query: str, index: str) -> str:
    if not _QUERY.match(query):
        raise Unobservable("only a query is planned")
    if index:
        await connection.fetch("select hypopg_create_index($1)", index)
    try:
        # explain (generic_plan) would do from 16 on, but not by a protocol that binds the parameters
        await connection.fetch("set local plan_cache_mode = force_generic_plan")
        await connection.fetch(f"prepare roadworthy as {query}")
        try:
            count = max(map(int, re.findall(r"\$(\d+)", query)), default=0)
            given = f"({', '.join(['null'] * count)})" if count else ""
            return str((await connection.fetch(f"explain (format json, verbose) execute roadworthy{given}"))[0][0])
        finally:
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.fetch("deallocate roadworthy")
    finally:
        if index:
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.fetch("select hypopg_reset()")


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _remedy(error: Exception) -> str:
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return ""
    denied = _DENIED.search(str(error))
    if denied is None:
        return "grant pg_monitor to the role that inspects"
    kind = "" if denied[1] in {"table", "view"} else f"{denied[1]} "
    return f"grant {_RIGHTS[denied[1]]} on {kind}{denied[2]} to the role that inspects"

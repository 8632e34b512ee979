"""Looks into Redis or Valkey: INFO, CONFIG GET, PING, and a bounded sample of keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.observation import CONNECTIONS
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.limited import limited_pool

TIMEOUT_SECONDS = 3.0
SCAN_ROUNDS = 40
SCAN_COUNT = 250


class RedisProbe:
    """The shared memory as the application's user sees it. Nothing is written; key names are counted, never shown."""

    def __init__(self, url: str) -> None:
        """Take the application's own URL; it is opened at the first question."""
        self.url = url
        self._client: Redis | None = None
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._failure: Unobservable | None = None

    @property
    def address(self) -> str:
        """Host, port and database, without the password."""
        parts = addresses.parse(self.url)
        if not parts.host:
            return parts.path
        return f"{parts.host}{f':{parts.port}' if parts.port else ''}{parts.path}"

    @property
    def password(self) -> str | None:
        """The password in the URL, as the server is told it."""
        word = addresses.parse(self.url).password
        return word or None

    @property
    def vantage(self) -> str:
        """From where the answers were seen."""
        return f"Redis protocol client, {self.address}"

    async def ping(self) -> bool:
        """Whether it answers PING."""
        return bool(await self._ask("PING"))

    async def info(self, section: str) -> Mapping[str, Any]:
        """One section of INFO, numbers as numbers."""
        answer = await self._ask("INFO", section)
        return answer if isinstance(answer, dict) else {}

    async def config(self, name: str) -> str | None:
        """A setting of the server; None where it will not say (CONFIG is off on most managed servers)."""
        try:
            answer = await self._ask("CONFIG GET", name)
        except Unobservable as refusal:
            if isinstance(refusal.__cause__, ResponseError):
                return None
            raise
        return str(answer[name]) if isinstance(answer, dict) and name in answer else None

    async def keys(self) -> frozenset[bytes] | None:
        """Names of all keys; None where there are more than can be looked through politely."""
        names: set[bytes] = set()
        cursor = 0
        for _ in range(SCAN_ROUNDS):
            cursor, found = await self._ask("SCAN", cursor, "COUNT", SCAN_COUNT)
            names.update(found)
            if int(cursor) == 0:
                return frozenset(names)
        return None

    async def clients(self) -> Sequence[Mapping[str, str]]:
        """Connections as CLIENT LIST shows them: name, age and idle in seconds, cmd, lib-name. Addresses stay here.

        Raises:
            Unobservable: the server does not say, as most managed ones don't.
        """
        answer = await self._ask("CLIENT LIST")
        rows = answer if isinstance(answer, list) else []
        return [{str(key): str(value) for key, value in row.items()} for row in rows if isinstance(row, dict)]

    async def ttl(self, key: bytes) -> int:
        """Seconds left for a key; -1: it never expires; -2: it is gone."""
        return int(await self._ask("TTL", key))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, *command: Any) -> Any:
        if self._failure is not None:
            raise self._failure
        try:
            async with self._connections, asyncio.timeout(TIMEOUT_SECONDS):
                return await self._open().execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        except (RedisError, OSError, TimeoutError, ValueError, RecursionError) as error:
            words = str(error) or type(error).__name__
            kind = Refused if isinstance(error.__cause__ or error.__context__, ConnectionRefusedError) else Unobservable
            refusal = kind(f"{command[0]} at {self.address}: {words}", "start it, or mend [redis] url")
            if not isinstance(error, ResponseError):
                self._failure = refusal
            raise refusal from error

    def _open(self) -> Redis:
        if self._client is None:
            pool = limited_pool(
                self.url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                max_connections=CONNECTIONS,
            )
            self._client = Redis.from_pool(pool)
        return self._client

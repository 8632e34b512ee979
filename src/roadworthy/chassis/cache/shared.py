"""The shared tier: memory of the Redis protocol that all processes see, and that the service can do without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TypeVar

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError, ResponseError

from roadworthy.chassis.cache.clients import client_of, parsed
from roadworthy.chassis.errors import RoadworthyError
from roadworthy.chassis.telemetry import tracing

T = TypeVar("T")

REDIS = {"db.system.name": "redis"}

COMMAND_TIMEOUT_SECONDS = 0.5
DOWN_SECONDS = 1.0
CONNECTIONS = 16
# Answers of a server that is there and can't serve now.
UNABLE = ("LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "OOM")


class SharedTierDown(RoadworthyError):
    """The shared tier does not answer; the service goes on with what each process keeps."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class SharedTier:
    """A client with short timeouts that remembers for a moment that the server was gone.

    While it is remembered as down, calls fail at once: a thousand requests must not each wait for a timeout.
    """

    def __init__(
        self,
        url: str,
        *,
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
        down_seconds: float = DOWN_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        """Take `url`; nothing is connected yet.

        `redis://` (`rediss://` with TLS, `unix://`) for one server, `redis+sentinel://host:port,host:port/service`
        for one watched by Sentinel, `redis+cluster://host:port,host:port` for a cluster.

        Raises:
            ValueError: the URL is none of these.
        """
        self.client: Redis = client_of(url, command_timeout_seconds=command_timeout_seconds, connections=connections)
        servers = parsed(url)
        self.is_cluster = servers is not None and servers.kind == "cluster"
        """Whether the keys of one script must lie in one slot: the same text in braces sees to that."""
        # A client of many servers may ask several in turn, each with a timeout of its own.
        self._patience_seconds = None if servers is None else command_timeout_seconds * 2
        self._down_seconds = down_seconds
        self._down_until = 0.0
        self.outages = 0
        """How often it was found gone."""

    @property
    def down(self) -> bool:
        """Whether it was found gone within the last moment; costs a look at the clock."""
        return time.monotonic() < self._down_until

    def script(self, text: str) -> AsyncScript:
        """A Lua script, sent when the server does not know it yet; `run` what a call of it returns."""
        return self.client.register_script(text)

    async def run(self, command: Awaitable[T]) -> T:
        """Await one command or pipeline of `client`.

        Raises:
            SharedTierDown: no answer in time, or none expected. An error of the command itself stays a RedisError.
        """
        if self.down:
            _discard(command)
            raise SharedTierDown
        try:
            with tracing.inner_span("shared tier", REDIS):
                if self._patience_seconds is None:
                    return await command
                async with asyncio.timeout(self._patience_seconds):
                    return await command
        except ResponseError as error:
            if not str(error).startswith(UNABLE):
                raise
            raise self._went_down(error) from error
        except (RedisError, OSError, TimeoutError) as error:
            raise self._went_down(error) from error

    async def ping(self) -> None:
        """Ask for a sign of life now, whatever is remembered.

        Raises:
            SharedTierDown: there was none.
        """
        self._down_until = 0.0
        await self.run(self.client.ping())

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        watching = getattr(self.client.connection_pool, "sentinel_manager", None) if not self.is_cluster else None
        if watching is not None:
            await watching.aclose()

    def _went_down(self, error: Exception) -> SharedTierDown:
        self._down_until = time.monotonic() + self._down_seconds
        self.outages += 1
        return SharedTierDown(type(error).__name__)


def _discard(command: Awaitable[object]) -> None:
    if asyncio.iscoroutine(command):
        command.close()

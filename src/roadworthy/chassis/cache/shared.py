"""The shared tier: one Redis-protocol server that all processes see, and that the service can do without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from roadworthy.chassis.errors import RoadworthyError

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 0.5
COMMAND_TIMEOUT_SECONDS = 0.5
DOWN_SECONDS = 1.0
CONNECTIONS = 16


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
        """Take `url` (redis://, rediss:// or unix://); nothing is connected yet."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=command_timeout_seconds,
            socket_timeout=command_timeout_seconds,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
            # One retry, and only for a connection found dead: a command that timed out may have been carried out.
            retry_on_error=[RedisConnectionError],
        )
        self.client: Redis = Redis.from_pool(pool)  # closes the pool with it
        self._down_seconds = down_seconds
        self._down_until = 0.0

    @property
    def down(self) -> bool:
        """Whether it was found gone within the last moment; costs a look at the clock."""
        return time.monotonic() < self._down_until

    async def run(self, command: Awaitable[T]) -> T:
        """Await one command or pipeline of `client`.

        Raises:
            SharedTierDown: no answer in time, or none expected. An error of the command itself stays a RedisError.
        """
        if self.down:
            _discard(command)
            raise SharedTierDown
        try:
            return await command
        except ResponseError as error:
            if not str(error).startswith(("LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "OOM")):
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

    def _went_down(self, error: Exception) -> SharedTierDown:
        self._down_until = time.monotonic() + self._down_seconds
        return SharedTierDown(type(error).__name__)


def _discard(command: Awaitable[object]) -> None:
    if asyncio.iscoroutine(command):
        command.close()

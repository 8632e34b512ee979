import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.reference.config import get_settings

logger = logging.getLogger(__name__)
settings = get_settings()
Endpoint = Callable[..., Awaitable[Any]]


class MemoryCache:
    """The fallback when Redis is unavailable: this process only, at most 10,000 entries."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, bytes]] = {}

    def get(self, key: str) -> bytes | None:
        """The entry, unless it has expired."""
        expires_at, value = self._entries.get(key, (0.0, b""))
        return value if expires_at > time.monotonic() else None

    def set(self, key: str, value: bytes, ttl: int) -> None:
        """Keep the entry for ttl seconds."""
        if len(self._entries) >= 10_000:
            self._entries.clear()
        self._entries[key] = (time.monotonic() + ttl, value)


redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1)
memory = MemoryCache()


async def cache_get(key: str) -> bytes | None:
    """From Redis, else from memory."""
    try:
        return await redis.get(key)
    except RedisError as error:
        logger.warning("cache: %s", error)
        return memory.get(key)


async def cache_set(key: str, value: bytes, ttl: int) -> None:
    """Into Redis, else into memory."""
    try:
        await redis.set(key, value, ex=ttl)
    except RedisError as error:
        logger.warning("cache: %s", error)
        memory.set(key, value, ttl)


def cache_result(model: type[BaseModel], ttl: int = settings.cache_ttl_seconds) -> Callable[[Endpoint], Endpoint]:
    """Cache an endpoint's answer as JSON bytes, so that a hit is neither validated nor serialised again.

    With REDIS_ENABLED=false the endpoint is returned as it is, and costs nothing.
    """

    def decorate(endpoint: Endpoint) -> Endpoint:
        if not settings.redis_enabled:
            return endpoint

        @functools.wraps(endpoint)
        async def cached(**arguments: Any) -> Response:
            key = cache_key(endpoint.__name__, arguments)
            body = await cache_get(key)
            if body is None:
                answer = model.model_validate(await endpoint(**arguments))
                body = answer.model_dump_json().encode()
                await cache_set(key, body, ttl)
            return Response(body, media_type="application/json")

        return cached

    return decorate


def cache_key(name: str, arguments: dict[str, Any]) -> str:
    """The endpoint and every parameter that shapes its answer."""
    parts = (
        value.model_dump_json(exclude_none=True) if isinstance(value, BaseModel) else str(value)
        for argument, value in sorted(arguments.items())
        if argument != "session"
    )
    return f"{name}:{'|'.join(parts)}"

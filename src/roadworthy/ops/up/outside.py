"""Servers that are the user's own: asked before anything of ours is started."""

from __future__ import annotations

import asyncpg
import redis

from roadworthy.chassis.database.unreachable import FAILURES, unreachable
from roadworthy.chassis.settings import Settings

ANSWER_TIMEOUT_SECONDS = 5.0


async def check_database(dsn: str) -> None:
    """Connect to `dsn` once.

    Raises:
        StartupError: it can't be used; with what to do.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_TIMEOUT_SECONDS)
    except (*FAILURES, ValueError) as error:
        raise unreachable(dsn, error) from error
    await connection.close(timeout=ANSWER_TIMEOUT_SECONDS)


def shared_tier_problem(settings: Settings) -> str | None:
    """Why the user's own Redis can't be used, in a sentence; None if it answers, or is none of the user's."""
    if settings.redis_dsn is None:
        return None
    try:
        with redis.Redis.from_url(
            settings.redis_dsn,
            socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
            socket_timeout=ANSWER_TIMEOUT_SECONDS,
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return f"REDIS_URL can't be used ({error}): each process keeps its own limits and cache until it can"
    return None

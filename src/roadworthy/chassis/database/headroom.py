"""Whether the server has the connections that all processes together may ask for: told at start, not at the peak."""

from __future__ import annotations

import asyncpg

from roadworthy.chassis.database.pool import CONNECT_TIMEOUT_SECONDS
from roadworthy.chassis.database.unreachable import FAILURES, unreachable
from roadworthy.chassis.settings import Settings

LISTENERS = 1
# -1 is "no limit" for a role and a database; reserved_connections came with PostgreSQL 16.
ALLOWED = """
    select least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
    )
"""


async def headroom_problem(settings: Settings, processes: int) -> str | None:
    """In a sentence, that `processes` with full pools need more connections than the server allows; None: they fit.

    Raises:
        StartupError: the database does not answer; with what to do.
    """
    if settings.behind_pooler or settings.database_dsn is None:
        return None  # a pooler's limits are its own
    try:
        connection = await asyncpg.connect(settings.database_dsn, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            allowed: int = await connection.fetchval(ALLOWED, timeout=CONNECT_TIMEOUT_SECONDS)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
    except (*FAILURES, ValueError) as error:
        raise unreachable(settings.database_dsn, error) from error
    wanted = processes * (settings.database_pool_size + LISTENERS)
    if wanted <= allowed:
        return None
    return (
        f"{processes} web processes with {settings.database_pool_size} connections each, and one to hear of changes, "
        f"may ask for {wanted}, and the database allows {allowed}: "
        "lower DATABASE_POOL_SIZE or WORKERS, raise max_connections, or use PgBouncer"
    )

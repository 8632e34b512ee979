"""Why a database can't be used, and what to do about it."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from roadworthy.chassis.errors import StartupError

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


def unreachable(dsn: str, error: Exception) -> StartupError:
    """Words for `error`, which connecting to `dsn` raised; the password stays out of them."""
    place, database = _place(dsn)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return StartupError(
            f"there is no database {database!r} on {place}", f"createdb {database}, or mend DATABASE_URL"
        )
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return StartupError(f"the database on {place} refuses this user: {error}", "mend DATABASE_URL")
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return StartupError(
            f"the database on {place} has no connections left",
            "lower DATABASE_POOL_SIZE or WORKERS, or raise max_connections there",
        )
    if isinstance(error, asyncpg.CannotConnectNowError):
        return StartupError(f"the database on {place} is starting or stopping", "try again in a moment")
    if isinstance(error, (asyncpg.InterfaceError, ValueError)):
        return StartupError(
            f"DATABASE_URL can't be understood: {error}", "write it as postgresql://user:password@host:5432/name"
        )
    reason = str(error) or "no answer in time"
    return StartupError(
        f"the database on {place} can't be reached: {reason}",
        "start it and mend DATABASE_URL, or leave DATABASE_URL empty for the embedded one",
    )


def _place(dsn: str) -> tuple[str, str]:
    try:
        parts = urlsplit(dsn)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}", parts.path.lstrip("/")
    except ValueError:
        return "the given address", ""

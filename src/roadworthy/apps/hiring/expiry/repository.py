"""Closes vacancies whose time is over."""

from __future__ import annotations

from roadworthy.chassis.database.pool import Database

CLOSE_MAX = 1_000
# Rows that somebody else is writing wait for the next run; an index leads to the due ones.
CLOSE = """
update hiring.jobs set is_active = false where id in (
    select id from hiring.jobs where is_active and expires_at <= now()
    order by expires_at limit $1 for update skip locked
)
"""


class ExpiryRepository:
    """Writes that jobs are closed."""

    def __init__(self, database: Database) -> None:
        """Take the pool to write to."""
        self._database = database

    async def close_due(self) -> int:
        """Close the jobs whose end has come, `CLOSE_MAX` at most; returns how many."""
        return int((await self._database.execute(CLOSE, CLOSE_MAX)).removeprefix("UPDATE "))

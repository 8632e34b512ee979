"""Counts of jobs, bounded in rows and in time."""

from __future__ import annotations

from functools import cache

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.domain import COUNT_MAX
from roadworthy.apps.hiring.jobs.domain import JobFilter
from roadworthy.apps.hiring.jobs.repository import CONDITIONS, DERIVED, Shape, shape_of
from roadworthy.chassis.database.pool import Database, StatementTimeout

# A few filters that no index leads take 150 ms to count 200,000 rows through; nobody waits that long for a number.
COUNT_TIMEOUT_MS = 60
BY_STATE = "select state_id, count(*) from hiring.jobs where is_active group by state_id"
INDUSTRIES_MAX = 50
INDUSTRIES = """
select industry from hiring.companies where is_active group by industry order by count(*) desc, industry limit $1
"""
COMPANIES_HIRING = "select count(*) from hiring.companies where is_active"


@cache
def count_statement(shape: Shape) -> str:
    """A statement that counts what filters of this `shape` find, up to one more than COUNT_MAX."""
    return f"select count(*) from (select from {filtered(shape)} limit {COUNT_MAX + 1}) found"  # noqa: S608  # only constants


def filtered(shape: Shape) -> str:
    """What follows `from` to read the active jobs `j` of one filter of this `shape`: a parameter a column of it."""
    columns = [column.split() for name in shape for column in CONDITIONS[name].types]
    given = ", ".join(f"${n}::{type_} as {name}" for n, (name, type_) in enumerate(columns, 1))
    where = " and ".join(("j.is_active", *(CONDITIONS[name].sql for name in shape)))
    derived = "".join(f", {DERIVED[name]}" for name in shape if name in DERIVED)
    source = f"(select *{derived} from (select {given}) g) f, hiring.jobs j" if given else "hiring.jobs j"  # noqa: S608  # only constants of this and the jobs' repository
    return f"{source} where {where}"


class BrowsingRepository:
    """Counts what the board's lists hold."""

    def __init__(self, database: Database) -> None:
        """Take the pool to read from."""
        self._database = database

    async def count(self, audience: Audience, wanted: JobFilter) -> int | None:
        """How many active jobs `wanted` describes, COUNT_MAX + 1 at most; None when counting would take too long."""
        del audience
        shape = shape_of(wanted)
        values = [value for name in shape for value in CONDITIONS[name].values(wanted)]
        try:
            async with self._database.transaction() as connection:
                # A plan for these words and this place: one for any words would never dare to use the index.
                await connection.execute(
                    f"set local statement_timeout = {COUNT_TIMEOUT_MS}; set local plan_cache_mode = force_custom_plan"
                )
                counted: int = await connection.fetchval(count_statement(shape), *values)
        except StatementTimeout:
            return None
        return counted

    async def by_state(self, audience: Audience) -> dict[int, int]:
        """Active jobs by the id of their state (35 ms for 200,000, from an index)."""
        del audience
        return {row[0]: row[1] for row in await self._database.fetch(BY_STATE)}

    async def companies(self, audience: Audience) -> int:
        """How many companies are on the board."""
        del audience
        return int(await self._database.fetchval(COMPANIES_HIRING))

    async def industries(self, audience: Audience) -> list[str]:
        """Kinds of companies, the most common first, INDUSTRIES_MAX at most."""
        del audience
        return [row[0] for row in await self._database.fetch(INDUSTRIES, INDUSTRIES_MAX)]

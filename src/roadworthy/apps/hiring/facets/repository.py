"""Counts of jobs by the values of filters, bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple, get_args

import asyncpg

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.repository import filtered
from roadworthy.apps.hiring.facets.domain import UNCOUNTED, Facets, StateCount
from roadworthy.apps.hiring.jobs.domain import EmploymentType, ExperienceLevel, JobFilter
from roadworthy.apps.hiring.jobs.repository import CONDITIONS, Shape, shape_of
from roadworthy.apps.hiring.jobs.service import POSTED
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.database.pool import Database, StatementTimeout
from roadworthy.chassis.errors import Overloaded

# 200,000 jobs take 95 ms, the commonest word among them 200. Of two million jobs most searches are not counted.
COUNT_TIMEOUT_MS = 800
# A process counts for one search at a time: two would keep lists from the processor.
AT_ONCE = 1
WAITING_MAX = 8
PAY_STEPS = {"hour": (20, 25, 30, 40), "year": (50_000, 75_000, 100_000, 150_000)}


class TooManyCounts(Overloaded):
    """More searches wait to be counted than there is time for; try again in a moment."""


class Count(NamedTuple):
    """One number: of which facet, of which value, and what must hold of a job. Only constants go into SQL text."""

    facet: str
    value: str
    sql: str


def _counts() -> Iterable[Count]:
    for value in get_args(EmploymentType):
        yield Count("employment_type", value, f"j.employment_type = '{value}'")
    for value in get_args(ExperienceLevel):
        yield Count("experience", value, f"j.experience_level = '{value}'")
    yield Count("remote", "true", "j.is_remote")
    for value, age in POSTED.items():
        yield Count("posted", value, f"j.created_at >= now() - interval '{age.days} days'")
    for period, steps in PAY_STEPS.items():
        for step in steps:
            pays = f"coalesce(j.salary_max, j.salary_min) >= {step}"
            yield Count(f"pay {period}", str(step), f"j.salary_period = '{period}' and {pays}")


COUNTS = tuple(_counts())


@cache
def facets_statement(shape: Shape) -> str:
    """A statement that counts what filters of this `shape` find: a row a state, all jobs of it first, then COUNTS."""
    counts = ", ".join(f"count(*) filter (where {count.sql})" for count in COUNTS)
    return f"select j.state_id, count(*), {counts} from {filtered(shape)} group by j.state_id"  # noqa: S608  # constants


class FacetRepository:
    """Counts jobs by the values of filters."""

    def __init__(self, database: Database, places: Places) -> None:
        """Take the pool to read from, and the places that rows refer to."""
        self._database = database
        self._places = places
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked = 0

    async def facets(self, audience: Audience, wanted: JobFilter) -> Facets:
        """Active jobs that `wanted` describes; not counted where that would take too long.

        Raises:
            TooManyCounts: the line is full.
        """
        del audience
        if self._asked >= AT_ONCE + WAITING_MAX:
            raise TooManyCounts
        self._asked += 1
        try:
            return await self._counted(wanted)
        finally:
            self._asked -= 1

    async def _counted(self, wanted: JobFilter) -> Facets:
        shape = shape_of(wanted)
        values = [value for name in shape for value in CONDITIONS[name].values(wanted)]
        try:
            async with self._turns, self._database.transaction() as connection:
                await connection.execute(
                    f"set local statement_timeout = {COUNT_TIMEOUT_MS}; set local plan_cache_mode = force_custom_plan"
                )
                rows = await connection.fetch(facets_statement(shape), *values)
        except StatementTimeout:
            return UNCOUNTED
        return await self._places.known(lambda places: _facets(rows, places))


def _facets(rows: Sequence[asyncpg.Record], places: Gazetteer) -> Facets:
    sums = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)] or [0] * (1 + len(COUNTS))
    facets: dict[str, dict[str, int]] = {}
    for count, number in zip(COUNTS, sums[1:], strict=True):
        facets.setdefault(count.facet, {})[count.value] = number
    states = [StateCount(places.states[row[0]], row[1]) for row in rows]
    return Facets(
        counted=True,
        jobs=sums[0],
        employment_type=facets["employment_type"],
        experience=facets["experience"],
        remote=facets["remote"],
        posted=facets["posted"],
        salary_min={period: facets[f"pay {period}"] for period in PAY_STEPS},
        states=sorted(states, key=lambda each: (-each.jobs, each.state.name)),
    )

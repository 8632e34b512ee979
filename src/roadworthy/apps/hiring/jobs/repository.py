"""Jobs as the database holds them. Reads that happen at once share a query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import asyncpg

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.domain import CompanySummary
from roadworthy.apps.hiring.jobs.domain import Job, JobFilter, JobSummary
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.database.coalesce import Lookup
from roadworthy.chassis.database.pool import Database

COMPANY = "c.id, c.name, c.slug, c.industry, c.size, c.rating::float8"
# Only constants of this module are ever put into SQL text; every value is a parameter.
BY_ID = f"""
select j.id, j.title, j.description, j.employment_type, j.experience_level, j.salary_min, j.salary_max,
       j.salary_period, j.is_remote, j.is_active, j.is_featured, j.view_count, j.created_at,
       {COMPANY}, j.city_id, j.state_id
from hiring.jobs j join hiring.companies c on c.id = j.company_id
where j.id = any($1::bigint[])
"""  # noqa: S608  # see above
JOB_COLUMNS, COMPANY_COLUMNS = 13, 6


class Condition(NamedTuple):
    """A filter in SQL: one array parameter for each of its columns, and what must hold between a job and them."""

    sql: str
    types: tuple[str, ...]
    values: Callable[[JobFilter], tuple[Any, ...]]


def _equals(column: str, type_: str, name: str) -> Condition:
    value = attrgetter(name)
    return Condition(f"j.{column} = f.{name}", (f"{name} {type_}",), lambda wanted: (value(wanted),))


def _beyond(name: str, comparison: str) -> Condition:
    position = attrgetter(name)
    return Condition(
        f"(j.is_featured, j.created_at, j.id) {comparison} (f.{name}_featured, f.{name}_created_at, f.{name}_id)",
        (f"{name}_featured boolean", f"{name}_created_at timestamptz", f"{name}_id bigint"),
        lambda wanted: (position(wanted).is_featured, position(wanted).created_at, position(wanted).id),
    )


CONDITIONS: Mapping[str, Condition] = {
    "words": Condition(
        "j.search @@ websearch_to_tsquery('english', f.words)", ("words text",), lambda wanted: (wanted.words,)
    ),
    "state_id": _equals("state_id", "smallint", "state_id"),
    "city_id": _equals("city_id", "integer", "city_id"),
    "company": Condition(
        "j.company_id = (select id from hiring.companies where slug = f.company)",
        ("company text",),
        lambda wanted: (wanted.company,),
    ),
    "experience": _equals("experience_level", "text", "experience"),
    "salary_min": Condition(
        "coalesce(j.salary_max, j.salary_min) >= f.salary_min",
        ("salary_min integer",),
        lambda wanted: (wanted.salary_min,),
    ),
    "salary_period": _equals("salary_period", "text", "salary_period"),
    "remote": _equals("is_remote", "boolean", "remote"),
    "featured": _equals("is_featured", "boolean", "featured"),
    "after": _beyond("after", "<"),
    "before": _beyond("before", ">"),
}

Shape = tuple[str, ...]


@cache
def list_statement(shape: Shape) -> str:
    """One statement that answers every filter of this `shape`: a row of parameters each."""
    columns = [column for name in shape for column in CONDITIONS[name].types]
    names = ", ".join(column.split()[0] for column in (*columns, "size"))
    arrays = ", ".join(f"${n}::{column.split()[1]}[]" for n, column in enumerate((*columns, "size integer"), 1))
    where = " and ".join(("j.is_active", *(CONDITIONS[name].sql for name in shape)))
    # What stands directly before a position is found by walking away from it, and turned round outside.
    way = "asc" if "before" in shape else "desc"
    return f"""
select f.n, j.id, j.title, j.employment_type, j.experience_level, j.salary_min, j.salary_max,
       j.salary_period, j.is_remote, j.is_featured, j.view_count, j.created_at,
       {COMPANY}, j.city_id, j.state_id
from unnest({arrays}) with ordinality as f({names}, n)
cross join lateral (
    select * from hiring.jobs j where {where}
    order by j.is_featured {way}, j.created_at {way}, j.id {way} limit f.size
) j
join hiring.companies c on c.id = j.company_id
order by f.n, j.is_featured desc, j.created_at desc, j.id desc
"""  # noqa: S608  # see above


class JobRepository:
    """Reads jobs. Each read gathers with those of the same audience that happen at the same time."""

    def __init__(self, database: Database, places: Places) -> None:
        """Take the pool to read from, and the places that rows refer to."""
        self._database = database
        self._places = places
        self._by_id: Lookup[Audience, int, Job] = Lookup(self._load_jobs)
        self._lists: Lookup[tuple[Audience, Shape], JobFilter, list[JobSummary]] = Lookup(
            self._load_lists, batch_limit=32
        )

    def job(self, audience: Audience, job_id: int) -> Awaitable[Job | None]:
        """The job, active or not."""
        return self._by_id.get(audience, job_id)

    def jobs(self, audience: Audience, wanted: JobFilter) -> Awaitable[list[JobSummary] | None]:
        """Active jobs that `wanted` describes, in the order of every list."""
        shape = tuple(name for name in CONDITIONS if getattr(wanted, name) is not None)
        return self._lists.get((audience, shape), wanted)

    async def _load_jobs(self, audience: Audience, ids: Sequence[int]) -> dict[int, Job]:
        del audience
        rows = await self._database.fetch(BY_ID, ids)
        places = await self._places.current()
        return {row[0]: _job(row, places) for row in rows}

    async def _load_lists(
        self, group: tuple[Audience, Shape], filters: Sequence[JobFilter]
    ) -> dict[JobFilter, list[JobSummary]]:
        _, shape = group
        arguments = [(*(v for name in shape for v in CONDITIONS[name].values(f)), f.limit) for f in filters]
        rows = await self._database.fetch(list_statement(shape), *map(list, zip(*arguments, strict=True)))
        places = await self._places.current()
        found: dict[JobFilter, list[JobSummary]] = {wanted: [] for wanted in filters}
        for number, group_rows in groupby(rows, itemgetter(0)):
            found[filters[number - 1]] = [_summary(row, places) for row in group_rows]
        return found


def _job(row: asyncpg.Record, places: Gazetteer) -> Job:
    return Job(*row[:13], CompanySummary(*row[13:19]), places.cities[row[19]], places.states[row[20]])  # type: ignore[call-arg]  # mypy can't count the columns of a record


def _summary(row: asyncpg.Record, places: Gazetteer) -> JobSummary:
    return JobSummary(*row[1:12], CompanySummary(*row[12:18]), places.cities[row[18]], places.states[row[19]])  # type: ignore[call-arg]  # see above

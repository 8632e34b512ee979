"""Jobs as the database holds them. Reads that happen at once share a query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import asyncpg
from msgspec import structs

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.domain import CompanySummary
from roadworthy.apps.hiring.jobs.domain import Job, JobFilter, JobSummary
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.database.coalesce import Lookup
from roadworthy.chassis.database.replicas import Reads

# Only constants of this module are ever put into SQL text; every value is a parameter.
SUMMARY = """j.id, j.title, j.employment_type, j.experience_level, j.salary_min, j.salary_max,
       j.salary_period, j.is_remote, j.is_featured, j.view_count, j.created_at"""
COMPANY = "c.id, c.name, c.slug, c.industry, c.size, c.rating::float8"
# `offset 0` is a fence: without it the planner hashes all companies once it believes that a batch is large, which
# costs ten times as much as looking up the few dozen that the batch names.
WITH_COMPANY = "cross join lateral (select * from hiring.companies c where c.id = j.company_id offset 0) c"
# Whoever asks for a job hears to the second that its time is over; a task closes it for the lists.
OPEN = "j.is_active and (j.expires_at is null or j.expires_at > now())"
BY_ID = f"""
select j.id, j.title, j.description, j.employment_type, j.experience_level, j.salary_min, j.salary_max,
       j.salary_period, j.is_remote, {OPEN}, j.is_featured, j.view_count, j.created_at, j.expires_at,
       {COMPANY}, j.city_id, j.state_id
from hiring.jobs j {WITH_COMPANY}
where j.id = any($1::bigint[])
"""  # noqa: S608  # see above
# How many jobs are looked at in order for words before the word index is asked instead. A word in 1.4 % of all jobs
# costs the same either way, 3 ms; a common one is found within 0.3 ms where the index would take 60.
WALK_LIMIT = 1_500
RARE_WORDS_KEPT = 4_096
STATEMENTS_KEPT = 1_024


class Plan(StrEnum):
    """How a list is read."""

    IN_ORDER = "in order"
    """Along an index that has the order of the list, until the page is full."""
    WALK = "walk"
    """The same, looking for words, over `WALK_LIMIT` jobs at most."""
    BY_WORDS = "by words"
    """Everything that has the words, from the word index, then put in order."""
    NEAR = "near"
    """Along the index of each of several cities, until there are enough of it; then put in order."""


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


WORDS = "words"
# The function behind @@ is what no index can be used for.
HAS_WORDS = "ts_match_vq(j.search, f.query)"
CITIES = "cities"
AFTER_RANK = "after_rank"
AFTER = "after"
CONDITIONS: Mapping[str, Condition] = {
    WORDS: Condition("j.search @@ f.query", ("words text",), lambda wanted: (wanted.words,)),
    "state_id": _equals("state_id", "smallint", "state_id"),
    "city_id": _equals("city_id", "integer", "city_id"),
    CITIES: Condition(
        "j.city_id = any(f.city_ids)", ("cities text",), lambda wanted: (",".join(map(str, wanted.cities or ())),)
    ),
    "company": Condition("j.company_id = f.company_id", ("company text",), lambda wanted: (wanted.company,)),
    "employment_type": _equals("employment_type", "text", "employment_type"),
    "experience": _equals("experience_level", "text", "experience"),
    "salary_min": Condition(
        "coalesce(j.salary_max, j.salary_min) >= f.salary_min",
        ("salary_min integer",),
        lambda wanted: (wanted.salary_min,),
    ),
    "salary_period": _equals("salary_period", "text", "salary_period"),
    "remote": _equals("is_remote", "boolean", "remote"),
    "featured": _equals("is_featured", "boolean", "featured"),
    "posted_since": Condition(
        "j.created_at >= f.posted_since", ("posted_since timestamptz",), lambda wanted: (wanted.posted_since,)
    ),
    AFTER_RANK: Condition("", ("after_rank integer",), lambda wanted: (wanted.after_rank,)),  # for searches alone
    "after": _beyond("after", "<"),
    "before": _beyond("before", ">"),
}
# Worked out once a filter; inside the condition it would be, for every job that is looked at.
DERIVED: Mapping[str, str] = {
    WORDS: "websearch_to_tsquery('english', words) as query",
    CITIES: "string_to_array(cities, ',')::integer[] as city_ids",
    "company": "(select id from hiring.companies where slug = company) as company_id",
}
Shape = tuple[str, ...]


class Group(NamedTuple):
    """Lists that one statement can answer."""

    audience: Audience
    shape: Shape
    plan: Plan


def shape_of(wanted: JobFilter) -> Shape:
    """Which conditions `wanted` sets."""
    return tuple(name for name in CONDITIONS if getattr(wanted, name) is not None)


@lru_cache(STATEMENTS_KEPT)
def list_statement(shape: Shape, plan: Plan) -> str:
    """One statement that answers every filter of this `shape`: parallel arrays of parameters, one entry each."""
    # What stands directly before a position is found by walking away from it, and turned round outside.
    way = "asc" if "before" in shape else "desc"
    order = f"order by j.is_featured {way}, j.created_at {way}, j.id {way}"
    return f"""
select f.n, {SUMMARY}, {COMPANY}, j.city_id, j.state_id
from {filters_of(shape)} f
cross join lateral ({_page(shape, plan, order)} {order} limit f.size) j
{WITH_COMPANY}
order by f.n, j.is_featured desc, j.created_at desc, j.id desc
"""  # noqa: S608  # see above


def filters_of(shape: Shape) -> str:
    """The filters of one statement as a subselect, one a row, numbered by `n`."""
    columns = [column for name in shape for column in CONDITIONS[name].types] + ["size integer"]
    names = ", ".join(column.split()[0] for column in columns)
    # In a subselect the planner does not see how long an array is, and settles for one plan instead of planning anew.
    arrays = ", ".join(f"(select ${n}::{column.split()[1]}[])" for n, column in enumerate(columns, 1))
    found = "".join(f", {DERIVED[name]}" for name in shape if name in DERIVED)
    return f"(select *{found} from unnest({arrays}) with ordinality as g({names}, n) offset 0)"  # noqa: S608  # see above


def _page(shape: Shape, plan: Plan, order: str) -> str:
    conditions = [CONDITIONS[name].sql for name in shape if name not in {WORDS, CITIES}]
    jobs = f"select * from hiring.jobs j where {' and '.join(('j.is_active', *conditions))}"  # noqa: S608  # see above
    if plan is Plan.NEAR:
        words = f" and {HAS_WORDS}" if WORDS in shape else ""
        city = f"{jobs} and j.city_id = near.id{words} {order} limit f.size"
        return f"select j.* from unnest(f.city_ids) near (id) cross join lateral ({city}) j"  # noqa: S608  # see above
    if plan is Plan.WALK:
        return f"select * from ({jobs} {order} limit {WALK_LIMIT}) j where {HAS_WORDS}"  # noqa: S608  # see above
    if plan is Plan.BY_WORDS:
        return f"select * from ({jobs} and {CONDITIONS[WORDS].sql} offset 0) j"  # noqa: S608  # see above
    return jobs


@lru_cache(STATEMENTS_KEPT)
def longer_statement(shape: Shape, limit: int) -> str:
    """Whether more jobs than `limit` meet every condition but the words."""
    conditions = [CONDITIONS[name].sql for name in shape if name != WORDS]
    where = " and ".join(("j.is_active", *conditions))
    return f"""
select f.n, exists (
    select from hiring.jobs j where {where}
    order by j.is_featured desc, j.created_at desc, j.id desc offset {limit}
)
from {filters_of(shape)} f
"""  # noqa: S608  # see above


class JobRepository:
    """Reads jobs. Each read gathers with those of the same audience that happen at the same time."""

    def __init__(self, database: Reads, places: Places) -> None:
        """Take the pool to read from, and the places that rows refer to."""
        self._database = database
        self._places = places
        self._by_id: Lookup[Audience, int, Job] = Lookup(self._load_jobs)
        self._lists: Lookup[Group, JobFilter, list[JobSummary]] = Lookup(self._load_lists, batch_limit=32)
        # Words are dearer than anything else: they get connections of their own, and cheap lists never wait for them.
        self._walks: Lookup[Group, JobFilter, list[JobSummary]] = Lookup(self._load_lists, batch_limit=16)
        self._by_words: Lookup[Group, JobFilter, list[JobSummary]] = Lookup(self._load_lists, batch_limit=4)
        self._long: Lookup[Group, JobFilter, bool] = Lookup(self._load_long, batch_limit=16)
        self._rare: dict[JobFilter, None] = {}

    def job(self, audience: Audience, job_id: int) -> Awaitable[Job | None]:
        """The job, active or not."""
        return self._by_id.get(audience, job_id)

    async def jobs(self, audience: Audience, wanted: JobFilter) -> list[JobSummary]:
        """Active jobs that `wanted` describes, in the order of every list."""
        shape = shape_of(wanted)
        if WORDS in shape and CITIES not in shape:
            return await self._search(audience, shape, wanted)
        plan = Plan.NEAR if CITIES in shape else Plan.IN_ORDER
        return await self._lists.get(Group(audience, shape, plan), wanted) or []

    async def _search(self, audience: Audience, shape: Shape, wanted: JobFilter) -> list[JobSummary]:
        by_words = Group(audience, shape, Plan.BY_WORDS)
        sought = structs.replace(wanted, after=None, before=None, limit=0)
        if sought not in self._rare:
            walk = Group(audience, shape, Plan.WALK)
            found = await self._walks.get(walk, wanted) or []
            if len(found) == wanted.limit or not await self._long.get(walk, wanted):
                return found
            self._remember_rare(sought)
        return await self._by_words.get(by_words, wanted) or []

    def _remember_rare(self, sought: JobFilter) -> None:
        # Only a hint where to look first: either way finds the same jobs.
        if len(self._rare) >= RARE_WORDS_KEPT:
            del self._rare[next(iter(self._rare))]
        self._rare[sought] = None

    async def _load_jobs(self, audience: Audience, ids: Sequence[int]) -> dict[int, Job]:
        del audience
        rows = await self._database.fetch(BY_ID, ids)
        return await self._places.known(lambda places: {row[0]: _job(row, places) for row in rows})

    async def _load_lists(self, group: Group, filters: Sequence[JobFilter]) -> dict[JobFilter, list[JobSummary]]:
        statement = list_statement(group.shape, group.plan)
        rows = await self._database.fetch(statement, *arguments_of(group.shape, filters))
        return await self._places.known(lambda places: _pages(rows, filters, places))

    async def _load_long(self, group: Group, filters: Sequence[JobFilter]) -> dict[JobFilter, bool]:
        rows = await self._database.fetch(
            longer_statement(group.shape, WALK_LIMIT), *arguments_of(group.shape, filters)
        )
        return {filters[number - 1]: goes_on for number, goes_on in rows}


def arguments_of(shape: Shape, filters: Sequence[JobFilter]) -> list[list[Any]]:
    """The parameters of a statement over `filters_of(shape)`: an array a column, an entry a filter."""
    values = [CONDITIONS[name].values for name in shape]
    rows = [[value for take in values for value in take(wanted)] + [wanted.limit] for wanted in filters]
    return [list(column) for column in zip(*rows, strict=True)]


def _pages(
    rows: Sequence[asyncpg.Record], filters: Sequence[JobFilter], places: Gazetteer
) -> dict[JobFilter, list[JobSummary]]:
    pages = groupby(rows, itemgetter(0))
    return {filters[number - 1]: [summary_of(row, places) for row in page] for number, page in pages}


def _job(row: asyncpg.Record, places: Gazetteer) -> Job:
    return Job(*row[:14], CompanySummary(*row[14:20]), places.cities[row[20]], places.states[row[21]])  # type: ignore[call-arg]  # mypy can't count the columns of a record


def summary_of(row: asyncpg.Record, places: Gazetteer) -> JobSummary:
    """The job of a row: its number, SUMMARY, COMPANY, then its city's and its state's id."""
    return JobSummary(*row[1:12], CompanySummary(*row[12:18]), places.cities[row[18]], places.states[row[19]])  # type: ignore[call-arg]  # see above

"""Ranked searches as the database answers them. Searches that happen at once share a query."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import asyncpg
from msgspec import structs

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.jobs.domain import JobFilter
from roadworthy.apps.hiring.jobs.repository import (
    AFTER,
    AFTER_RANK,
    CITIES,
    COMPANY,
    CONDITIONS,
    STATEMENTS_KEPT,
    SUMMARY,
    WITH_COMPANY,
    WORDS,
    Shape,
    arguments_of,
    filters_of,
    longer_statement,
    shape_of,
    summary_of,
)
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.apps.hiring.searching.domain import Found, Rank
from roadworthy.chassis.database.coalesce import Lookup
from roadworthy.chassis.database.replicas import Reads

# Only constants are ever put into SQL text; every value is a parameter.
ORDER = "order by j.is_featured desc, j.created_at desc, j.id desc"
RANKED = "order by rank, is_featured desc, created_at desc, id desc"
HINTS_KEPT = 4_096
# Where a walk of so many jobs fails, fewer than one in 200 match, and a lookup reads 1,000 of 200,000, or 10,000 of two
# million: with 1,500, searches among two million jobs took ten times as long.
WALK_LIMIT = 4_000
TITLE, NAMED, HEAD = (f"ts_filter(j.search, '{{{weights}}}')" for weights in ("a", "a,b", "a,b,c"))
# What is left out (-word) must be missing everywhere, so every rank asks the whole as well.
RANK = f"""case when {TITLE} @@ f.query then {Rank.TITLE:d}
            when {NAMED} @@ f.query then {Rank.COMPANY:d}
            when {HEAD} @@ f.query then {Rank.PLACE:d} else {Rank.TEXT:d} end"""


class Step(StrEnum):
    """How a part of a search is read. A walk goes along an index in order and looks at `WALK_LIMIT` jobs at most."""

    TITLE_WALK = "title walk"
    COMPANY_WALK = "company walk"
    TITLES = "titles"
    """Every job with the words in its title, from their index, then put in order."""
    HEADS = "heads"
    """Every job with the words in title, company and place, but not in the title alone; from their index."""
    TEXT_WALK = "text walk"
    TEXTS = "texts"
    """Every job with the words, some of them in its text only; from the index of all words."""
    WHOLE = "whole"
    """Every rank at once, looking at every job: for lists that are no longer than a walk."""
    NEAR = "near"
    """Every rank at once, looking at every job of several cities."""


# (function, not operator): what must not lead to an index.
WALKED = {
    Step.TITLE_WALK: f"ts_match_vq(j.search, f.query) and ts_match_vq({TITLE}, f.query)",
    Step.COMPANY_WALK: f"ts_match_vq(j.search, f.query) and ts_match_vq({NAMED}, f.query)"
    f" and not ts_match_vq({TITLE}, f.query)",
    Step.TEXT_WALK: f"ts_match_vq(j.search, f.query) and not ts_match_vq({HEAD}, f.query)",
    Step.WHOLE: "ts_match_vq(j.search, f.query)",
}
LOOKED_UP = {
    Step.TITLES: f"{TITLE} @@ f.query and ts_match_vq(j.search, f.query)",
    Step.HEADS: f"{HEAD} @@ f.query and not ts_match_vq({TITLE}, f.query) and ts_match_vq(j.search, f.query)",
    Step.TEXTS: f"j.search @@ f.query and not ts_match_vq({HEAD}, f.query)",
}
CONSTANT = {
    Step.TITLE_WALK: Rank.TITLE,
    Step.TITLES: Rank.TITLE,
    Step.COMPANY_WALK: Rank.COMPANY,
    Step.TEXT_WALK: Rank.TEXT,
    Step.TEXTS: Rank.TEXT,
}
BEYOND = f"(j.rank > f.after_rank or j.rank = f.after_rank and {CONDITIONS[AFTER].sql})"
BATCHES = {Step.TITLE_WALK: 16, Step.COMPANY_WALK: 8, Step.TEXT_WALK: 16}
BATCH = 4


class Group(NamedTuple):
    """Searches that one statement can answer."""

    audience: Audience
    shape: Shape
    step: Step


@lru_cache(STATEMENTS_KEPT)
def search_statement(shape: Shape, step: Step) -> str:
    """One statement that answers one step of every search of this `shape`."""
    page = _in_rank(shape, step) if step in CONSTANT else _over_ranks(shape, step)
    return f"""
select f.n, {SUMMARY}, {COMPANY}, j.city_id, j.state_id, j.rank
from {filters_of(shape)} f
cross join lateral ({page}) j
{WITH_COMPANY}
order by f.n, j.rank, j.is_featured desc, j.created_at desc, j.id desc
"""  # noqa: S608  # see above


def _in_rank(shape: Shape, step: Step) -> str:
    jobs = f"select * from hiring.jobs j where {_conditions(shape)}"  # noqa: S608  # see above
    if step in WALKED:
        source = f"select * from ({jobs} {ORDER} limit {WALK_LIMIT}) j where {WALKED[step]}"  # noqa: S608  # see above
    else:
        source = f"select * from ({_by_words(shape, step)} offset 0) j"  # noqa: S608  # see above
    return f"select {CONSTANT[step]:d} as rank, j.* from ({source}) j {ORDER} limit f.size"  # noqa: S608  # see above


def _over_ranks(shape: Shape, step: Step) -> str:
    jobs = f"select * from hiring.jobs j where {_conditions(shape)}"  # noqa: S608  # see above
    if step is Step.NEAR:
        city = f"{jobs} and j.city_id = near.id and {WALKED[Step.WHOLE]} offset 0"
        source = f"select j.* from unnest(f.city_ids) near (id) cross join lateral ({city}) j"  # noqa: S608  # see above
    elif step is Step.WHOLE:
        source = f"select * from ({jobs} {ORDER} limit {WALK_LIMIT}) j where {WALKED[step]}"  # noqa: S608  # see above
    else:
        source = f"{_by_words(shape, step)} offset 0"
    beyond = f"where {BEYOND}" if AFTER_RANK in shape else ""
    ranked = f"select {RANK} as rank, j.* from ({source}) j offset 0"  # noqa: S608  # see above
    return f"select j.* from ({ranked}) j {beyond} order by j.rank, {ORDER.removeprefix('order by ')} limit f.size"  # noqa: S608  # see above


def _by_words(shape: Shape, step: Step) -> str:
    # The planner does not know how rare the words are. Inside coalesce the other conditions lead it to no index: with
    # two million jobs it read 100,000 of a state and a level to find 2,000 with the word (1.8 s).
    return (
        f"select * from hiring.jobs j where j.is_active and coalesce({_conditions(shape)}, false) and {LOOKED_UP[step]}"  # noqa: S608  # see above
    )


def _conditions(shape: Shape) -> str:
    """Every condition but those of words and of several cities; a position in several ranks is looked at outside."""
    left_out = {WORDS, CITIES, AFTER_RANK} | ({AFTER} if AFTER_RANK in shape else set())
    return " and ".join(("j.is_active", *(CONDITIONS[name].sql for name in shape if name not in left_out)))


class SearchRepository:
    """Finds active jobs by words. Each step of a search gathers with the same step of others at the same time."""

    def __init__(self, database: Reads, places: Places) -> None:
        """Take the pool to read from, and the places that rows refer to."""
        self._database = database
        self._places = places
        # A dear step must not hold up a cheap one.
        self._steps: dict[Step, Lookup[Group, JobFilter, list[Found]]] = {
            step: Lookup(self._load, batch_limit=BATCHES.get(step, BATCH)) for step in Step
        }
        self._long: Lookup[Group, JobFilter, bool] = Lookup(self._load_long, batch_limit=16)
        self._rare: dict[tuple[Step, JobFilter], None] = {}

    async def search(self, audience: Audience, wanted: JobFilter) -> list[Found]:
        """Active jobs that `wanted` describes, the best first; it has words, and with `after` an `after_rank`."""
        if wanted.cities is not None:
            return await self._step(audience, Step.NEAR, wanted)
        found: list[Found] = []
        if wanted.after_rank in {None, Rank.TITLE}:
            found = await self._walk(audience, Step.TITLE_WALK, _in_its_rank(wanted))
            if len(found) == wanted.limit:
                return found
        if not await self._is_long(audience, wanted):
            return await self._step(audience, Step.WHOLE, wanted)
        return await self._look_up(audience, wanted)

    async def _look_up(self, audience: Audience, wanted: JobFilter) -> list[Found]:
        start, found = wanted.after_rank or Rank.TITLE, list[Found]()
        if start == Rank.TITLE:
            found = await self._step(audience, Step.TITLES, _in_its_rank(wanted))
        if start <= Rank.PLACE and len(found) < wanted.limit:
            found += await self._heads(audience, _rest(wanted, found, from_top=start == Rank.TITLE))
        if len(found) < wanted.limit:
            onward = _in_its_rank(_rest(wanted, found, from_top=start != Rank.TEXT))
            text = await self._walk(audience, Step.TEXT_WALK, onward)
            found += text if len(text) == onward.limit else await self._step(audience, Step.TEXTS, onward)
        return found

    async def _heads(self, audience: Audience, wanted: JobFilter) -> list[Found]:
        if wanted.after_rank in {None, Rank.COMPANY}:
            found = await self._walk(audience, Step.COMPANY_WALK, _in_its_rank(wanted))
            if len(found) == wanted.limit:
                return found
        return await self._step(audience, Step.HEADS, wanted)

    async def _walk(self, audience: Audience, step: Step, wanted: JobFilter) -> list[Found]:
        """What a walk finds; nothing, where one lately did not fill its page."""
        sought = (step, structs.replace(wanted, after=None, limit=0))
        if sought in self._rare:
            return []
        found = await self._step(audience, step, wanted)
        if len(found) < wanted.limit:
            # Only a hint where to look first: either way finds the same jobs.
            if len(self._rare) >= HINTS_KEPT:
                del self._rare[next(iter(self._rare))]
            self._rare[sought] = None
        return found

    async def _step(self, audience: Audience, step: Step, wanted: JobFilter) -> list[Found]:
        return await self._steps[step].get(Group(audience, shape_of(wanted), step), wanted) or []

    async def _is_long(self, audience: Audience, wanted: JobFilter) -> bool:
        """Whether there are more jobs than a walk looks at, whatever their words."""
        whole = structs.replace(_from_top(wanted), words=None)
        return await self._long.get(Group(audience, shape_of(whole), Step.WHOLE), whole) or False

    async def _load(self, group: Group, filters: Sequence[JobFilter]) -> dict[JobFilter, list[Found]]:
        statement = search_statement(group.shape, group.step)
        rows = await self._database.fetch(statement, *arguments_of(group.shape, filters))
        return await self._places.known(lambda places: _pages(rows, filters, places))

    async def _load_long(self, group: Group, filters: Sequence[JobFilter]) -> dict[JobFilter, bool]:
        rows = await self._database.fetch(
            longer_statement(group.shape, WALK_LIMIT), *arguments_of(group.shape, filters)
        )
        return {filters[number - 1]: goes_on for number, goes_on in rows}


def _from_top(wanted: JobFilter) -> JobFilter:
    return structs.replace(wanted, after=None, after_rank=None)


def _in_its_rank(wanted: JobFilter) -> JobFilter:
    return structs.replace(wanted, after_rank=None)


def _rest(wanted: JobFilter, found: Sequence[Found], *, from_top: bool) -> JobFilter:
    """What is left to find after `found`; `from_top`: what `wanted` goes on from is an earlier rank."""
    return structs.replace(_from_top(wanted) if from_top else wanted, limit=wanted.limit - len(found))


def _pages(
    rows: Sequence[asyncpg.Record], filters: Sequence[JobFilter], places: Gazetteer
) -> dict[JobFilter, list[Found]]:
    pages = groupby(rows, itemgetter(0))
    return {
        filters[number - 1]: [Found(row["rank"], summary_of(row, places)) for row in page] for number, page in pages
    }

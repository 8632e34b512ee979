"""Companies as the database holds them. The same question asked several times at once is one query."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

import asyncpg

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.domain import Company, CompanyFilter, CompanyListing
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.database.coalesce import Lookup
from roadworthy.chassis.database.replicas import Reads

# Only constants of this module are ever put into SQL text; every value is a parameter.
OPEN_JOBS = "(select count(*) from hiring.jobs j where j.is_active and j.company_id = c.id)"
LISTED = f"c.id, c.name, c.slug, c.industry, c.size, c.rating::float8, c.review_count, {OPEN_JOBS}"
BY_SLUG = f"""
select {LISTED}, c.description, c.website, c.street, c.postal_code, c.photos, c.created_at, c.city_id
from hiring.companies c
where c.is_active and c.slug = any($1::text[])
"""  # noqa: S608  # see above
# One statement for every filter: five thousand companies are looked through in 3 ms at worst.
LIST = f"""
select {LISTED}, c.city_id
from (
    select * from hiring.companies c
    where c.is_active
      and ($1::text[] is null or c.name ilike all ($1))
      and ($2::integer[] is null or c.city_id = any ($2))
      and ($3::text is null or lower(c.industry) = lower($3))
      and ($4::float8 is null or (coalesce(c.rating, 0), c.id) < ($4::float8::numeric, $5::bigint))
    order by coalesce(c.rating, 0) desc, c.id desc
    limit $6
) c
order by coalesce(c.rating, 0) desc, c.id desc
"""  # noqa: S608  # see above


class CompanyRepository:
    """Reads companies that are active."""

    def __init__(self, database: Reads, places: Places) -> None:
        """Take the pool to read from, and the places that rows refer to."""
        self._database = database
        self._places = places
        self._by_slug: Lookup[Audience, str, Company] = Lookup(self._load_companies)
        self._lists: Lookup[Audience, CompanyFilter, list[CompanyListing]] = Lookup(self._load_list, batch_limit=1)

    def company(self, audience: Audience, slug: str) -> Awaitable[Company | None]:
        """The company with this slug."""
        return self._by_slug.get(audience, slug)

    async def companies(self, audience: Audience, wanted: CompanyFilter) -> list[CompanyListing]:
        """Companies that `wanted` describes, in the order of every list."""
        return await self._lists.get(audience, wanted) or []

    async def _load_companies(self, audience: Audience, slugs: Sequence[str]) -> dict[str, Company]:
        del audience
        rows = await self._database.fetch(BY_SLUG, slugs)
        return await self._places.known(lambda places: {row["slug"]: _company(row, places) for row in rows})

    async def _load_list(
        self, audience: Audience, filters: Sequence[CompanyFilter]
    ) -> dict[CompanyFilter, list[CompanyListing]]:
        del audience
        (wanted,) = filters
        rows = await self._database.fetch(LIST, *_arguments(wanted))
        return await self._places.known(lambda places: {wanted: [_listing(row, places) for row in rows]})


def _company(row: asyncpg.Record, places: Gazetteer) -> Company:
    return Company(*row[:-1], *places.of_city(row[-1]))  # type: ignore[call-arg]  # mypy can't count a record's columns


def _listing(row: asyncpg.Record, places: Gazetteer) -> CompanyListing:
    return CompanyListing(*row[:-1], *places.of_city(row[-1]))  # type: ignore[call-arg]  # see above


def _arguments(wanted: CompanyFilter) -> tuple[Any, ...]:
    patterns = [f"%{_escaped(word)}%" for word in wanted.words] if wanted.words else None
    city_ids = list(wanted.city_ids) if wanted.city_ids is not None else None
    rating, id_ = (wanted.after.rating, wanted.after.id) if wanted.after else (None, None)
    return patterns, city_ids, wanted.industry, rating, id_, wanted.limit


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")

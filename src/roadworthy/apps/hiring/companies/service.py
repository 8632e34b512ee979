"""What visitors do with companies."""

from __future__ import annotations

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.domain import Company, CompanyFilter, CompanyListing, CompanyPosition
from roadworthy.apps.hiring.companies.errors import CompanyNotFound
from roadworthy.apps.hiring.companies.repository import CompanyRepository
from roadworthy.apps.hiring.companies.schemas import CompanyPage, CompanyQuery
from roadworthy.apps.hiring.places.domain import Gazetteer
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.web.paging import Cursor

CURSOR = Cursor(CompanyPosition)


def cursor_at(company: CompanyListing) -> str:
    """The cursor that stands at `company`."""
    return CURSOR.write(CompanyPosition(company.rating or 0.0, company.id))


class CompanyService:
    """The companies on the board, reading."""

    def __init__(self, repository: CompanyRepository, places: Places) -> None:
        """Take where companies are read from, and the places that filters name."""
        self._repository = repository
        self._places = places

    async def company(self, audience: Audience, slug: str) -> Company:
        """One company.

        Raises:
            CompanyNotFound: there is none with this slug, or it is no longer active.
        """
        company = await self._repository.company(audience, slug)
        if company is None:
            raise CompanyNotFound
        return company

    async def companies(self, audience: Audience, query: CompanyQuery) -> CompanyPage:
        """A page of companies, the best rated first.

        Raises:
            InvalidParameters: the cursor is none of ours.
        """
        found = await self._repository.companies(audience, _filter(query, await self._places.current()))
        items = found[: query.limit]
        more = len(found) > query.limit
        return CompanyPage(items, cursor_at(items[-1]) if more else None)


def _filter(query: CompanyQuery, places: Gazetteer) -> CompanyFilter:
    return CompanyFilter(
        words=tuple(query.q.split()) if query.q else None,
        city_ids=_city_ids(query, places),
        industry=query.industry,
        after=CURSOR.read(query.cursor) if query.cursor else None,
        limit=query.limit + 1,  # one more than asked tells whether another page follows
    )


def _city_ids(query: CompanyQuery, places: Gazetteer) -> frozenset[int] | None:
    if query.city is None and query.state is None:
        return None
    in_state = places.cities_of(query.state) if query.state else None
    city_id = places.city_ids.get(query.city) if query.city else None
    if query.city is None:
        return in_state
    named = frozenset(() if city_id is None else (city_id,))
    return named if in_state is None else named & in_state

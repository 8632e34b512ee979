"""The companies API."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.domain import Company
from roadworthy.apps.hiring.companies.errors import CompanyNotFound
from roadworthy.apps.hiring.companies.schemas import CompanyPage, CompanyQuery
from roadworthy.apps.hiring.companies.service import CompanyService
from roadworthy.apps.hiring.freshness import LISTS_FRESH_SECONDS
from roadworthy.apps.hiring.places.schemas import Slug
from roadworthy.chassis.web.hot import HotRoute


class CompanyRoutes:
    """Handlers over the company service."""

    def __init__(self, service: CompanyService) -> None:
        """Take the service to ask."""
        self._service = service

    async def companies(self, query: CompanyQuery) -> CompanyPage:
        """A page of companies."""
        return await self._service.companies(Audience.PUBLIC, query)

    async def company(self, slug: Slug) -> Company:
        """One company."""
        return await self._service.company(Audience.PUBLIC, slug)

    def hot(self) -> Sequence[HotRoute]:
        """The declared routes."""
        tags, errors = ("companies",), (CompanyNotFound,)
        return (
            HotRoute(
                "/api/companies",
                self.companies,
                summary="Companies that hire, the best rated first",
                tags=tags,
                cache_seconds=LISTS_FRESH_SECONDS,
            ),
            HotRoute(
                "/api/companies/{slug}",
                self.company,
                summary="One company",
                tags=tags,
                errors=errors,
                cache_seconds=LISTS_FRESH_SECONDS,
            ),
        )

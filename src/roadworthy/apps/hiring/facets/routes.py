"""The facets' API."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.facets.domain import Facets
from roadworthy.apps.hiring.facets.schemas import FacetQuery
from roadworthy.apps.hiring.facets.service import FacetCounts
from roadworthy.apps.hiring.freshness import LISTS_FRESH_SECONDS
from roadworthy.chassis.web.hot import HotRoute


class FacetRoutes:
    """Handlers over the facets."""

    def __init__(self, facets: FacetCounts) -> None:
        """Take the service to ask."""
        self._facets = facets

    async def facets(self, query: FacetQuery) -> Facets:
        """How many jobs each further filter would leave."""
        return await self._facets.facets(Audience.PUBLIC, query)

    def hot(self) -> Sequence[HotRoute]:
        """The declared routes."""
        return (
            HotRoute(
                "/api/jobs/facets",
                self.facets,
                summary="How many jobs match, and how many each further filter would leave",
                tags=("jobs",),
                cache_seconds=LISTS_FRESH_SECONDS,
            ),
        )

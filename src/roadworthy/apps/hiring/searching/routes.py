"""The search's API."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.freshness import LISTS_FRESH_SECONDS
from roadworthy.apps.hiring.searching.schemas import JobSearchPage, JobSearchQuery
from roadworthy.apps.hiring.searching.service import Searching
from roadworthy.chassis.web.hot import HotRoute


class SearchRoutes:
    """Handlers over the search."""

    def __init__(self, searching: Searching) -> None:
        """Take the service to ask."""
        self._searching = searching

    async def search(self, query: JobSearchQuery) -> JobSearchPage:
        """Active jobs with these words."""
        return await self._searching.search(Audience.PUBLIC, query)

    def hot(self) -> Sequence[HotRoute]:
        """The declared routes."""
        return (
            HotRoute(
                "/api/jobs/search",
                self.search,
                summary="Active jobs that have the words: in their title first, then company, place and text",
                tags=("jobs",),
                cache_seconds=LISTS_FRESH_SECONDS,
            ),
        )

"""How many jobs each further filter would leave."""

from __future__ import annotations

import asyncio

import msgspec

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.facets.domain import Facets
from roadworthy.apps.hiring.facets.repository import FacetRepository, TooManyCounts
from roadworthy.apps.hiring.facets.schemas import FacetQuery
from roadworthy.apps.hiring.jobs.domain import JobFilter
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.chassis.cache.memo import Memo

KEPT_SECONDS = 120.0
KEPT_MAX = 500
# A page is not held up by its numbers: what is not counted by then stands on the next one.
PATIENCE_SECONDS = 0.25
LATER = Facets(counted=False)


class FacetCounts:
    """Facets of searches, two minutes old at most; counted once, however many ask."""

    def __init__(self, repository: FacetRepository, jobs: JobService) -> None:
        """Take where jobs are counted, and the service that knows filters."""
        self._jobs = jobs
        self._kept: Memo[tuple[Audience, JobFilter], Facets] = Memo(
            lambda key: repository.facets(*key), seconds=KEPT_SECONDS, entries_max=KEPT_MAX
        )

    async def facets(self, audience: Audience, query: FacetQuery) -> Facets:
        """The facets of what `query` finds.

        Raises:
            InvalidParameters: miles from nowhere.
            TooManyCounts: too many others are being counted.
        """
        wanted = await self._jobs.filter_of(JobQuery(**msgspec.structs.asdict(query)))
        if wanted is None:
            return Facets(counted=True)
        return await self._kept.get((audience, msgspec.structs.replace(wanted, limit=0)))

    async def soon(self, audience: Audience, query: FacetQuery) -> Facets:
        """The same, or LATER if it is not there within PATIENCE_SECONDS; it may be counted on meanwhile."""
        try:
            return await asyncio.wait_for(self.facets(audience, query), PATIENCE_SECONDS)
        except (TimeoutError, TooManyCounts):
            return LATER

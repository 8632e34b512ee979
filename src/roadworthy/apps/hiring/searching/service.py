"""Searching by words, with help where little is found."""

from __future__ import annotations

from typing import Any

import msgspec

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.jobs.domain import Position
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.searching.domain import Found, RankedPosition
from roadworthy.apps.hiring.searching.repository import SearchRepository
from roadworthy.apps.hiring.searching.schemas import JobSearchPage, JobSearchQuery
from roadworthy.apps.hiring.spelling.service import Spelling
from roadworthy.chassis.web.paging import Cursor

CURSOR = Cursor(RankedPosition)
# With fewer jobs found than this, a mistyped word is looked for.
FEW = 3


class Searching:
    """Finds jobs by words, the best matches first."""

    def __init__(self, repository: SearchRepository, jobs: JobService, spelling: Spelling) -> None:
        """Take where jobs are found, the service that knows filters, and what corrects words."""
        self._repository = repository
        self._jobs = jobs
        self._spelling = spelling

    async def search(self, audience: Audience, query: JobSearchQuery) -> JobSearchPage:
        """A page of active jobs. What finds nothing is searched again with its mistyped words corrected.

        Raises:
            InvalidParameters: the cursor is none of ours, or miles from nowhere.
        """
        page = await self._page(audience, query)
        # A later page is short at the end, and empty only where the words of the first one were corrected.
        if query.exact or len(page.items) >= FEW or (query.cursor is not None and page.items):
            return page
        better = await self._spelling.corrected(audience, query.q)
        if better is None:
            return page
        other = await self._page(audience, msgspec.structs.replace(query, q=better))
        if not page.items and other.items:
            return msgspec.structs.replace(other, instead_of=query.q)
        return msgspec.structs.replace(page, did_you_mean=better if len(other.items) > len(page.items) else None)

    async def _page(self, audience: Audience, query: JobSearchQuery) -> JobSearchPage:
        after = CURSOR.read(query.cursor) if query.cursor else None
        wanted = await self._jobs.filter_of(_as_list(query))
        if wanted is None:
            return JobSearchPage([], None, query.q)
        if after is not None:
            position = Position(after.is_featured, after.created_at, after.id)
            wanted = msgspec.structs.replace(wanted, after=position, after_rank=after.rank)
        found = await self._repository.search(audience, wanted)
        items = [one.job for one in found[: query.limit]]
        return JobSearchPage(items, _cursor_at(found[query.limit - 1]) if len(found) > query.limit else None, query.q)


def _as_list(query: JobSearchQuery) -> JobQuery:
    shared: dict[str, Any] = {
        name: getattr(query, name)
        for name in JobQuery.__struct_fields__
        if name != "cursor" and name in JobSearchQuery.__struct_fields__
    }
    return JobQuery(**shared)


def _cursor_at(found: Found) -> str:
    job = found.job
    return CURSOR.write(RankedPosition(found.rank, job.is_featured, job.created_at, job.id))

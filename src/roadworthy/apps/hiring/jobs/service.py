"""What visitors do with jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.jobs.domain import Job, JobFilter, JobSummary, Position
from roadworthy.apps.hiring.jobs.errors import JobNotFound
from roadworthy.apps.hiring.jobs.repository import JobRepository
from roadworthy.apps.hiring.jobs.schemas import JobPage, JobQuery, Posted
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.web.paging import Cursor
from roadworthy.chassis.web.parameters import InvalidParameters, Violation

CURSOR = Cursor(Position)
POSTED = {"24h": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7), "30d": timedelta(days=30)}


def posted_since(posted: Posted) -> datetime:
    """When that time ago was, to the full minute: those who ask within one minute share an answer."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - POSTED[posted]


def cursor_at(job: JobSummary) -> str:
    """The cursor that stands at `job`."""
    return CURSOR.write(Position(job.is_featured, job.created_at, job.id))


class JobService:
    """The job board, reading."""

    def __init__(self, repository: JobRepository, places: Places) -> None:
        """Take where jobs are read from, and the places that filters name."""
        self._repository = repository
        self._places = places

    async def job(self, audience: Audience, job_id: int) -> Job:
        """One job.

        Raises:
            JobNotFound: there is none with this id.
        """
        job = await self._repository.job(audience, job_id)
        if job is None:
            raise JobNotFound
        return job

    async def jobs(self, audience: Audience, query: JobQuery) -> JobPage:
        """A page of active jobs, featured first, then newest.

        Raises:
            InvalidParameters: the cursor is none of ours.
        """
        wanted = await self.filter_of(query)
        found = await self._repository.jobs(audience, wanted) if wanted is not None else []
        items = found[: query.limit]
        more = len(found) > query.limit
        return JobPage(items, cursor_at(items[-1]) if more else None)

    async def jobs_before(self, audience: Audience, query: JobQuery) -> JobPage:
        """The page that ends where the one at `query.cursor` begins; its `next_cursor` leads further that way.

        Raises:
            InvalidParameters: the cursor is none of ours.
        """
        wanted = await self.filter_of(query)
        if wanted is None or wanted.after is None:
            return JobPage([], None)
        turned = msgspec.structs.replace(wanted, after=None, before=wanted.after)
        found = await self._repository.jobs(audience, turned)
        more = len(found) > query.limit
        items = found[-query.limit :]
        return JobPage(items, cursor_at(items[0]) if more else None)

    async def filter_of(self, query: JobQuery) -> JobFilter | None:
        """The filter that `query` means; None when it names a place that there is not, so that nothing matches.

        Raises:
            InvalidParameters: miles from nowhere, or the cursor is none of ours.
        """
        if query.miles is not None and query.city is None:
            raise InvalidParameters(
                Violation("miles", "query", str(query.miles), "a city beside it, such as austin-tx")
            )
        places = await self._places.current()
        state_id = places.state_ids.get(query.state) if query.state else None
        city_id = places.city_ids.get(query.city) if query.city else None
        if (query.state and state_id is None) or (query.city and city_id is None):
            return None
        return JobFilter(
            words=query.q,
            state_id=state_id,
            city_id=None if query.miles else city_id,
            cities=places.cities_near(city_id, query.miles) if city_id and query.miles else None,
            company=query.company,
            employment_type=query.employment_type,
            experience=query.experience,
            salary_min=query.salary_min,
            salary_period=query.salary_period,
            remote=query.remote,
            featured=query.featured,
            posted_since=posted_since(query.posted) if query.posted else None,
            after=CURSOR.read(query.cursor) if query.cursor else None,
            limit=query.limit + 1,  # one more than asked tells whether another page follows
        )

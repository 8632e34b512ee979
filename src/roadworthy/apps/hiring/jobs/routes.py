"""The job board's API."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.freshness import LISTS_FRESH_SECONDS
from roadworthy.apps.hiring.jobs.domain import Job
from roadworthy.apps.hiring.jobs.errors import JobNotFound
from roadworthy.apps.hiring.jobs.schemas import JobId, JobPage, JobQuery
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.views.service import ViewCounter
from roadworthy.chassis.web.hot import HotRequest, HotRoute


class JobRoutes:
    """Handlers over the job service."""

    def __init__(self, service: JobService, views: ViewCounter) -> None:
        """Take the service to ask, and what counts views."""
        self._service = service
        self._views = views

    async def job(self, job_id: JobId, request: HotRequest) -> Job:
        """One job; asking for it counts a view."""
        job = await self._service.job(Audience.PUBLIC, job_id)
        self._views.seen(job_id, request.scope)
        return job

    async def jobs(self, query: JobQuery) -> JobPage:
        """A page of active jobs."""
        return await self._service.jobs(Audience.PUBLIC, query)

    def hot(self) -> Sequence[HotRoute]:
        """The declared routes."""
        return (
            HotRoute(
                "/api/jobs",
                self.jobs,
                summary="Active jobs that match, featured first, then newest",
                tags=("jobs",),
                cache_seconds=LISTS_FRESH_SECONDS,
            ),
            HotRoute("/api/jobs/{job_id}", self.job, summary="One job", tags=("jobs",), errors=(JobNotFound,)),
        )

"""What the worker does with views."""

from __future__ import annotations

from roadworthy.apps.hiring.views.repository import SharedViews, ViewRepository
from roadworthy.chassis.tasks.periodic import PeriodicTask

DRAIN_EVERY_SECONDS = 1.0
DRAIN_TIMEOUT_SECONDS = 30.0
# 15 ms of database time a second at most, however many views there are: the rest adds up in the shared tier meanwhile.
DRAIN_JOBS_MAX = 1_000


def drain_task(shared: SharedViews, repository: ViewRepository) -> PeriodicTask:
    """The task that adds the views counted in the shared tier to the jobs."""

    async def drain() -> None:
        batch = await shared.take(DRAIN_JOBS_MAX)
        if batch is not None:
            await repository.add_batch(batch)
            await shared.release()

    return PeriodicTask("hiring.views", DRAIN_EVERY_SECONDS, drain, DRAIN_TIMEOUT_SECONDS)

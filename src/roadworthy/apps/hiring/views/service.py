"""Counting views without a write to the database by the request that is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

from roadworthy.apps.hiring.views.domain import Tally, is_view
from roadworthy.apps.hiring.views.repository import SharedViews, ViewRepository
from roadworthy.chassis.cache.shared import SharedTierDown
from roadworthy.chassis.edge.asgi import Scope
from roadworthy.chassis.web.hot import METHOD_KEY

HAND_OVER_SECONDS = 1.0
TALLY_JOBS_MAX = 50_000
HAND_OVER_JOBS_MAX = 2_000

log = structlog.get_logger("roadworthy.hiring.views")


class ViewCounter:
    """Counts views in the process, and hands them over once a second.

    To the shared tier, from where the worker adds them to the jobs; without one, or while it is down, straight to
    the jobs, one statement a second. What a kill may lose: the views since the last hand-over, a second's worth.
    """

    def __init__(self, repository: ViewRepository, shared: SharedViews | None) -> None:
        """Take where views go; `shared` is None where there is no shared tier."""
        self._repository = repository
        self._shared = shared
        self._tally = Tally(TALLY_JOBS_MAX)

    def seen(self, job_id: int, scope: Scope) -> None:
        """Count the request behind `scope` as a view of the job, if it is one."""
        if is_view(scope.get(METHOD_KEY, scope["method"]), scope["headers"]):
            self._tally.add(job_id)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Hand views over while the block runs, and what is left at its end."""
        stopping = asyncio.Event()
        task = asyncio.create_task(self._run(stopping))
        try:
            yield
        finally:
            stopping.set()  # no cancelling: views that are on their way would be lost
            await task

    async def hand_over(self) -> None:
        """Hand over everything counted so far; what could not be stays counted for the next time."""
        for views in self._tally.take(HAND_OVER_JOBS_MAX):
            if not await self._handed_over(views):
                self._tally.add_all(views)
        if self._tally.dropped:
            log.warning("views dropped", views=self._tally.dropped, reason="neither shared tier nor database took them")
            self._tally.dropped = 0

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), HAND_OVER_SECONDS)
            await self.hand_over()

    async def _handed_over(self, views: Mapping[int, int]) -> bool:
        # Where an answer was lost, nobody knows whether the views were counted: they may count twice, never not at all.
        if self._shared is not None:
            with suppress(SharedTierDown):
                await self._shared.add(views)
                return True
        try:
            await self._repository.add(views)
        except Exception as error:  # noqa: BLE001  # a failed statement of any kind: the views wait for the next one
            log.info("views not handed over yet", jobs=len(views), reason=repr(error))
            return False
        return True

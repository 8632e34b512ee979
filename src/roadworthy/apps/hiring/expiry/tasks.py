"""What the worker does about vacancies whose time is over."""

from __future__ import annotations

from roadworthy.apps.hiring.expiry.repository import CLOSE_MAX, ExpiryRepository
from roadworthy.chassis.tasks.periodic import PeriodicTask

# A job by itself is told closed to the second; lists follow within this and their own minute.
EVERY_SECONDS = 60.0
TIMEOUT_SECONDS = 50.0
LOTS_MAX = 20


def expiry_task(repository: ExpiryRepository) -> PeriodicTask:
    """The task that closes jobs whose end has come, lot by lot."""

    async def close() -> None:
        for _ in range(LOTS_MAX):
            if await repository.close_due() < CLOSE_MAX:
                return

    return PeriodicTask("hiring.expiry", EVERY_SECONDS, close, TIMEOUT_SECONDS)

"""What the worker does about words."""

from __future__ import annotations

from roadworthy.apps.hiring.spelling.repository import REFRESH_TIMEOUT_SECONDS, SpellingRepository
from roadworthy.chassis.tasks.periodic import PeriodicTask

REFRESH_EVERY_SECONDS = 600.0


def words_task(repository: SpellingRepository) -> PeriodicTask:
    """The task that keeps the words that mistyped ones are compared with."""
    return PeriodicTask("hiring.words", REFRESH_EVERY_SECONDS, repository.refresh, REFRESH_TIMEOUT_SECONDS + 5.0)

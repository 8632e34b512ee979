"""The task worker as a process: settings in, tasks run, SIGTERM drains."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

import structlog

from roadworthy.chassis.service import AppManifest, open_resources
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.tasks.periodic import PeriodicTask, Worker
from roadworthy.chassis.tasks.turns import Turns

log = structlog.get_logger("roadworthy.tasks")


async def work(settings: Settings, apps: Sequence[AppManifest]) -> None:
    """Run every app's tasks until SIGTERM or SIGINT, then drain for SHUTDOWN_TIMEOUT_SECONDS.

    Raises:
        StartupError: no database is named, or it does not answer.
    """
    async with open_resources(settings, application_name="roadworthy worker") as resources:
        tasks = [task for app in apps for task in app.tasks(resources)]
        assert settings.direct_dsn is not None, "open_resources refuses settings without a database"
        await run_until_signalled(tasks, settings.direct_dsn, settings.shutdown_timeout_seconds)


async def run_until_signalled(tasks: Sequence[PeriodicTask], direct_dsn: str, drain_seconds: float) -> None:
    """Run `tasks` until this process is asked to end."""
    worker = Worker(tasks, Turns(direct_dsn))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    log.info("worker.started", tasks=[task.name for task in tasks])
    await worker.run(drain_seconds)
    log.info("worker.stopped")

"""`roadworthy worker`."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from roadworthy.chassis.tasks.worker import work
from roadworthy.chassis.telemetry.errors import report_errors
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.chassis.telemetry.tracing import start_tracing
from roadworthy.main import APPS
from roadworthy.ops.up.stage import running_settings

EXAMPLES = {
    "roadworthy worker": "against what `roadworthy up` runs, or the DATABASE_URL in .env",
    "DATABASE_URL=postgresql://... roadworthy worker": "against a database of your own",
}


def worker() -> None:
    """Run the task worker: what happens in the background, beside `roadworthy serve`.

    Any number of workers may run: each task is held by one of them, and another takes over when that one ends.
    SIGTERM or Ctrl-C stops it, after the tasks under way have ended (SHUTDOWN_TIMEOUT_SECONDS).
    Behind a transaction pooler, set DATABASE_DIRECT_URL as well.
    """
    settings = running_settings()
    configure_logging(settings)
    report_errors(settings, version("roadworthy"))
    start_tracing(settings, version("roadworthy"))
    asyncio.run(work(settings, APPS))

"""`roadworthy demo`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from roadworthy.chassis.database.migrations import migrate
from roadworthy.main import APPS
from roadworthy.ops.up.stage import direct_database, load_demo, migrations_of, running_settings

EXAMPLES = {
    "roadworthy demo": "200,000 jobs at 5,000 companies, in under a minute",
    "roadworthy demo --scale 0.01": "2,000 jobs, in seconds",
    "DATABASE_URL=postgresql://... roadworthy demo": "into a database of your own",
}


def demo(
    *,
    scale: Annotated[float, typer.Option(min=0.0001, max=50.0, help="1 is 200,000 jobs.")] = 1.0,
) -> None:
    """Load demo data into an empty database: believable jobs, companies and places, the same at every load.

    All or nothing: an interrupted load leaves no rows. Where jobs are there already nothing happens, and rows that
    are not the demo's are never touched.
    """
    console = Console(highlight=False, soft_wrap=True)
    with direct_database(running_settings()) as dsn:
        asyncio.run(migrate(dsn, migrations_of(APPS)))
        load_demo(dsn, APPS, console, scale=scale)
    console.print("[green]✓[/] The demo data are loaded.")

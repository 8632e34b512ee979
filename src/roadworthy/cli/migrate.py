"""`roadworthy migrate`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from roadworthy.chassis.database import migrations
from roadworthy.chassis.errors import StartupError
from roadworthy.main import APPS
from roadworthy.ops.up.stage import direct_database, migrations_of, running_settings

EXAMPLES = {
    "roadworthy migrate": "what `roadworthy up` keeps, or the DATABASE_URL in .env",
    "roadworthy migrate --check": "change nothing; exit with 3 when something is pending",
    "DATABASE_DIRECT_URL=postgresql://... roadworthy migrate": "past a transaction pooler",
}


def migrate(
    *, check: Annotated[bool, typer.Option("--check", help="Say what is pending, and change nothing.")] = False
) -> None:
    """Bring the database's schema up to date: once a release, before the new processes start.

    Safe while the service runs and from several places at once: one migrates and the others wait for it. A
    migration that does not get its lock in three seconds gives up and tries again, so that queries never queue
    behind it for long.
    """
    console, apps = Console(highlight=False, soft_wrap=True), migrations_of(APPS)
    with direct_database(running_settings()) as dsn:
        if check:
            _refuse_pending(asyncio.run(migrations.pending(dsn, apps)))
        applied = [] if check else asyncio.run(migrations.migrate(dsn, apps))
    for revision in applied:
        console.print(f"[green]✓[/] {revision}")
    console.print("The schema is up to date.")


def _refuse_pending(revisions: list[str]) -> None:
    if revisions:
        raise StartupError(
            f"the database lacks {len(revisions)} migrations: {', '.join(revisions)}", "roadworthy migrate"
        )

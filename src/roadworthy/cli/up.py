"""`roadworthy up`."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer
from rich.console import Console

from roadworthy.chassis.processes.lifetime import die_with_parent
from roadworthy.chassis.settings import load_settings
from roadworthy.main import APPS
from roadworthy.ops.up.plan import available_cores, make_plan
from roadworthy.ops.up.run import run_up

EXAMPLES = {
    "roadworthy up": "everything, on http://127.0.0.1:8000",
    "PORT=8080 roadworthy up": "on another port",
    "DATABASE_URL=postgresql://... roadworthy up": "on a database of your own, which gets no demo data",
    "DATABASE_URL=postgresql://... roadworthy up --demo": "... unless you ask for them",
}


def up(
    *,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Load demo data. Default: into the embedded database only.")
    ] = None,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="Stop when the process that started this one ends; make uses it.")
    ] = False,
) -> None:
    """Start everything: PostgreSQL, Valkey, demo data, a web process a core and a task worker.

    The first start makes a database in `.roadworthy` and fills it with 200,000 jobs, once; later starts find it
    there. DATABASE_URL and REDIS_URL name servers of your own to use instead. Ctrl-C drains and stops everything,
    and so does the end of this process, however it comes.
    """
    if with_parent:
        die_with_parent(signal.SIGTERM, os.getppid())
    plan = make_plan(load_settings(), demo=demo, cores=available_cores())
    run_up(plan, APPS, Console(highlight=False, soft_wrap=True))

"""`roadworthy serve`."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from roadworthy.chassis import server
from roadworthy.chassis.database.headroom import headroom_problem
from roadworthy.chassis.edge.build import metrics_folder
from roadworthy.chassis.service import database_of
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.store import clear
from roadworthy.main import asgi
from roadworthy.ops.instances.keeper import Keeper
from roadworthy.ops.up.plan import available_cores
from roadworthy.ops.up.ports import check_port
from roadworthy.ops.up.run import STOP_GRACE_SECONDS
from roadworthy.ops.up.stage import check_schema, environment_of, running_settings

EXAMPLES = {
    "roadworthy serve": "against what `roadworthy up` runs, or the DATABASE_URL in .env",
    "PORT=8001 roadworthy serve": "on another port",
    "INSTANCES=2 PORT=8001 roadworthy serve": "two behind a proxy, on 8001 and 8002, for `roadworthy reload`",
    "HOST=0.0.0.0 WORKERS=4 ENVIRONMENT=production roadworthy serve": "in production, behind a proxy",
}


def serve(
    *,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Refuse to start while migrations are pending.")
    ] = True,
    instance: Annotated[
        int | None,
        typer.Option("--instance", min=1, help="Run this one of several, on PORT + N - 1; systemd units use it."),
    ] = None,
) -> None:
    """Run the web server: a process a core (WORKERS), on HOST and PORT. With INSTANCES, several of them.

    SIGTERM or Ctrl-C stops it: requests under way finish first (SHUTDOWN_TIMEOUT_SECONDS). A process that dies is
    replaced. It starts no database and migrates nothing; `roadworthy up` does all of that for development.
    """
    settings = running_settings()
    database_of(settings)
    if instance is None and settings.instances > 1:
        _keep(settings, check=check)
        return
    if instance is not None:
        settings = settings.model_copy(update={"port": settings.port + instance - 1})
    check_port(settings.host, settings.port)
    processes = settings.workers or available_cores()
    os.environ.update(environment_of(settings) | {"WORKERS": str(processes)})  # the web processes read them anew
    if check:
        check_schema()
    problem = asyncio.run(headroom_problem(settings, processes * settings.instances))
    if problem:
        typer.echo(f"warning: {problem}", err=True)
    clear(metrics_folder(settings))
    server.serve(
        asgi,
        host=settings.host,
        port=settings.port,
        processes=processes,
        drain_seconds=settings.shutdown_timeout_seconds,
        unready_seconds=settings.unready_seconds,
    )


def _keep(settings: Settings, *, check: bool) -> None:
    """Start the instances, and look after them until told to stop."""
    for port in (ports := range(settings.port, settings.port + settings.instances)):
        check_port(settings.host, port)
    longest_seconds = settings.unready_seconds + settings.shutdown_timeout_seconds + STOP_GRACE_SECONDS
    arguments = () if check else ("--no-check",)
    Keeper(settings.state_dir.resolve(), settings.host, ports, dict(os.environ), longest_seconds, arguments).run()

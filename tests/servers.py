"""A process that keeps PostgreSQL and Valkey running for one test run, and ends them when the run is over.

`python tests/servers.py FOLDER PID`: starts both, migrates a template database, writes FOLDER/servers.json and waits
until process PID, the one that controls the run, is gone: by itself, by a signal or by a kill -9.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import sys
from pathlib import Path

import asyncpg

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import ROLE, EmbeddedPostgres
from roadworthy.chassis.database.migrations import migrate
from roadworthy.chassis.processes.state import write_private

TEMPLATE = "roadworthy_template"
APPS = Path(__file__).parents[1] / "src" / "roadworthy" / "apps"


def main(folder: Path, controller: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches us too; the controller decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        keep_running(folder, os.pidfd_open(controller))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_running(folder: Path, controller: int) -> None:
    with EmbeddedPostgres(folder, durable=False) as postgres, EmbeddedValkey(folder) as valkey:
        asyncio.run(make_template(postgres))
        addresses = {"admin": postgres.admin_dsn, "template": postgres.dsn_of(TEMPLATE), "valkey": valkey.url}
        write_private(folder / "servers.json", json.dumps(addresses))
        select.select([controller], [], [])


async def make_template(postgres: EmbeddedPostgres) -> None:
    admin = await asyncpg.connect(postgres.admin_dsn)
    await admin.execute(f"create database {TEMPLATE} owner {ROLE}")
    await admin.close()
    template = await asyncpg.connect(postgres.dsn_of(TEMPLATE, superuser=True))
    await template.execute("create extension pg_stat_statements; create extension pg_trgm")
    await template.close()
    migrations = {path.parent.name: path for path in sorted(APPS.glob("*/migrations"))}
    await migrate(postgres.dsn_of(TEMPLATE), migrations)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

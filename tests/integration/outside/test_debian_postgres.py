"""What production may bring: Debian's PostgreSQL 15, two majors behind the embedded one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import free_port, wait_until
from tests.settings import settings_from

from roadworthy.chassis.database.migrations import migrate, pending
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.processes.lifetime import LAUNCHER, spawn, stop
from roadworthy.main import APPS

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.debian_postgres


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("debian")
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), f"--parent={os.getpid()}", f"--home={home}", "--"]
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([*launcher, PROGRAMS / "initdb", "-D", home / "data", *options], check=True, capture_output=True)
    port = free_port()
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = spawn(
            [PROGRAMS / "postgres", "-D", home / "data", *arguments],
            death_signal=signal.SIGQUIT,
            home=home,
            output=log,
        )
    try:
        state = home / "data" / "postmaster.pid"
        wait_until(lambda: state.exists() and "ready" in state.read_text(), (home / "log").read_text)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        stop(server, signal.SIGINT, 20)


async def test_every_migration_demo_data_and_the_pool_work_on_it(server_url: str) -> None:
    apps = {app.name: app.migrations for app in APPS}
    assert await migrate(server_url, apps)
    assert await pending(server_url, apps) == []
    for app in APPS:
        await app.demo(server_url, lambda _done, _total, _what: None, scale=0.001)

    database = await Database.open(server_url, settings_from())
    try:
        assert str(await database.fetchval("show server_version")).startswith("15.")
        assert await database.fetchval("select count(*) from hiring.jobs") == 200
        found = "select count(*) from hiring.jobs where search @@ websearch_to_tsquery('english', 'spa or massage')"
        assert await database.fetchval(found) > 0
    finally:
        await database.close()

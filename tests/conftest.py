"""What every test can use: a real PostgreSQL and a real Valkey, and an honest list of what was not run.

Both servers start when the first test asks for one, serve all pytest-xdist workers, and end with the run, also when
pytest is killed (see servers.py). A test that takes `database_url` gets a freshly cloned, migrated database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis
import structlog
from tests.settings import settings_from

from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.processes.state import FileLock
from roadworthy.chassis.settings import Settings

FOLDER, CONTROLLER = "ROADWORTHY_TEST_FOLDER", "ROADWORTHY_TEST_CONTROLLER"
SERVERS_START_SECONDS = 60
SERVERS_STOP_SECONDS = 30
VALKEY_DATABASES = 16
NOT_RUN = "not run: "
# Marker -> the programs of which one must be there, and the Debian package that brings it.
PROGRAMS = {
    "browser": (("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "nginx": (("nginx", "/usr/sbin/nginx"), "nginx-light"),
    "pgbouncer": (("pgbouncer", "/usr/sbin/pgbouncer"), "pgbouncer"),
    "node": (("node",), "nodejs"),
    "npm": (("npm",), "npm"),
    "prometheus": (("prometheus",), "prometheus prometheus-alertmanager"),
    "debian_postgres": (("/usr/lib/postgresql/15/bin/postgres",), "postgresql"),
}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="roadworthy-tests-")
        os.environ[CONTROLLER] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and FOLDER in os.environ:
        folder = Path(os.environ.pop(FOLDER))
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            _end(int((folder / "host.pid").read_text()))
        shutil.rmtree(folder, ignore_errors=True)


def _end(pid: int) -> None:
    watch = os.pidfd_open(pid)
    signal.pidfd_send_signal(watch, signal.SIGTERM)
    select.select([watch], [], [], SERVERS_STOP_SECONDS)
    os.close(watch)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (programs, package) in PROGRAMS.items():
        if item.get_closest_marker(marker) and not any(map(shutil.which, programs)):
            reason = f"{NOT_RUN}{marker} tests need {programs[0]} (Debian: apt-get install {package})"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = [place[2] for place in skipped if isinstance(place, tuple)]
    counted = Counter(reason.partition(NOT_RUN)[2] for reason in reasons if NOT_RUN in reason)
    for reason, count in sorted(counted.items()):
        terminalreporter.write_line(f"{NOT_RUN}{count} {reason}", yellow=True)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}  # what Granian runs the service on


@pytest.fixture(scope="session")
def servers() -> dict[str, str]:
    """Addresses: `admin` and `template` (PostgreSQL), `valkey`; started by whichever worker asks first."""
    folder = Path(os.environ[FOLDER])
    addresses = folder / "servers.json"
    lock = FileLock(folder / "starting")
    lock.acquire(wait=True)
    try:
        if not addresses.exists():
            _start_servers(folder, addresses)
    finally:
        lock.release()
    found: dict[str, str] = json.loads(addresses.read_text())
    return found


def _start_servers(folder: Path, addresses: Path) -> None:
    log = folder / "host.log"
    command = [sys.executable, str(Path(__file__).with_name("servers.py")), str(folder), os.environ[CONTROLLER]]
    with log.open("wb") as output:
        host = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    (folder / "host.pid").write_text(str(host.pid))
    deadline = time.monotonic() + SERVERS_START_SECONDS
    while not addresses.exists():
        if host.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"the test servers did not start:\n{log.read_text() if log.exists() else ''}", returncode=3)
        time.sleep(0.02)
    host.returncode = 0  # the run ends it, not this worker: no "still running" warning from Popen


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _as_admin(servers: dict[str, str], *statements: str) -> None:
    admin = await asyncpg.connect(servers["admin"])
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner() as runner:
        runner.run(work)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """For a test that configures logging as a process of the service does: everything is as before after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into; pytest closes its own to all but whoever runs it."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-open-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def database_url(servers: dict[str, str]) -> str:
    """A migrated, empty database of this worker's own, cloned anew for this test (18 ms)."""
    name = f"test_{_worker_number()}"
    template = urlsplit(servers["template"]).path.lstrip("/")
    # file_copy: a clone takes 12 ms; the default, which logs every block, takes 70.
    clone = f"create database {name} template {template} owner roadworthy strategy file_copy"
    _run(_as_admin(servers, f"drop database if exists {name} with (force)", clone))
    return in_database(servers["template"], name)


@pytest.fixture
def empty_database_url(servers: dict[str, str]) -> Iterator[str]:
    """A database of this test's own with nothing in it, dropped at the end."""
    name = f"empty_{_worker_number()}"
    _run(_as_admin(servers, f"drop database if exists {name} with (force)", f"create database {name} owner roadworthy"))
    yield in_database(servers["template"], name)
    _run(_as_admin(servers, f"drop database {name} with (force)"))


@pytest.fixture
def settings(database_url: str, valkey_url: str) -> Settings:
    """Development settings on this test's database and Valkey, untouched by the environment's `.env`."""
    return settings_from(database_url=database_url, redis_url=valkey_url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool on this test's database."""
    database = await Database.open(database_url, settings_from())
    yield database
    await database.close()


@pytest.fixture
def valkey_url(servers: dict[str, str]) -> str:
    """An empty Valkey database of this worker's own."""
    number = _worker_number()
    assert number < VALKEY_DATABASES, "more workers than Valkey has databases: pytest -n 16 at most"
    url = in_database(servers["valkey"], str(number))
    with redis.from_url(url) as client:
        client.flushdb()
    return url

"""A served job board with a little data, and a browser to walk through it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from roadworthy.apps.hiring.demo import load_demo

SCALE = 0.02
START_SECONDS = 30
STOP_SECONDS = 20
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


async def _make_database(servers: dict[str, str], name: str) -> str:
    template = urlsplit(servers["template"])
    admin = await asyncpg.connect(servers["admin"])
    try:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"create database {name} template {template.path.lstrip('/')} owner roadworthy")
    finally:
        await admin.close()
    url = urlunsplit(template._replace(path=f"/{name}"))
    await load_demo(url, lambda *_: None, scale=SCALE)
    return url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def board(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a job board with 4,000 jobs, served as `roadworthy serve` does, rate limits off."""
    folder, port = tmp_path_factory.mktemp("board"), _free_port()
    name = f"board_{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"
    environment = os.environ | {
        "DATABASE_URL": asyncio.run(_make_database(servers, name)),
        "REDIS_ENABLED": "false",
        "RATE_LIMIT_ENABLED": "false",
        "LOG_LEVEL": "WARNING",
        "PORT": str(port),
        "ROADWORTHY_STATE_DIR": str(folder),
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "roadworthy.main:asgi"]
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(STOP_SECONDS)


def _wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/health/live").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"the board did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window.

    For one module, not the session: Playwright keeps an event loop running in this thread, and no asynchronous test of
    another module could start its own.
    """
    executable = next(filter(None, map(shutil.which, CHROMIUM)))
    SCREENSHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        # Without a sandbox: tests also run as root in containers, and look only at pages of ours.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()

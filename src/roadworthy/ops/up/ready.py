"""Waiting for the web server to answer that it is ready."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from roadworthy.chassis.errors import StartupError

READY_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 5.0
POLL_SECONDS = 0.05


def wait_until_ready(url: str, check: Callable[[], None], timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
    """Return when `url` answers with 200; `check` is called between attempts, and may raise.

    Raises:
        StartupError: it did not within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while (found := _status(url)) != http.client.OK:
        check()
        if time.monotonic() > deadline:
            said = f"answered {found}" if found else "did not answer"
            raise StartupError(f"the web server {said} for {timeout_seconds:.0f} s", f"look into its log, and at {url}")
        time.sleep(POLL_SECONDS)


def is_ready(url: str) -> bool:
    """Whether `url` answers with 200 now."""
    return _status(url) == http.client.OK


def _status(url: str) -> int | None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()

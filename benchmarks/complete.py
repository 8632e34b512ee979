"""The product is measured with everything on; this looks whether it is."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from benchmarks.servers import Server

HEADERS = (
    "x-request-id",
    "ratelimit",
    "x-ratelimit-remaining",
    "x-content-type-options",
    "content-security-policy",
    "etag",
)
METRIC = "http_request_duration_seconds_count"
LOG_WAIT_SECONDS = 10.0


class SomethingIsOff(Exception):
    """The product would be measured without a part that it has in production."""


def verify_complete(ours: Server, access_log: Path) -> None:
    """Ask once, and look for ids, limits, security headers, validators, compression, metrics and the access log.

    Raises:
        SomethingIsOff: naming the first part that is missing.
    """
    with httpx.Client(base_url=ours.url, headers={"accept-encoding": "gzip"}) as client:
        answer = client.get("/api/jobs/1")
        for name in HEADERS:
            if name not in answer.headers:
                raise SomethingIsOff(f"answers carry no {name}: {dict(answer.headers)}")
        if client.get("/api/jobs").headers.get("content-encoding") != "gzip":
            raise SomethingIsOff("long answers are not compressed for who asks for it")
        if METRIC not in client.get("/metrics").text:
            raise SomethingIsOff(f"/metrics does not tell {METRIC}")
    _wait_for_line(access_log, answer.headers["x-request-id"])


def _wait_for_line(access_log: Path, request_id: str) -> None:
    deadline = time.monotonic() + LOG_WAIT_SECONDS  # lines are written in batches
    while not (access_log.exists() and request_id in access_log.read_text(encoding="utf-8")):
        if time.monotonic() > deadline:
            raise SomethingIsOff(f"the access log does not tell of request {request_id}")
        time.sleep(0.1)

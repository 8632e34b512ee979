"""Errors on their way to Sentry, as something that speaks its protocol receives them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import brotli
import pytest

SCRIPT = """
import logging, sys
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.context import request_id
from roadworthy.chassis.telemetry.errors import report_errors
from roadworthy.chassis.telemetry.logs import configure_logging

settings = Settings(_env_file=None, sentry_dsn=sys.argv[1], log_file=sys.argv[2])
configure_logging(settings)
report_errors(settings, "1.2.3")

def connect(password):
    raise ConnectionError(f"postgresql://spa:{password}@db/spajobs refused")

request_id.set("canary-request")
logging.getLogger("someone").info("on the way, token=hunter2-token")
try:
    connect("hunter2-password")
except ConnectionError:
    logging.getLogger("someone").exception("the board could not be read")
"""


@pytest.fixture
def ingest() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Ingest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-encoding"] == "br"
            bodies.append(brotli.decompress(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ingest)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/7", bodies
    server.shutdown()
    server.server_close()


def run(dsn: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, dsn, str(folder / "app.log")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_error_arrives_with_its_request_and_without_a_secret(
    ingest: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    dsn, bodies = ingest
    assert run(dsn, tmp_path).returncode == 0
    text = b"".join(bodies).decode()
    assert "hunter2" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    event: dict[str, Any] = next(line for line in lines if "exception" in line)
    assert event["tags"]["request_id"] == "canary-request"
    assert (event["release"], event["environment"]) == ("1.2.3", "development")
    failure = event["exception"]["values"][0]
    assert failure["type"] == "ConnectionError"
    assert failure["stacktrace"]["frames"][-1]["function"] == "connect"
    assert "vars" not in failure["stacktrace"]["frames"][-1]


def test_an_address_that_is_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    refused = run("not-a-dsn", tmp_path)
    assert refused.returncode != 0
    assert "SENTRY_DSN can't be understood" in refused.stderr


def test_nobody_there_costs_nothing_but_the_report(tmp_path: Path) -> None:
    assert run("http://key@127.0.0.1:1/7", tmp_path).returncode == 0
    assert "could not be read" in (tmp_path / "app.log").read_text()

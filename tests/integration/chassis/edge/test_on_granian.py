"""The edge in two processes of the real server, over real connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import free_port, started, wait_until

APP = """
import asyncio, os, sys
from pathlib import Path
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.edge.build import edge_from_settings
from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy
from roadworthy.chassis.server import serve
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.health import Health
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.chassis.telemetry.metrics import Metrics

async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/api/slow":
        await asyncio.sleep(30)
    size, more = 0, scope["method"] == "POST"
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    body = b'{"pid": %d, "read": %d}' % (os.getpid(), size)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})

def make():
    port, url, folder = sys.argv[1:]
    settings = Settings(
        _env_file=None, log_file=Path(folder) / "app.log", log_format="json", state_dir=Path(folder),
        rate_limit_per_minute=60, request_timeout_seconds=0.3, body_limit_bytes=2000,
    )
    return edge_from_settings(
        app, settings, health=Health([], "1"), metrics=Metrics(Path(folder) / "metrics"),
        output=configure_logging(settings), shared=SharedTier(url), processes=2,
        policies=[RoutePolicy("/kept", cache=CachePolicy(60))],
    )

serve(make, host="127.0.0.1", port=int(sys.argv[1]), processes=2, drain_seconds=10, unready_seconds=60)
"""


class Server:
    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def ask(self, path: str, *, method: str = "GET", body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)  # type: ignore[arg-type]  # bytes, or an iterable: chunked
            answer = connection.getresponse()
            return answer.status, answer.read()

    def answers(self) -> bool:
        try:
            return self.ask("/health/live")[0] == 200
        except OSError:
            return False

    def logged(self, path: str) -> list[dict[str, object]]:
        lines = (json.loads(line) for line in (self.folder / "app.log").read_bytes().splitlines())
        return [line for line in lines if line.get("path") == path]


@contextlib.contextmanager
def running(folder: Path, valkey_url: str) -> Iterator[tuple[Server, subprocess.Popen[bytes]]]:
    script = folder / "serve.py"
    script.write_text(APP)
    server, output = Server(free_port(), folder), folder / "output"
    command = [sys.executable, str(script), str(server.port), valkey_url, str(folder)]
    with started(command, os.environ, output, folder) as process:
        wait_until(server.answers, output.read_text)
        yield server, process
        process.send_signal(signal.SIGTERM)  # not ready, for a minute
        process.send_signal(signal.SIGINT)  # at once
        assert process.wait(20) == 0, output.read_text()


@pytest.fixture
def server(tmp_path: Path, valkey_url: str) -> Iterator[Server]:
    with running(tmp_path, valkey_url) as (server, _):
        yield server


def test_the_61st_request_is_refused_and_both_processes_answered(server: Server) -> None:
    answers = [server.ask("/api/x") for _ in range(62)]
    assert [status for status, _ in answers] == [200] * 60 + [429] * 2
    assert len({json.loads(body)["pid"] for status, body in answers if status == 200}) == 2


def test_either_process_tells_the_metrics_of_both(server: Server) -> None:
    for _ in range(40):
        server.ask("/page")

    def all_are_counted() -> bool:
        text = server.ask("/metrics")[1].decode()
        return 'http_requests_total{method="GET",route="/*",status="200"} 40.0' in text

    wait_until(all_are_counted, "the metrics do not add up")


def test_what_one_process_keeps_the_other_finds(server: Server) -> None:
    assert len({server.ask("/kept")[1] for _ in range(30)}) == 1


def test_every_request_is_in_the_log_when_the_server_has_stopped(tmp_path: Path, valkey_url: str) -> None:
    with running(tmp_path, valkey_url) as (server, _):
        for number in range(30):
            server.ask("/page", **{"X-Request-ID": f"canary-{number}"})
    assert sorted(str(line["request_id"]) for line in server.logged("/page")) == sorted(
        f"canary-{n}" for n in range(30)
    )


def test_a_deadline_and_a_body_limit_hold_over_real_connections(server: Server) -> None:
    status, body = server.ask("/api/slow")
    assert (status, json.loads(body)["status"]) == (504, 504)
    status, body = server.ask("/api/x", method="POST", body=iter([b"x" * 1000, b"x" * 1000]))
    assert (status, json.loads(body)["read"]) == (200, 2000)
    status, body = server.ask("/api/x", method="POST", body=iter([b"x" * 1000] * 3))
    assert (status, json.loads(body)["type"]) == (413, "urn:roadworthy:problem:body-too-large")


def test_a_stop_is_told_by_readiness_first_and_requests_go_on(tmp_path: Path, valkey_url: str) -> None:
    with running(tmp_path, valkey_url) as (server, process):
        wait_until(lambda: {server.ask("/health/ready")[0] for _ in range(10)} == {200}, "it never was ready")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: {server.ask("/health/ready")[0] for _ in range(10)} == {503}, "readiness stayed green")
        assert server.ask("/page")[0] == 200
        # `running` sends the second signal, which ends the wait

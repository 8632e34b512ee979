"""Spans on their way to a collector, as something that takes OTLP over HTTP receives them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from tests.processes import free_port

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SCRIPT = """
import asyncio, json, sys
from contextlib import AsyncExitStack
from pathlib import Path
import httpx, structlog
from roadworthy.chassis.service import AppManifest, Resources, Routes, Service
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.tasks.periodic import PeriodicTask, Worker
from roadworthy.chassis.telemetry import tracing
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.chassis.web.hot import HotRoute

collector, database, shared, log = sys.argv[1:]
settings = Settings(_env_file=None, database_url=database, redis_url=shared, log_file=log, log_format="json",
                    state_dir=Path(log).parent, otel_exporter_otlp_endpoint=collector)
told = {}

def routes(resources: Resources) -> Routes:
    async def answer() -> dict[str, int]:
        structlog.get_logger("app").info("thinking")
        told.update(tracing.outgoing_headers())
        await resources.shared.run(resources.shared.client.ping())
        return {"answer": await resources.database.fetchval("select 42 + length('hunter2')")}
    async def fail() -> dict[str, int]:
        raise ZeroDivisionError
    return Routes(hot=[HotRoute("/api/answer", answer, "A"), HotRoute("/api/failure", fail, "F")])

class Turns:
    async def take(self, name): return True
    async def close(self): pass
    def cancel_when_lost(self, name, running):
        from contextlib import nullcontext
        return nullcontext()

async def main() -> None:
    tracer = tracing.start_tracing(settings, "1.2.3")
    example = AppManifest("example", Path(), routes, lambda _: (), None)
    service = Service(settings, [example], configure_logging(settings))
    app = service if tracer is None else tracer.wrap(service)
    said, heard = asyncio.Queue(), asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan"}, said.get, heard.put))
    await said.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        got = await client.get("/api/answer", headers={"traceparent": sys.stdin.read().strip()})
        failed = await client.get("/api/failure")
        await client.get("/health/live")
    async def drain() -> None:
        worker.stop()
    worker = Worker([PeriodicTask("sweep", 0.01, drain, 5)], Turns())
    await worker.run(5)
    await said.put({"type": "lifespan.shutdown"})
    await running
    loaded = sorted(name for name in sys.modules if name.startswith("roadworthy.chassis.telemetry.otlp"))
    print(json.dumps({"told": told, "answer": got.json(), "failure": failed.json(), "loaded": loaded,
                      "request_id": got.headers["x-request-id"]}))

asyncio.run(main())
"""


@dataclass
class Collector:
    url: str
    spans: list[ProtoSpan] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)

    def named(self, name: str) -> ProtoSpan:
        [found] = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    there = Collector("")

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["content-length"]))
            unpack: Callable[[bytes], bytes] = gzip.decompress if self.headers["content-encoding"] == "gzip" else bytes
            request = ExportTraceServiceRequest.FromString(unpack(body))
            for group in request.resource_spans:
                there.resource |= {one.key: one.value.string_value for one in group.resource.attributes}
                there.spans.extend(span for scope in group.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    there.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield there
    server.shutdown()
    server.server_close()


def run(tmp_path: Path, collector_url: str, database_url: str, valkey_url: str) -> tuple[dict[str, Any], list[Any]]:
    log = tmp_path / "service.log"
    command = [sys.executable, "-c", SCRIPT, collector_url, database_url, valkey_url, str(log)]
    done = subprocess.run(command, input=TRACEPARENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), [json.loads(line) for line in log.read_text().splitlines()]


def attributes(span: ProtoSpan) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_its_statement_its_command_and_a_task_arrive_in_their_traces(
    tmp_path: Path, collector: Collector, database_url: str, valkey_url: str
) -> None:
    said, logged = run(tmp_path, collector.url, database_url, valkey_url)
    request, query = collector.named("GET /api/answer"), collector.named("SELECT")
    commands = [span for span in collector.spans if span.name == "shared tier" and span.trace_id == request.trace_id]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert query.trace_id == request.trace_id
    assert {query.parent_span_id, *(command.parent_span_id for command in commands)} == {request.span_id}
    assert len(commands) == 2  # the rate limit's, and the app's own
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(request)["http.route"] == "/api/answer"
    assert attributes(query)["db.query.text"] == "select ? + length(?)"
    assert collector.named("task sweep").parent_span_id == b""
    assert (collector.resource["service.name"], collector.resource["service.version"]) == ("roadworthy", "1.2.3")
    assert "hunter2" not in str(collector.spans)
    assert not [span.name for span in collector.spans if "health" in span.name]

    failure = collector.named("GET /api/failure")
    assert failure.status.code == 2
    assert said["failure"]["trace_id"] == failure.trace_id.hex() != TRACE
    assert said["told"]["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert said["request_id"] == TRACE
    assert {line["trace_id"] for line in logged if line["event"] == "thinking"} == {TRACE}
    assert {line["trace_id"] for line in logged if "unexpected error" in line["event"]} == {failure.trace_id.hex()}


def test_without_a_collector_nothing_is_loaded_and_nothing_is_added(
    tmp_path: Path, database_url: str, valkey_url: str
) -> None:
    said, logged = run(tmp_path, "", database_url, valkey_url)
    assert (said["loaded"], said["told"], said["answer"]) == ([], {}, {"answer": 49})
    assert "trace_id" not in said["failure"]
    assert not [line for line in logged if "trace_id" in line]
    assert said["request_id"] != TRACE


def test_a_collector_that_is_not_there_costs_nobody_an_answer(
    tmp_path: Path, database_url: str, valkey_url: str
) -> None:
    said, _ = run(tmp_path, f"http://127.0.0.1:{free_port()}", database_url, valkey_url)
    assert said["answer"] == {"answer": 49}

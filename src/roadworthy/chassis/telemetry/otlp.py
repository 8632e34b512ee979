"""OpenTelemetry's SDK at work: spans of requests, statements, the shared tier and tasks, sent over OTLP/HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from roadworthy.chassis.database.slow import Logged, normalised
from roadworthy.chassis.edge.asgi import ASGIApp, Message, Receive, Scope, Send
from roadworthy.chassis.edge.routes import route_of
from roadworthy.chassis.telemetry.context import trace_id
from roadworthy.chassis.telemetry.tracing import NOTHING

SERVICE = "roadworthy"
UNTRACED = frozenset(("/metrics", "/health", "/api/health", "/health/live", "/health/ready"))
NANOSECONDS = 1_000_000_000
FLUSH_SECONDS = 2.0
SERVER_ERROR = 500
POSTGRESQL: Mapping[str, str] = {"db.system.name": "postgresql"}

_propagator = TraceContextTextMapPropagator()


class Spans:
    """The tracer of a process; see `tracing.Tracer`. The SDK reads its other OTEL_* variables by itself.

    Spans are sent in batches beside the event loop, and dropped when nobody takes them.
    """

    def __init__(self, endpoint: str, environment: str, release: str, exporter: SpanExporter | None = None) -> None:
        """`endpoint` is the collector's base address, as the specification has it; `exporter` replaces OTLP."""
        resource = Resource.create({"service.version": release, "deployment.environment.name": environment})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):  # nobody set OTEL_SERVICE_NAME
            resource = resource.merge(Resource({"service.name": SERVICE}))
        self._provider = TracerProvider(resource=resource)
        exporter = exporter or OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE, release)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """`app` with a span for each request."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in UNTRACED:
                await self._request(app, scope, receive, send)
            elif scope["type"] == "lifespan":
                await app(scope, receive, self._flushing(send))
            else:
                await app(scope, receive, send)

        return traced

    def query_ended(self, ended: Logged) -> None:
        """A span of a statement that has ended, in the span that asked for it."""
        if not trace.get_current_span().get_span_context().is_valid:
            return
        now = time.time_ns()
        text = normalised(ended.query)
        word = text.partition(" ")[0].upper()
        attributes = {**POSTGRESQL, "db.query.text": text, "db.operation.name": word}
        started = now - int(ended.elapsed * NANOSECONDS)
        span = self._tracer.start_span(word, kind=SpanKind.CLIENT, start_time=started, attributes=attributes)
        error = getattr(ended, "exception", None)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.end(now)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str]) -> Iterator[Span]:
        """A span around a block; logs inside name its trace."""
        with self._tracer.start_as_current_span(name, attributes=dict(attributes)) as span:
            token = trace_id.set(_hex(span))
            try:
                yield span
            finally:
                trace_id.reset(token)

    def inner_span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
        """A span around a call to another system, if it belongs to a trace."""
        if not trace.get_current_span().get_span_context().is_valid:
            return NOTHING
        return self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=dict(attributes))

    def outgoing(self) -> Mapping[str, str]:
        """The trace as W3C headers."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier

    def close(self) -> None:
        """Send what is left; blocks until it is sent or given up."""
        self._provider.shutdown()

    async def _request(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        attributes = {"http.request.method": method, "url.path": scope["path"], "url.scheme": scope["scheme"]}
        span = self._tracer.start_span(method, _parent(scope), SpanKind.SERVER, attributes)
        identifier = _hex(span)
        if not any(name == b"x-request-id" for name, _ in scope["headers"]):
            scope["headers"] = [*scope["headers"], (b"x-request-id", identifier.encode())]

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note_answer(span, message)
            await send(message)

        with trace.use_span(span, end_on_exit=True, record_exception=False):
            trace_id.set(identifier)
            try:
                await app(scope, receive, noting)
            finally:
                _note_route(span, scope, method)

    def _flushing(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._flush()
            await send(message)

        return sending

    async def _flush(self) -> None:
        """Send what is left, without a stop that waits for a collector that is gone."""
        sent, loop = asyncio.Event(), asyncio.get_running_loop()

        def finish() -> None:
            self.close()
            with suppress(RuntimeError):  # the loop did not wait
                loop.call_soon_threadsafe(sent.set)

        threading.Thread(target=finish, daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(sent.wait(), FLUSH_SECONDS)


def _parent(scope: Scope) -> Context:
    carrier = {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (b"traceparent", b"tracestate")
    }
    return _propagator.extract(carrier, Context())


def _note_answer(span: Span, message: Message) -> None:
    status = message["status"]
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
    request_id = next((value for name, value in message["headers"] if name == b"x-request-id"), b"")
    span.set_attribute("http.response.header.x-request-id", request_id.decode("latin-1"))


def _note_route(span: Span, scope: Scope, method: str) -> None:
    route = route_of(scope, "")
    if route:
        span.set_attribute("http.route", route)
        span.update_name(f"{method} {route}")
    client = scope.get("client")
    if client:
        span.set_attribute("client.address", client[0])


def _hex(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"

"""Traces for OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT names a collector; nothing of it is imported otherwise.

Like OpenTelemetry's own, the tracer is one a process: spans must be begun far from where anything could be handed down.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from roadworthy.chassis.database.slow import Logged
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings

NOTHING: AbstractContextManager[object] = nullcontext()


class Tracer(Protocol):
    """What makes spans."""

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """`app` with a span for each request; what is left is sent when it shuts down."""

    def query_ended(self, ended: Logged) -> None:
        """Make a span of a statement, normalised, that belongs to a span; asyncpg calls this for each."""

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
        """A span around a block: of the span around it, or a trace of its own."""

    def inner_span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
        """A span around a block that belongs to a span; nothing where there is none."""

    def outgoing(self) -> Mapping[str, str]:
        """Headers that carry the trace on to somebody else."""


_current: Tracer | None = None


def start_tracing(settings: Settings, release: str) -> Tracer | None:
    """Trace this process; None, and nothing is imported, without OTEL_EXPORTER_OTLP_ENDPOINT.

    Raises:
        StartupError: the packages that it takes are not installed.
    """
    global _current  # noqa: PLW0603  # see above
    if not settings.otel_exporter_otlp_endpoint:
        return None
    try:
        from roadworthy.chassis.telemetry.otlp import Spans  # noqa: PLC0415 - 0.3 s that a process without it saves
    except ModuleNotFoundError as error:
        raise StartupError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and no module is named {error.name!r}",
            "pip install 'roadworthy[otel]', or leave the setting out",
        ) from None
    _current = Spans(settings.otel_exporter_otlp_endpoint, settings.environment.value, release)
    return _current


def current() -> Tracer | None:
    """The tracer of this process, if it has one."""
    return _current


def inner_span(name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
    """A span around a block, where somebody traces what it belongs to."""
    return NOTHING if _current is None else _current.inner_span(name, attributes)


def span(name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]:
    """A span around a block, where somebody traces; it may begin a trace."""
    return NOTHING if _current is None else _current.span(name, attributes)


def outgoing_headers() -> Mapping[str, str]:
    """What a request to another service says so that its spans join ours: W3C traceparent; nothing without a trace."""
    return {} if _current is None else _current.outgoing()

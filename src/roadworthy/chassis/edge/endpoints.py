"""What the edge answers itself: health and metrics, whatever app is inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roadworthy.chassis.edge.client import is_internal
from roadworthy.chassis.edge.problems import CONTENT_TYPE as PROBLEM
from roadworthy.chassis.edge.problems import problem_body
from roadworthy.chassis.edge.routes import Endpoint, EndpointAnswer
from roadworthy.chassis.errors import NotFound
from roadworthy.chassis.telemetry.health import Health
from roadworthy.chassis.telemetry.metrics import Metrics

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"
EXPOSITION: Final = b"text/plain; version=0.0.4; charset=utf-8"


def endpoints(health: Health, metrics: Metrics, *, metrics_for_all: bool) -> Mapping[str, Endpoint]:
    """Endpoints by path. Metrics are for private addresses only, unless `metrics_for_all`."""

    async def document(_address: str) -> EndpointAnswer:
        status, body = await health.document()
        return EndpointAnswer(status, JSON, body)

    async def live(_address: str) -> EndpointAnswer:
        return EndpointAnswer(200, TEXT, b"alive\n")

    async def ready(_address: str) -> EndpointAnswer:
        if await health.ready():
            return EndpointAnswer(200, TEXT, b"ready\n")
        return EndpointAnswer(503, TEXT, b"draining\n" if health.draining else b"not ready: see /health\n")

    async def exposition(address: str) -> EndpointAnswer:
        if metrics_for_all or is_internal(address):
            return EndpointAnswer(200, EXPOSITION, await metrics.render())
        return EndpointAnswer(404, PROBLEM, problem_body(NotFound()))

    return {
        "/health": document,
        "/api/health": document,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": exposition,
    }

"""An edge around an app that a test writes in three lines, and a client without a server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.settings import settings_from

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.edge.asgi import ASGIApp, Message, Receive, Scope, Send
from roadworthy.chassis.edge.build import edge_from_settings
from roadworthy.chassis.edge.edge import Edge
from roadworthy.chassis.edge.policy import RoutePolicy
from roadworthy.chassis.telemetry.health import Dependency, Health
from roadworthy.chassis.telemetry.metrics import Metrics
from roadworthy.chassis.telemetry.output import LogOutput


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name.encode()].decode()

    def get(self, name: str) -> str | None:
        value = dict(self.headers).get(name.encode())
        return None if value is None else value.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def _ask(
    app: ASGIApp,
    path: str = "/",
    *,
    method: str = "GET",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes | list[bytes] = b"",
    client: str = "192.0.2.1",
    scheme: str = "http",
    query: str = "",
) -> Answer:
    """One request, as a server would make it."""
    pairs = headers.items() if isinstance(headers, dict) else headers or []
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), *((name.encode(), value.encode()) for name, value in pairs)],
        "client": (client, "12345"),
        "server": ("testserver", "80"),
        "state": {},
        "extensions": {},
    }
    chunks = [body] if isinstance(body, bytes) else list(body)
    answer = Answer()

    async def receive() -> Message:
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert answer.status == 0, "two heads"
            answer.status, answer.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            assert answer.status, "a body before the head"
            assert not answer.complete, "more after the end"
            answer.body += message.get("body", b"")
            answer.complete = not message.get("more_body", False)

    await app(scope, receive, send)
    return answer


def _answering(
    body: bytes = b'{"ok": true}', status: int = 200, content_type: str = "application/json", **headers: str
) -> ASGIApp:
    """An app that answers everything alike."""
    pairs = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return app


Making = Callable[..., Awaitable[Edge]]


@pytest.fixture
def ask() -> Callable[..., Awaitable[Answer]]:
    return _ask


@pytest.fixture
def answering() -> Callable[..., ASGIApp]:
    return _answering


@pytest.fixture
async def making(tmp_path: Path) -> AsyncIterator[Making]:
    """Makes running edges: `await making(app, policies=[...], RATE_LIMIT_PER_MINUTE=5)`."""
    stack = contextlib.AsyncExitStack()
    number = itertools.count()

    async def make(
        app: ASGIApp,
        *,
        policies: tuple[RoutePolicy, ...] = (),
        dependencies: tuple[Dependency, ...] = (),
        shared: SharedTier | None = None,
        cache: Cache | None = None,
        processes: int = 1,
        log: Path | None = None,
        error_pages: dict[int, bytes] | None = None,
        **values: Any,
    ) -> Edge:
        edge = edge_from_settings(
            app,
            settings_from(**values),
            health=Health(dependencies, "1.2.3"),
            metrics=Metrics(tmp_path / f"metrics{next(number)}"),
            output=LogOutput(log) if log else None,
            shared=shared,
            cache=cache,
            policies=policies,
            processes=processes,
            error_pages=error_pages,
        )
        return await stack.enter_async_context(edge.running())

    async with stack:
        yield make

"""One ASGI object in front of any ASGI app."""

from __future__ import annotations

import os
from itertools import count
from typing import Self

from roadworthy.chassis.edge.asgi import ASGIApp, Message, Receive, Scope, Send
from roadworthy.chassis.edge.security import security_headers
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.health import Health


class Edge:
    """Gives every answer a request id and security headers, and answers for the service's health itself."""

    __slots__ = ("_counter", "_headers", "_prefix", "app", "health")

    def __init__(self, app: ASGIApp, *, health: Health) -> None:
        """Wrap `app`, any ASGI 3 application."""
        self.app = app
        self.health = health
        self._headers = security_headers(https=False)
        self._prefix = os.urandom(8).hex().encode()
        self._counter = count()

    @classmethod
    def from_settings(cls, app: ASGIApp, settings: Settings, *, health: Health) -> Self:
        """The edge as the settings want it."""
        del settings
        return cls(app, health=health)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection: HTTP through the edge, anything else straight to the app."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        extra = (*self._headers, (b"x-request-id", b"%s%08x" % (self._prefix, next(self._counter))))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        if scope["path"] in ("/health", "/api/health", "/health/ready"):
            status, body = await self.health.document()
            await send_with_headers(
                {
                    "type": "http.response.start",
                    "status": status,
                    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
                }
            )
            await send_with_headers({"type": "http.response.body", "body": body})
            return
        await self.app(scope, receive, send_with_headers)

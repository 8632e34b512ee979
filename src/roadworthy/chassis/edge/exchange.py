"""One request on its way through the app, and its answer on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Mapping
from typing import Any, Final, cast

from roadworthy.chassis.consistency import WROTE_SECONDS
from roadworthy.chassis.edge.asgi import Header, Message, Receive, Scope, Send
from roadworthy.chassis.edge.compression import BODY_BYTES_MIN, FOR_ONE, Negotiation, compress, is_compressible
from roadworthy.chassis.edge.problems import CONTENT_TYPE, problem_body, unexpected_body
from roadworthy.chassis.edge.routes import Plan
from roadworthy.chassis.edge.security import with_security
from roadworthy.chassis.edge.validators import BODY_BYTES_MAX, matches, may_have_etag, quick_etag, weakened
from roadworthy.chassis.errors import BodyTooLarge, DeadlineExceeded, RoadworthyError

START: Final = "http.response.start"
BODY: Final = "http.response.body"
EMPTY: Final[Message] = {"type": BODY, "body": b""}
# nginx collects an answer before it passes it on, and an event would wait for the next ones.
UNBUFFERED: Final[Header] = (b"x-accel-buffering", b"no")
NO_STORE: Final[Header] = (b"cache-control", b"no-store")
WROTE_NAME: Final = b"roadworthy_wrote="
WROTE: Final[Header] = (b"set-cookie", WROTE_NAME + b"1; Max-Age=%d; Path=/; HttpOnly; SameSite=Lax" % WROTE_SECONDS)
WROTE_OVER_TLS: Final[Header] = (WROTE[0], WROTE[1] + b"; Secure")
GATHER_BYTES_MAX: Final = 1024 * 1024
HTML: Final = b"text/html; charset=utf-8"
READS: Final = frozenset(("GET", "HEAD"))
OK, PARTIAL, NOT_MODIFIED = 200, 206, 304

_negotiation = Negotiation(FOR_ONE)


NOTHING: Final = cast("Generator[None, None, None]", iter(()))


class _Done:
    """What is done already can be awaited any number of times."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return NOTHING


DONE: Final = _Done()


class Exchange:
    """Holds the head of the app's answer until it has seen the body, then sends both as they should be.

    A body that comes whole gets an ETag and may be compressed; so does one in parts that says its length first.
    Other streams pass as they come, and the deadline ends where they begin.
    """

    __slots__ = (
        "_gathered_bytes",
        "_parts",
        "_receive",
        "_send",
        "_start",
        "address",
        "expired",
        "extra",
        "finished",
        "head_only",
        "headers",
        "identifier",
        "method",
        "plan",
        "refusal",
        "scope",
        "sent_bytes",
        "started",
        "started_at",
        "status",
        "taken_bytes",
        "task",
    )

    def __init__(  # noqa: PLR0917  # built for each request: keywords would cost it 0.3 us
        self,
        scope: Scope,
        plan: Plan,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        started_at: float,
        address: str,
        identifier: str,
    ) -> None:
        """Take the request, and its `headers` by name. `extra` goes with any answer to it."""
        self.scope = scope
        self.plan = plan
        self.headers = headers
        self.extra: tuple[Header, ...] = ()
        self._receive = receive
        self._send = send
        self.started_at = started_at
        self.address = address
        self.identifier = identifier
        self.method: str = scope["method"]
        self.head_only = self.method == "HEAD"
        self.task: asyncio.Task[Any] | None = None
        self.expired = False
        self.refusal: RoadworthyError | None = None
        self.started = self.finished = False
        self.status = 500
        self.sent_bytes = self.taken_bytes = self._gathered_bytes = 0
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """What the app calls for the request's body.

        Raises:
            BodyTooLarge: more came than the route takes; the answer is then a 413, whatever the app makes of it.
        """
        message = await self._receive()
        if message["type"] == "http.request":
            self.taken_bytes += len(message.get("body", b""))
            if self.taken_bytes > self.plan.body_limit_bytes:
                self.refusal = BodyTooLarge(f"This route takes {self.plan.body_limit_bytes} bytes.")
                raise self.refusal
        return message

    @property
    def wrote_lately(self) -> bool:
        """Whether the client changed something a moment ago, and must see it."""
        return WROTE_NAME in self.headers.get(b"cookie", b"")

    def note_write(self) -> None:
        """Have the client remember for a moment that it changed something."""
        if not self.started:
            self.extra += (WROTE_OVER_TLS if self.scope.get("scheme") == "https" else WROTE,)

    def send(self, message: Message) -> Awaitable[None]:
        """What the app calls with its answer. No coroutine of its own: there are two messages to each answer."""
        if self.refusal is not None and not self.started:
            return DONE  # the edge answers in the app's place
        kind = message["type"]
        if kind == START:
            self._start = message
            return DONE
        if kind != BODY:
            return self._pass_on(message)
        if self.started:
            return self._stream(message)
        start = self._start
        if start is None:
            raise RuntimeError("the app sent a body before it began its answer")
        if message.get("more_body", False) or self._parts:
            return self._gather(start, message)
        return self._whole(start["status"], list(start.get("headers", ())), message.get("body", b""))

    async def respond(self, status: int, content_type: bytes, body: bytes, *more: Header) -> None:
        """Answer for the edge itself: where there is a page that says the same, a browser gets that."""
        page = self.plan.error_pages.get(status)
        if page is not None and b"text/html" in self.headers.get(b"accept", b""):
            content_type, body = HTML, page
        length = (b"content-length", b"%d" % len(body))
        await self._whole(status, [(b"content-type", content_type), length, NO_STORE, *more], body)

    def expire(self) -> None:
        """Stop the app: it had its time. Whatever it still says is not heard."""
        self.expired = True
        self.refusal = DeadlineExceeded(f"There was none within {self.plan.deadlines.timeout_seconds:g} seconds.")
        if self.task is not None:
            self.task.cancel()

    async def refuse(self, error: RoadworthyError, *more: Header) -> None:
        """Answer with a problem document; the connection ends when the request was not read to its end."""
        if isinstance(error, BodyTooLarge):
            more = (*more, (b"connection", b"close"))
        await self.respond(error.status.value, CONTENT_TYPE, problem_body(error), *more)

    async def fail(self) -> None:
        """Answer for an app that could not."""
        await self.respond(500, CONTENT_TYPE, unexpected_body())

    async def _gather(self, start: Message, message: Message) -> None:
        """Take a part of a body that promised its length, or begin to stream it."""
        body = message.get("body", b"")
        self._parts.append(body)
        if not message.get("more_body", False):
            await self._whole(start["status"], list(start.get("headers", ())), b"".join(self._parts))
            return
        self._gathered_bytes += len(body)
        if self._gathered_bytes > _promised_bytes(start):
            await self._begin_stream(start)

    async def _whole(self, status: int, headers: list[Header], body: bytes) -> None:
        present = dict(headers)
        if b"content-type" not in present and headers:
            headers = [(name.lower(), value) for name, value in headers]  # ASGI asks for lower case; not every app does
            present = dict(headers)
        size = len(body)
        if size:
            if status == OK and size <= BODY_BYTES_MAX and (etag := _etag(headers, present, body)):
                candidates = self.headers.get(b"if-none-match")
                # After a write, 304 would tell the client that nothing happened.
                if candidates is not None and self.method in READS and matches(candidates, etag):
                    await self._not_modified(headers, present)
                    return
            if size >= BODY_BYTES_MIN and status != PARTIAL and _may_be_encoded(present):
                headers = with_vary(headers, present)
                coding = _negotiation.choose(self.headers.get(b"accept-encoding"))
                if coding is not None:
                    body = await compress(coding, body, kept=False)
                    size = len(body)
                    headers = encoded(headers, coding, size)
                    present = dict(headers)
            if b"content-length" not in present:
                headers.append((b"content-length", b"%d" % size))
        headers = with_security(headers, present)
        headers.append((b"x-request-id", self.identifier.encode()))
        headers.extend(self.extra)
        self.status = status
        self.started = self.finished = True
        self.sent_bytes = 0 if self.head_only else size
        await self._send({"type": START, "status": status, "headers": headers})
        await self._send(EMPTY if self.head_only else {"type": BODY, "body": body})

    async def _not_modified(self, headers: list[Header], present: Mapping[bytes, bytes]) -> None:
        if is_compressible(present.get(b"content-type", b"")):
            headers = with_vary(headers, present)
        await self.give(NOT_MODIFIED, with_security(not_modified(headers), present), EMPTY, 0)

    async def give(self, status: int, headers: list[Header], body: Message, size: int) -> None:
        """Send a whole answer as it is, with what goes with any; `headers` is changed."""
        await self._head(status, headers)
        self.finished = True
        self.sent_bytes = 0 if self.head_only else size
        await self._send(EMPTY if self.head_only else body)

    async def _head(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.started = True
        headers.append((b"x-request-id", self.identifier.encode()))
        headers.extend(self.extra)
        await self._send({"type": START, "status": status, "headers": headers})

    async def _begin_stream(self, start: Message) -> None:
        self.plan.deadlines.forget(self)
        headers = [(name.lower(), value) for name, value in start.get("headers", ())]
        present = dict(headers)
        if present.get(b"content-type", b"").startswith(b"text/event-stream") and UNBUFFERED[0] not in present:
            headers.append(UNBUFFERED)
        await self._head(start["status"], with_security(headers, present))
        if self._parts:
            await self._stream({"type": BODY, "body": b"".join(self._parts), "more_body": True})
            self._parts.clear()

    async def _stream(self, message: Message) -> None:
        more = message.get("more_body", False)
        self.finished = not more
        if not self.head_only:
            self.sent_bytes += len(message.get("body", b""))
            await self._send(message)
        elif not more:
            await self._send(EMPTY)

    async def _pass_on(self, message: Message) -> None:
        """Pass on what is neither head nor body: files sent by path, early hints, trailers."""
        if message["type"] == "http.response.pathsend" and not self.started and self._start is not None:
            await self._begin_stream(self._start)
            self.finished = True
            if self.head_only:
                message = EMPTY
        await self._send(message)


def _may_be_encoded(present: Mapping[bytes, bytes]) -> bool:
    return (
        is_compressible(present.get(b"content-type", b""))
        and b"content-encoding" not in present
        and b"no-transform" not in present.get(b"cache-control", b"")
    )


def _promised_bytes(start: Message) -> int:
    """Length that the answer gives itself, 0 when it gives none or one too large to wait for."""
    length = dict(start.get("headers", ())).get(b"content-length", b"")
    return int(length) if length.isdigit() and int(length) <= GATHER_BYTES_MAX else 0


def _etag(headers: list[Header], present: Mapping[bytes, bytes], body: bytes) -> bytes | None:
    etag = present.get(b"etag")
    if etag is None and may_have_etag(present):
        etag = quick_etag(body)
        headers.append((b"etag", etag))
    return etag


def with_vary(headers: list[Header], present: Mapping[bytes, bytes]) -> list[Header]:
    """`headers` that say that Accept-Encoding matters."""
    if b"vary" not in present:
        return [*headers, (b"vary", b"Accept-Encoding")]
    vary = b", ".join(value for name, value in headers if name == b"vary")
    if b"accept-encoding" in vary.lower() or vary.strip() == b"*":
        return headers
    return [*(header for header in headers if header[0] != b"vary"), (b"vary", vary + b", Accept-Encoding")]


def encoded(headers: list[Header], coding: bytes, size: int) -> list[Header]:
    """`headers` of the same answer in a content coding."""
    changed = [
        (name, weakened(value) if name == b"etag" else value) for name, value in headers if name != b"content-length"
    ]
    return [*changed, (b"content-encoding", coding), (b"content-length", b"%d" % size)]


def not_modified(headers: list[Header]) -> list[Header]:
    """Those of `headers` that belong to a 304: about the answer, not about its body."""
    return [header for header in headers if not header[0].startswith(b"content-")]

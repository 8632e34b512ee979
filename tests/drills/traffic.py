"""Open-loop load over HTTP/1.1, plain or over TLS, that tells what became of every request.

A request is due at a time of its own, whether or not earlier ones are answered; its latency counts from then.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field

ANSWER_TIMEOUT_SECONDS = 20.0
CONNECT_TIMEOUT_SECONDS = 5.0
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `status` 0 where nothing did, and then `lost` says why."""

    due: float
    seconds: float
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: str = ""
    request: str = ""

    @property
    def declared(self) -> bool:
        """Whether it is good, or an error as `docs/guarantees.md` declares them: 503 says when to ask again.

        Under /api the error is a problem document, elsewhere a page will do.
        """
        if self.status < 500:
            return self.status > 0
        hint = self.status != 503 or "retry-after" in self.headers
        return self.status in {503, 504} and hint and (self._is_problem() or not self._of_api())

    def _of_api(self) -> bool:
        return self.request.partition(" ")[2].startswith("/api")

    def _is_problem(self) -> bool:
        is_one = self.headers.get("content-type", "").startswith("application/problem+json")
        return is_one and json.loads(self.body)["status"] == self.status


REFUSED, UNANSWERED, LATE = "refused", "unanswered", "late"


@dataclass(slots=True)
class Tally:
    """All answers of a run."""

    answers: list[Answer] = field(default_factory=list)

    def statuses(self) -> Mapping[int, int]:
        return dict(sorted(Counter(one.status for one in self.answers if one.status).items()))

    def lost(self, how: str | None = None) -> int:
        return sum(1 for one in self.answers if one.lost and how in (None, one.lost))

    def percentile(self, share: float) -> float:
        """Latency in milliseconds; infinity where nothing was answered."""
        ordered = sorted(one.seconds for one in self.answers if one.status)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("inf")

    def count(self, test: Callable[[Answer], bool]) -> int:
        return sum(map(test, self.answers))


@dataclass(slots=True)
class Target:
    """Where to send. `host` goes into the Host header; `tls` is None for plain HTTP."""

    port: int
    host: str
    tls: ssl.SSLContext | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self.host if self.tls else None
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls, server_hostname=name)

    def encode(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", "Accept: */*"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Connection:
    """One kept connection; made anew when it is not there."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, due: float, method: str, path: str, body: bytes = b"") -> Answer:
        """One request, and whatever came of it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await self._ask(due, method, path, body)
        except TimeoutError:
            self.close()
            return Answer(due, time.monotonic() - due, 0, lost=LATE, request=f"{method} {path}")

    async def _ask(self, due: float, method: str, path: str, body: bytes) -> Answer:
        if self._streams is None or self._streams[0].at_eof() or self._streams[1].is_closing():
            self.close()
            try:
                self._streams = await self._target.connect()
            except (OSError, TimeoutError):
                return Answer(due, time.monotonic() - due, 0, lost=REFUSED, request=f"{method} {path}")
        reader, writer = self._streams
        try:
            writer.write(self._target.encode(method, path, body))
            await writer.drain()
            status, headers, content = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return Answer(due, time.monotonic() - due, 0, lost=UNANSWERED, request=f"{method} {path}")
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(due, time.monotonic() - due, status, headers, content, request=f"{method} {path}")

    def close(self) -> None:
        if self._streams is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._streams[1].transport.abort()
            self._streams = None


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(HEAD_END)).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if status in {204, 304} or status < 200:
        return status, headers, b""
    if "chunked" in headers.get("transfer-encoding", ""):
        return status, headers, b"".join([part async for part in _chunks(reader)])
    return status, headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


@dataclass(slots=True)
class Traffic:
    """Requests at `rate` a second over `connections`, taken in turn from `requests` (method, path, body)."""

    target: Target
    requests: Iterator[tuple[str, str, bytes]]
    rate: float = 200.0
    connections: int = 32
    tally: Tally = field(default_factory=Tally)
    _stopped: bool = False

    async def run(self) -> None:
        """Until `stop`; then every request under way gets its end."""
        queue: asyncio.Queue[tuple[float, str, str, bytes] | None] = asyncio.Queue()
        workers = [asyncio.create_task(self._work(queue)) for _ in range(self.connections)]
        started = time.monotonic()
        for number in itertools.count():
            due = started + number / self.rate
            if self._stopped:
                break
            if (pause := due - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            queue.put_nowait((due, *next(self.requests)))
        for _ in workers:
            queue.put_nowait(None)
        await asyncio.wait_for(asyncio.gather(*workers), 60)

    def stop(self) -> None:
        self._stopped = True

    async def _work(self, queue: asyncio.Queue[tuple[float, str, str, bytes] | None]) -> None:
        connection = Connection(self.target)
        while (task := await queue.get()) is not None:
            self.tally.answers.append(await connection.ask(*task))
        connection.close()

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator[Tally]:
        """Runs beside the block; after it, the tally is complete."""
        running = asyncio.create_task(self.run())
        try:
            yield self.tally
        finally:
            self.stop()
            await running

"""Open-loop load: requests leave at their own rate, whether or not earlier ones have been answered.

`python -m benchmarks.openloop URL PATHS RATE SECONDS CONNECTIONS SEED` prints one RESULT line. Latencies count from the
moment at which a request was meant to leave, so a server that stops for a second does not stop the clock.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from array import array
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.load import LoadFailed
from roadworthy.chassis.processes.lifetime import raise_open_files_limit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
STATUS = slice(9, 12)
OK, REFUSED = b"200", b"503"
TICK_SECONDS = 0.002
GRACE_SECONDS = 12.0
WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Offered:
    """What a rate of requests came to; latencies in milliseconds, of the last three quarters of the time."""

    offered_rps: float
    answered_rps: float
    refused_rps: float
    p50_ms: float
    p99_ms: float
    refused_p50_ms: float
    refused_p99_ms: float
    errors: int


class Request(NamedTuple):
    """One that is meant to leave at `due` (monotonic seconds)."""

    due: float
    data: bytes


class Tally:
    """What was seen, in seconds."""

    def __init__(self, counted_from: float, counted_until: float) -> None:
        """Count what was due between these moments."""
        self._from, self._until = counted_from, counted_until
        self.answered, self.refused = array("d"), array("d")
        self.answers = 0
        """Answers that came between them, whenever they were due: what the server got done in that time."""
        self.errors = 0

    def note(self, request: Request, status: bytes) -> None:
        """Count an answer."""
        now = time.monotonic()
        self.answers += status == OK and self._from <= now <= self._until
        if request.due < self._from:
            return
        seconds = now - request.due
        if status == OK:
            self.answered.append(seconds)
        elif status == REFUSED:
            self.refused.append(seconds)
        else:
            self.errors += 1


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, source: Source) -> None:
        """Take where requests come from and answers go to."""
        self._source = source
        self._buffer = b""
        self._request: Request | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)  # of another class with uvloop
        self._source.ready(self)

    def send(self, request: Request) -> None:
        """Ask."""
        self._request = request
        self._transport.write(request.data)

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole."""
        self._buffer += data
        head = self._buffer.find(HEAD_END)
        if head < 0 or self._request is None:
            return
        length = LENGTH.search(self._buffer, 0, head)
        whole = head + len(HEAD_END) + (int(length[1]) if length else 0)
        if len(self._buffer) >= whole:
            self._source.tally.note(self._request, self._buffer[STATUS])
            self._buffer, self._request = self._buffer[whole:], None
            self._source.ready(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Count what it took with it."""
        del error
        self._source.lost(unanswered=self._request is not None)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Source:
    """Hands requests to connections at their time; one that finds none waits, and its clock runs."""

    def __init__(self, host: str, port: int, requests: list[bytes]) -> None:
        """Take the server, and what to ask of it."""
        self._host, self._port, self._requests = host, port, requests
        self.tally = Tally(0.0, 0.0)
        self._idle: deque[Connection] = deque()
        self._due: deque[Request] = deque()
        self._all: set[Connection] = set()
        self._closing = False

    async def connect(self, connections: int) -> None:
        """Open every connection before the first request leaves."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            made = await loop.create_connection(lambda: Connection(self), self._host, self._port)
            self._all.add(made[1])

    async def run(self, rate: float, began: float, seconds: float) -> None:
        """Send `rate` requests a second, evenly."""
        number = 0
        while (now := time.monotonic()) < began + seconds:
            while (due := began + number / rate) <= now:
                self._leave(Request(due, random.choice(self._requests)))
                number += 1
            await asyncio.sleep(TICK_SECONDS)
        deadline = time.monotonic() + GRACE_SECONDS
        while len(self._idle) < len(self._all) and time.monotonic() < deadline:  # noqa: ASYNC110  # a handful of looks
            await asyncio.sleep(0.02)
        self.tally.errors += len(self._all) - len(self._idle)
        self._closing = True
        for connection in self._all:
            connection.close()

    def ready(self, connection: Connection) -> None:
        """Use `connection` again."""
        if self._due:
            connection.send(self._due.popleft())
        else:
            self._idle.append(connection)

    def lost(self, *, unanswered: bool) -> None:
        """Count a connection that the server closed."""
        if not self._closing:
            self.tally.errors += 1 + unanswered

    def _leave(self, request: Request) -> None:
        if self._idle:
            self._idle.popleft().send(request)
        else:
            self._due.append(request)


def offer(url: str, paths: Path, rate: float, *, seconds: float, connections: int, seed: int) -> Offered:
    """Offer `rate` requests a second, from a process of its own."""
    numbers = [str(rate), str(seconds), str(connections), str(seed)]
    command = [sys.executable, "-m", "benchmarks.openloop", url, str(paths), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 4 * GRACE_SECONDS)
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise LoadFailed(f"the open-loop generator failed: {(done.stdout + done.stderr).strip()[-1000:]}")
    return Offered(**json.loads(results[0].removeprefix("RESULT ")))


def _requests(url: str, paths: str) -> list[bytes]:
    tail = f" HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n"
    return [f"GET {path}{tail}".encode() for path in Path(paths).read_text(encoding="ascii").splitlines()]


async def _offer(url: str, requests: list[bytes], rate: float, seconds: float, connections: int) -> Offered:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    source = Source(host, port, requests)
    await source.connect(connections)
    began = time.monotonic()
    tally = source.tally = Tally(began + seconds * WARM_UP_SHARE, began + seconds)
    await source.run(rate, began, seconds)
    return _summed(tally, rate, seconds * (1 - WARM_UP_SHARE))


def _summed(tally: Tally, rate: float, seconds: float) -> Offered:
    answered, refused = sorted(tally.answered), sorted(tally.refused)
    return Offered(
        rate,
        answered_rps=round(tally.answers / seconds, 1),
        refused_rps=round(len(refused) / seconds, 1),
        p50_ms=_percentile(answered, 0.5),
        p99_ms=_percentile(answered, 0.99),
        refused_p50_ms=_percentile(refused, 0.5),
        refused_p99_ms=_percentile(refused, 0.99),
        errors=tally.errors,
    )


def _percentile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2) if ordered else 0.0


def main() -> None:
    """Print what one rate came to."""
    url, paths, rate, seconds, connections, seed = sys.argv[1:]
    random.seed(int(seed))
    raise_open_files_limit()
    found = uvloop.run(_offer(url, _requests(url, paths), float(rate), float(seconds), int(connections)))
    print(f"RESULT {json.dumps({name: getattr(found, name) for name in Offered.__slots__})}")


if __name__ == "__main__":
    main()

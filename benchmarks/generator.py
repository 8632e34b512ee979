"""A small closed-loop HTTP load generator, for machines without `wrk`: it needs more of the processor than wrk does.

`python -m benchmarks.generator URL PATHS CONNECTIONS SECONDS SEED PROCESSES TIMEOUT_SECONDS` prints one RESULT line.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from array import array
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
STATUS = slice(9, 12)  # of "HTTP/1.1 200 OK"


class Plan(NamedTuple):
    """What one process does."""

    host: str
    port: int
    paths: str
    connections: int
    seconds: float
    seed: int
    timeout_seconds: float


@dataclass(slots=True)
class Tally:
    """What one process saw; latencies in seconds."""

    latencies: array[float] = field(default_factory=lambda: array("d"))
    bytes: int = 0
    status_errors: int = 0
    socket_errors: int = 0
    timeouts: int = 0

    def add(self, other: Tally) -> None:
        """Take in what another process saw."""
        self.latencies.extend(other.latencies)
        for name in ("bytes", "status_errors", "socket_errors", "timeouts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Client(asyncio.Protocol):
    """One connection: sends a request, reads the whole answer, sends the next."""

    def __init__(self, requests: list[bytes], tally: Tally, timeout_seconds: float) -> None:
        """Take what to ask for and where to count."""
        self._requests, self._tally, self._timeout_seconds = requests, tally, timeout_seconds
        self._buffer = b""
        self._sent_at = 0.0
        self._stopped = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)  # of another class with uvloop
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole."""
        self._buffer += data
        head_length = self._buffer.find(HEAD_END)
        if head_length < 0:
            return
        length = LENGTH.search(self._buffer, 0, head_length)
        whole = head_length + len(HEAD_END) + (int(length[1]) if length else 0)
        if len(self._buffer) >= whole:
            self._count(self._buffer[STATUS], whole)
            self._buffer = self._buffer[whole:]
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """A connection that the server closes counts as an error, and is not made again."""
        del error
        if not self._stopped:
            self._tally.socket_errors += 1

    def stop(self) -> None:
        """Ask no more; an answer that is still out and late counts as such."""
        self._stopped = True
        self._tally.timeouts += time.perf_counter() - self._sent_at > self._timeout_seconds
        self._transport.close()

    def _count(self, status: bytes, length: int) -> None:
        latency = time.perf_counter() - self._sent_at
        self._tally.latencies.append(latency)
        self._tally.bytes += length
        self._tally.status_errors += status >= b"400"
        self._tally.timeouts += latency > self._timeout_seconds

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(random.choice(self._requests))


async def load(plan: Plan, requests: list[bytes]) -> Tally:
    """Keep every connection busy for the time given."""
    tally, loop = Tally(), asyncio.get_running_loop()
    clients = []
    for _ in range(plan.connections):
        try:
            made = loop.create_connection(lambda: Client(requests, tally, plan.timeout_seconds), plan.host, plan.port)
            clients.append((await made)[1])
        except OSError:
            tally.socket_errors += 1
    await asyncio.sleep(plan.seconds)
    for client in clients:
        client.stop()
    return tally


def work(plan: Plan) -> Tally:
    """Run one process's part."""
    random.seed(plan.seed)
    host = f" HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n\r\n"
    requests = [f"GET {path}{host}".encode() for path in Path(plan.paths).read_text(encoding="ascii").splitlines()]
    assert requests, f"no paths in {plan.paths}"
    return uvloop.run(load(plan, requests))


def percentile(ordered: list[float], share: float) -> float:
    """In milliseconds; 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


def main() -> None:
    """Split the connections over the processes, and print the sum of what they saw."""
    url, paths, connections, seconds, seed, processes, timeout_seconds = sys.argv[1:]
    parts, at = int(processes), urlsplit(url)
    shares = [(int(connections) + n) // parts for n in range(parts)]
    plans = [
        Plan(at.hostname or "", at.port or 80, paths, share, float(seconds), int(seed) + n, float(timeout_seconds))
        for n, share in enumerate(shares)
    ]
    total = Tally()
    with ProcessPoolExecutor(parts) as pool:
        for tally in pool.map(work, plans):
            total.add(tally)
    ordered = sorted(total.latencies)
    result = {"requests": len(ordered), "seconds": float(seconds), "bytes": total.bytes}
    result |= {f"p{n}_ms": round(percentile(ordered, n / 100), 3) for n in (50, 95, 99)}
    result |= {name: getattr(total, name) for name in ("status_errors", "socket_errors", "timeouts")}
    print(f"RESULT {json.dumps(result)}")


if __name__ == "__main__":
    main()

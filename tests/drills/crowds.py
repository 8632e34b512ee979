"""Clients that are slow, rude or idle, in crowds: memory stays bounded, and everybody else is served as before."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import psutil
from tests.drills.drill import Conditions, Drill, Report
from tests.drills.product import Product, product, reads
from tests.drills.traffic import ANSWER_TIMEOUT_SECONDS, Answer, Connection, Tally, Target, Traffic, read_answer

from roadworthy.contracts.drills import DrillKind

IDLE, QUICK_IDLE = 10_000, 1_000
RUDE, QUICK_RUDE = 300, 100
RATE = 100.0
LOOK_SECONDS, QUICK_LOOK_SECONDS = 4.0, 1.5
# Two busy cores share the crowd, its victims and the servers: what matters is that nobody waits for somebody else.
P99_FACTOR, P99_FLOOR_MS = 4.0, 500.0
# A machine that stood still for a moment did not do so for the crowd: what the crowd does lasts as long as it is there.
LOOKS_AGAIN = 2
COMES_BACK_SECONDS = 3.0
MEMORY_A_CONNECTION_BYTES = 48 * 1024
MEMORY_SLACK_BYTES = 64 * 1024 * 1024
LONG_HEADER_BYTES = 200_000
ENDLESS_BYTES = 64 * 1024 * 1024
BODY_LIMIT_BYTES = 64 * 1024

Client = Callable[[Target], Coroutine[Any, Any, None]]


async def _idle(target: Target) -> None:
    """Connects and says nothing."""
    _, writer = await target.connect()
    await _stay(writer)


async def _slow_head(target: Target) -> None:
    """Slowloris: a header line now and then."""
    _, writer = await target.connect()
    writer.write(f"GET / HTTP/1.1\r\nHost: {target.host}\r\n".encode())
    await _drip(writer, b"X-More: 1\r\n")


async def _slow_body(target: Target) -> None:
    """Announces a body and sends a byte now and then."""
    _, writer = await target.connect()
    writer.write(f"POST /api/jobs HTTP/1.1\r\nHost: {target.host}\r\nContent-Length: 60000\r\n\r\n".encode())
    await _drip(writer, b"x")


async def _slow_reader(target: Target) -> None:
    """Asks for much, and takes next to nothing of it."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", target.port))
    line.setblocking(False)
    name = target.host if target.tls else None
    _, writer = await asyncio.open_connection(sock=line, ssl=target.tls, server_hostname=name, limit=1024)
    for _ in range(3):
        writer.write(target.encode("GET", "/api/jobs?limit=100"))
    await _stay(writer)


async def _drip(writer: asyncio.StreamWriter, part: bytes) -> None:
    while True:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(1)


async def _stay(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.sleep(3600)


CROWDS: dict[str, Client] = {"slow heads": _slow_head, "slow bodies": _slow_body, "slow readers": _slow_reader}


def run(conditions: Conditions) -> Report:
    idle, rude = (QUICK_IDLE, QUICK_RUDE) if conditions.quick else (IDLE, RUDE)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Each is a descriptor here; half of what there is stays for everything else.
    idle = min(idle, soft // 2 if soft > 0 else idle)
    report = Report(DrillKind.CROWDS, f"{idle} idle connections, {rude} slow clients of each kind, endless bodies")
    databases = conditions.databases
    limits = {"BODY_LIMIT_BYTES": str(BODY_LIMIT_BYTES)}
    with product(conditions.folder, databases.postgres.dsn, databases.valkey.url, settings=limits) as there:
        report.printed["idle connections"] = idle
        asyncio.run(_all(conditions, there, idle, rude, report))
    return report


async def _all(conditions: Conditions, there: Product, idle: int, rude: int, report: Report) -> None:
    ids = await conditions.databases.ids()
    seconds = QUICK_LOOK_SECONDS if conditions.quick and not conditions.planted else LOOK_SECONDS
    if conditions.planted:
        await _crowd(there, there.front, "idle", _hog, 0, ids, report, seconds, _hogs(there))
        return
    for way, target in {"nginx": there.front, "an instance": there.instance(1)}.items():
        await _rudeness(there, target, way, report)
        await _crowd(there, target, f"{idle} idle at {way}", _idle, idle, ids, report, seconds)
        for name, client in CROWDS.items():
            await _crowd(there, target, f"{rude} {name} at {way}", client, rude, ids, report, seconds)


async def _crowd(
    there: Product,
    target: Target,
    name: str,
    client: Client,
    count: int,
    ids: list[int],
    report: Report,
    seconds: float,
    helpers: contextlib.AbstractAsyncContextManager[None] | None = None,
) -> None:
    """Load by itself, then the same with the crowd there."""
    alone = await _load(target, ids, seconds)
    before = there.memory_bytes() + there.nginx_memory_bytes()
    async with helpers or _gathered(target, client, count) as _:
        with_them = await _load(target, ids, seconds)
        for _ in range(LOOKS_AGAIN):
            if _unmoved(alone, with_them):
                break
            with_them = await _load(target, ids, seconds)
        grown = there.memory_bytes() + there.nginx_memory_bytes() - before
    _judge(report, name, count, alone, with_them, grown)


async def _load(target: Target, ids: list[int], seconds: float) -> Tally:
    traffic = Traffic(target, reads(ids), RATE, 16)
    async with traffic.flowing() as tally:
        await asyncio.sleep(seconds)
    return tally


def _unmoved(alone: Tally, crowded: Tally) -> bool:
    return crowded.percentile(0.99) <= max(alone.percentile(0.99) * P99_FACTOR, P99_FLOOR_MS)


def _judge(report: Report, name: str, count: int, alone: Tally, crowded: Tally, grown: int) -> None:
    before, after = alone.percentile(0.99), crowded.percentile(0.99)
    report.printed[name] = f"p99 {before:.0f} -> {after:.0f} ms, memory +{grown / 1_000_000:.0f} MB"
    bad = crowded.count(lambda one: bool(one.lost) or one.status >= 500)
    report.figures["p99_ms"] = max(report.figures.get("p99_ms", 0), round(after))
    report.figures["memory_bytes"] = max(report.figures.get("memory_bytes", 0), grown)
    report.figures["requests"] = report.figures.get("requests", 0) + len(crowded.answers)
    report.demand(len(crowded.answers) > RATE, f"{name}: too few requests were sent to tell")
    report.demand(not bad, f"{name}: {bad} requests of others failed")
    report.demand(_unmoved(alone, crowded), f"{name}: p99 of others {before:.0f} -> {after:.0f} ms")
    allowed = MEMORY_SLACK_BYTES + count * MEMORY_A_CONNECTION_BYTES
    report.demand(grown <= allowed, f"{name}: memory grew by {grown / 1_000_000:.0f} MB")


@contextlib.asynccontextmanager
async def _gathered(target: Target, client: Client, count: int) -> AsyncIterator[None]:
    """`count` clients, all there; whoever is thrown out comes back."""
    limit = asyncio.Semaphore(100)
    there = 0

    async def keep() -> None:
        nonlocal there
        async with limit:
            await asyncio.sleep(0)
        there += 1
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                await client(target)
            await asyncio.sleep(COMES_BACK_SECONDS)

    tasks = [asyncio.create_task(keep()) for _ in range(count)]
    while there < count:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1 + count / 2000)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _hogs(there: Product) -> AsyncIterator[None]:
    """The defect: the instances stop answering for a while, as if slow clients held them."""
    workers = [child.pid for one in there.instances() for child in psutil.Process(one.pid).children()]

    async def hold() -> None:
        while True:
            for how in (signal.SIGSTOP, signal.SIGCONT):
                for pid in workers:
                    os.kill(pid, how)
                await asyncio.sleep(1.2)

    task = asyncio.create_task(hold())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


async def _hog(_target: Target) -> None:
    await asyncio.sleep(0)


async def _rudeness(there: Product, target: Target, way: str, report: Report) -> None:
    """What is too large is refused before it is read, and costs no memory."""
    before = there.memory_bytes()
    heads = await asyncio.gather(*(_raw(target, _huge_head(target)) for _ in range(20)))
    bodies = await asyncio.gather(*(_endless(target) for _ in range(20)))
    grown = there.memory_bytes() - before
    report.printed[f"huge headers, endless bodies at {way}"] = f"{sorted(set(heads))} {sorted(set(bodies))}"
    report.demand(set(heads) <= {400, 414, 431, 0}, f"huge headers at {way}: {sorted(set(heads))}")
    # 405: the board takes no such request, and says so without reading it.
    report.demand(set(bodies) <= {413, 405, 0}, f"endless bodies at {way}: {sorted(set(bodies))}")
    report.demand(grown < MEMORY_SLACK_BYTES, f"rude requests at {way} took {grown / 1_000_000:.0f} MB")
    alive = await _once(target)
    report.demand(alive.status == 200, f"after rude requests {way} answers {alive.status} {alive.lost}")


async def _once(target: Target) -> Answer:
    connection = Connection(target)
    try:
        return await connection.ask(time.monotonic(), "GET", "/health/ready")
    finally:
        connection.close()


def _huge_head(target: Target) -> bytes:
    return target.encode("GET", "/api/jobs", headers={"X-Long": "x" * LONG_HEADER_BYTES})


async def _raw(target: Target, request: bytes) -> int:
    """The status of the answer; 0 where the connection just ended."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            reader, writer = await target.connect()
            try:
                writer.write(request)
                return (await read_answer(reader))[0]
            finally:
                writer.transport.abort()
    except (OSError, asyncio.IncompleteReadError):
        return 0


async def _endless(target: Target) -> int:
    """Sends without end, and says what came back meanwhile."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            reader, writer = await target.connect()
            try:
                writer.write(
                    f"POST /api/jobs HTTP/1.1\r\nHost: {target.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                )
                answer = asyncio.create_task(read_answer(reader))
                sent = 0
                while not answer.done() and sent < ENDLESS_BYTES:
                    writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                    sent += 0x4000
                    with contextlib.suppress(OSError):
                        await writer.drain()
                    await asyncio.sleep(0)
                return (await answer)[0]
            finally:
                writer.transport.abort()
    except (OSError, asyncio.IncompleteReadError):
        return 0


DRILL = Drill(
    "crowds",
    "Slow, rude and idle clients in crowds harm nobody else",
    "the instances stand still now and then, as if slow clients held them",
    run,
)

"""Targets that misbehave: every check ends, none passes, nothing is asked of anybody else, and memory stays small."""

from __future__ import annotations

import asyncio
import gc
import gzip
import itertools
import random
import ssl
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from roadworthy.contracts.checks import Status
from roadworthy.inspection import runner
from roadworthy.inspection.catalogue import BY_REQUIREMENT, CHECKS
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.probes import http as http_module
from roadworthy.inspection.probes import redis as redis_module
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.redis import RedisProbe
from roadworthy.inspection.results import Inspection

OK = b"HTTP/1.1 200 OK\r\n"
HTML = OK + b"content-type: text/html\r\n"
PAGE = b"<html><body><h1>a</h1><p>b</p><a href='/c'>c</a></body></html>"
NOISE = random.Random(7)  # the same nonsense in every run
PATIENCE_SECONDS = 60
MEMORY_BYTES = 64 * 1024 * 1024
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(*chunks: bytes, endlessly: bytes = b"", pause_seconds: float = 0.0) -> Behaviour:
    """Answers each connection with these bytes, then with the last ones for ever, or closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for chunk in chunks:
            writer.write(chunk)
        await writer.drain()
        while endlessly:
            writer.write(endlessly)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return answer


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def closes(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


def whole(head: bytes, body: bytes) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


BOMB = gzip.compress(b"0" * 100_000_000, 9)
ESCAPES = b"server: \x1b]0;owned\x07\x1b[2J\r\nset-cookie: a=\x1b[31mred\r\nx-powered-by: \xff\xfe\r\n"
HOSTILE: dict[str, Behaviour] = {
    "an endless body": says(HTML + b"\r\n", endlessly=b"<p>" * 20_000),
    "endless chunks": says(HTML + b"transfer-encoding: chunked\r\n\r\n", endlessly=b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "a slow drip": says(HTML + b"content-length: 100000\r\n\r\n", endlessly=b"x", pause_seconds=0.05),
    "slow headers": says(OK, endlessly=b"x-a: b\r\n", pause_seconds=0.05),
    "endless headers": says(OK, endlessly=b"x-a: b\r\n" * 1000),
    "one endless header": says(OK + b"x-a: ", endlessly=b"b" * 10_000),
    "thousands of headers": says(whole(HTML + b"".join(b"x-%d: %d\r\n" % (n, n) for n in range(1000)), PAGE)),
    "giant cookies": says(
        whole(HTML + b"".join(b"set-cookie: c%d=%s\r\n" % (n, b"v" * 4000) for n in range(20)), PAGE)
    ),
    "a zip bomb": says(whole(HTML + b"content-encoding: gzip\r\n", BOMB)),
    "a bomb in a bomb": says(whole(HTML + b"content-encoding: gzip, gzip\r\n", gzip.compress(BOMB))),
    "escapes in headers": says(whole(HTML + ESCAPES, PAGE)),
    "no answer": silence,
    "a closed door": closes,
    "no HTTP": says(b"220 mail.example ESMTP ready\r\n" * 50),
    "HTTP 0.9": says(PAGE),
    "random bytes": says(NOISE.randbytes(50_000)),
    "a lying length": says(HTML + b"content-length: 99999999999999999999\r\n\r\n", PAGE),
    "two lengths": says(HTML + b"content-length: 5\r\ncontent-length: 500\r\n\r\n", PAGE),
    "a negative length": says(HTML + b"content-length: -1\r\n\r\n", PAGE),
    "chunks that are none": says(HTML + b"transfer-encoding: chunked\r\n\r\nzz\r\n", PAGE),
    "nothing but 100": says(endlessly=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "another protocol": says(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", endlessly=b"\x81\x00"),
    "status 999": says(b"HTTP/1.1 999 \r\ncontent-length: 0\r\n\r\n"),
    "redirects round": says(whole(b"HTTP/1.1 302 Found\r\nlocation: /again\r\n", b"")),
    "redirects to a file": says(whole(b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\n", b"")),
    "redirects to nonsense": says(whole(b"HTTP/1.1 302 Found\r\nlocation: http://[::1\x1b]:99999999/\r\n", b"")),
}
A_PAGE_NEVERTHELESS = {"thousands of headers", "giant cookies", "escapes in headers"}


@dataclass
class Counted:
    connections: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@asynccontextmanager
async def listening(
    behaviour: Behaviour, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, Counted]]:
    counted = Counted()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted.connections += 1
        counted.tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # it runs in one
        try:
            await behaviour(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, address, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], counted
    finally:
        server.close()
        for task in counted.tasks:
            task.cancel()
        await asyncio.gather(*counted.tasks, return_exceptions=True)


async def inspected(probes: ProbeSet, needs: set[str]) -> Inspection:
    ids = sorted({name for check in CHECKS if check.needs <= needs for name in check.requirements})
    lines = [Mapped(Item(number, (), name), (Requirement(name),)) for number, name in enumerate(ids, start=1)]
    async with asyncio.timeout(PATIENCE_SECONDS + 10), probes:
        return await runner.inspect(
            runner.plan(lines, BY_REQUIREMENT), probes, checklist="x", target="x", limit_seconds=PATIENCE_SECONDS
        )


def harmless(found: Inspection) -> None:
    said = [(answer.check.id, answer.verdict) for line in found.lines for answer in line.answers]
    assert len(said) > 10
    assert [(name, one.summary) for name, one in said if "itself broke" in one.summary] == []
    assert found.seconds < PATIENCE_SECONDS
    texts = [one.summary for _, one in said]
    texts += [text for _, one in said for seen in one.evidence for text in (seen.asked, seen.answer, seen.vantage)]
    texts += [one.remediation.text for _, one in said if one.remediation]
    assert [text for text in texts if "\x1b" in text or "\x07" in text] == [], "an escape reached a report"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"  # what the inspector runs on


# A connection that is given up while it is being made, or in the middle of a handshake, is closed by asyncio's own
# destructor, which warns; the probes never held it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let destructors warn here, not in whatever test the collector comes around in."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "REQUEST_TIMEOUT_SECONDS", 1.2)
    monkeypatch.setattr(redis_module, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr("roadworthy.inspection.probes.postgres.CONNECT_TIMEOUT_SECONDS", 0.5)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_service_harms_nothing(what: str) -> None:
    async with listening(HOSTILE[what]) as (port, counted):
        tracemalloc.start()
        try:
            found = await inspected(ProbeSet(http=HttpProbe(f"http://127.0.0.1:{port}")), {"http"})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    harmless(found)
    passed = [line.mapped.item.text for line in found.lines if line.status is Status.PASS]
    assert passed == [] or what in A_PAGE_NEVERTHELESS
    assert peak < MEMORY_BYTES
    assert counted.connections > 0


@pytest.mark.timeout(120)
async def test_a_redirect_to_elsewhere_is_not_followed() -> None:
    async with listening(says(whole(HTML, PAGE)), "127.0.0.2") as (other, foreign):
        location = b"location: http://127.0.0.2:%d/\r\n" % other
        linked = PAGE.replace(b"/c", b"http://127.0.0.2:%d/c" % other)
        turns = itertools.cycle([whole(b"HTTP/1.1 302 Found\r\n" + location, b""), whole(HTML, linked)])

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(next(turns))
            await writer.drain()

        async with listening(answer) as (port, _):
            harmless(await inspected(ProbeSet(http=HttpProbe(f"http://127.0.0.1:{port}")), {"http"}))
    assert foreign.connections == 0


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    key, made = tmp_path / "key.pem", tmp_path / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(made), "-days", "1", "-subj", "/CN=elsewhere.test"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["nobody's certificate", "no TLS", "silence", "random bytes"])
async def test_invalid_tls_harms_nothing(what: str, certificate: ssl.SSLContext) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x16\x03\x03" + NOISE.randbytes(5000))
        await writer.drain()

    behaviour = {"silence": silence, "random bytes": garbage}.get(what, says(whole(HTML, PAGE)))
    tls = certificate if what == "nobody's certificate" else None
    async with listening(behaviour, tls=tls) as (port, _):
        found = await inspected(ProbeSet(http=HttpProbe(f"https://127.0.0.1:{port}")), {"http"})
    harmless(found)
    passed = [line.mapped.item.text for line in found.lines if line.status is Status.PASS]
    # which versions a port speaks is the port's, whoever vouches for it; all else would be said of nobody knows whom
    assert set(passed) <= {"tls.versions"}, "a certificate that nobody vouches for"


GARBAGE: dict[str, Behaviour] = {
    "silence": silence,
    "a closed door": closes,
}


def speaks(data: bytes, *, endlessly: bool = False) -> Behaviour:
    """Sends bytes to whoever connects."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        while endlessly:
            writer.write(b"x" * 65536)
            await writer.drain()
        await reader.read()

    return answer


async def refuses_tls_and_floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(8)
    writer.write(b"N")
    await speaks(b"D\x7f\xff\xff\xff", endlessly=True)(reader, writer)


POSTGRES: dict[str, Behaviour] = {
    **GARBAGE,
    "no PostgreSQL": speaks(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "random bytes": speaks(b"N" + NOISE.randbytes(5000)),
    "an endless message": speaks(b"D\x7f\xff\xff\xff", endlessly=True),
    "an endless message after a word about TLS": refuses_tls_and_floods,
}
REDIS: dict[str, Behaviour] = {
    **GARBAGE,
    "no Redis": speaks(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "random bytes": speaks(NOISE.randbytes(5000)),
    "an endless line": speaks(b"+OK", endlessly=True),
    "an endless text": speaks(b"$999999999999\r\n", endlessly=True),
    "a deep list": speaks(b"*1\r\n" * 20_000),
    "a long list": speaks(b"*2147483647\r\n" + b":1\r\n" * 100_000),
    "escapes": speaks(b"-ERR \x1b[2J\x1b]0;owned\x07\r\n"),
}


async def nothing_is_made_of(behaviour: Behaviour, probes: Callable[[int], ProbeSet], needs: str) -> None:
    """Checks of what `needs` names end without a verdict that holds, in little memory, and quote no password."""
    async with listening(behaviour) as (port, _):
        tracemalloc.start()
        try:
            found = await inspected(probes(port), {needs})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    harmless(found)
    assert {line.status for line in found.lines} <= {Status.UNKNOWN, Status.FAIL, Status.HUMAN}
    assert "hunter2" not in repr(found)
    assert peak < MEMORY_BYTES


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", POSTGRES)
async def test_a_port_that_is_no_postgresql_harms_nothing(what: str) -> None:
    def probes(port: int) -> ProbeSet:
        mode = "prefer" if what.endswith("after a word about TLS") else "disable"
        dsn = f"postgresql://app:hunter2hunter2@127.0.0.1:{port}/shop?sslmode={mode}"
        return ProbeSet(postgres=PostgresProbe(dsn))

    await nothing_is_made_of(POSTGRES[what], probes, "postgres")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", REDIS)
async def test_a_port_that_is_no_redis_harms_nothing(what: str) -> None:
    def probes(port: int) -> ProbeSet:
        return ProbeSet(redis=RedisProbe(f"redis://:hunter2hunter2@127.0.0.1:{port}/0"))

    await nothing_is_made_of(REDIS[what], probes, "redis")


async def test_a_server_that_accepts_and_never_speaks_is_given_up_after_a_few_questions() -> None:
    async with listening(silence) as (port, counted):
        probe = HttpProbe(f"http://127.0.0.1:{port}")
        for number in range(20):
            with pytest.raises(Unobservable):
                await probe.get(f"/{number}")
        await probe.aclose()
    assert counted.connections == http_module.SILENCES_LIMIT

"""A TCP proxy that behaves badly on purpose, in a thread of its own: the faults are toxiproxy's."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

CHUNK_BYTES = 64 * 1024
START_SECONDS = 10.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to what the server sends, or to connections; without any, bytes pass as they come.

    `down` refuses and cuts; `black_hole` takes everything and passes nothing; `reset_after_bytes` ends by RST,
    `limit_bytes` by an orderly close; `slow_close_seconds` holds the end back; `slice_bytes` cuts into small parts.
    """

    name: str = "none"
    down: bool = False
    black_hole: bool = False
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: int = 0
    reset_after_bytes: int = 0
    limit_bytes: int = 0
    slow_close_seconds: float = 0.0
    slice_bytes: int = 0


FAULTS = (
    Fault("latency", latency_seconds=0.3, jitter_seconds=0.1),
    Fault("down", down=True),
    Fault("black hole", black_hole=True),
    Fault("bandwidth", bytes_per_second=4 * 1024),
    Fault("reset", reset_after_bytes=400),
    Fault("slow close", slow_close_seconds=1.0, limit_bytes=2000),
    Fault("slicer", slice_bytes=7),
    Fault("limit", limit_bytes=600),
)
NONE = Fault()


class FaultProxy:
    """Listens on `port` on loopback, before `upstream`; use as a context manager. `set` holds for all connections."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.port = 0
        self.connections = 0
        self._upstream = upstream
        self._fault = NONE
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(START_SECONDS), "the fault proxy does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def set(self, fault: Fault) -> None:
        """From now on; connections that are open get it as well, and are cut where it says so."""
        self._fault = fault
        if fault.down or fault is NONE:
            self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        self._cut()
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._fault.down:
            writer.transport.abort()
            return
        try:
            there, onward = await asyncio.open_connection(*self._upstream, limit=CHUNK_BYTES)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward}
        self._open |= ends
        try:
            with contextlib.suppress(asyncio.CancelledError):  # at the end of the proxy
                await asyncio.gather(self._pump(reader, onward), self._worse(there, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(CHUNK_BYTES):
                while self._fault.black_hole:
                    await asyncio.sleep(0.05)
                writer.write(part)
                await writer.drain()
            writer.write_eof()

    async def _worse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while part := await reader.read(CHUNK_BYTES):
                fault = self._fault
                if fault.reset_after_bytes and passed + len(part) > fault.reset_after_bytes:
                    _reset(writer)
                    return
                await self._send(writer, part[: fault.limit_bytes - passed] if fault.limit_bytes else part)
                passed += len(part)
                if fault.limit_bytes and passed >= fault.limit_bytes:
                    break
            await asyncio.sleep(self._fault.slow_close_seconds)
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter, part: bytes) -> None:
        fault = self._fault
        while self._fault.black_hole:
            await asyncio.sleep(0.05)
        if fault.latency_seconds:
            await asyncio.sleep(max(0.0, fault.latency_seconds + random.uniform(-1, 1) * fault.jitter_seconds))
        size = fault.slice_bytes or fault.bytes_per_second // 20 or max(1, len(part))
        for start in range(0, len(part), size):
            writer.write(part[start : start + size])
            await writer.drain()
            if fault.bytes_per_second:
                await asyncio.sleep(size / fault.bytes_per_second)
            elif fault.slice_bytes:
                await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: Any = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()

"""Connections to PostgreSQL that bring no more than they need to: what answers there may be anything.

asyncpg keeps what arrives until a message is whole, and a message may be announced as two gigabytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

READ_LIMIT_BYTES = 16 * 1024 * 1024
"""Of what may come before the next question: the longest answer, 2,000 rows of a catalogue, is under one megabyte."""


async def connect(dsn: str, **settings: Any) -> asyncpg.Connection[asyncpg.Record]:
    """A connection as asyncpg makes it, which ends once it has brought too much.

    Raises:
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError: as asyncpg does.
    """
    loop: Any = _MeteredLoop(asyncio.get_running_loop())
    return await asyncpg.connect(dsn, loop=loop, **settings)


class _MeteredLoop:
    """The running loop, but for the connections that are made through it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def create_connection(self, factory: Callable[[], Any], *args: Any, **settings: Any) -> tuple[Any, Any]:
        meter = _Meter()
        made, protocol = await self._loop.create_connection(lambda: meter.before(factory()), *args, **settings)
        return _Metered(made, meter), protocol

    async def create_unix_connection(self, factory: Callable[[], Any], *args: Any, **settings: Any) -> tuple[Any, Any]:
        meter = _Meter()
        made, protocol = await self._loop.create_unix_connection(lambda: meter.before(factory()), *args, **settings)
        return _Metered(made, meter), protocol

    async def start_tls(self, metered: _Metered, *args: Any, **settings: Any) -> _Metered | None:
        made = await self._loop.start_tls(metered.transport, *args, **settings)
        return None if made is None else _Metered(made, _Meter())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Meter:
    """How much a connection may still bring before it is asked the next time."""

    def __init__(self) -> None:
        self.left = READ_LIMIT_BYTES

    def before(self, protocol: Any) -> Any:
        """`protocol`, which is given no more than the limit, and told of a transport that counts its questions."""
        take, begin = protocol.data_received, protocol.connection_made

        def data_received(data: bytes) -> None:
            self.left -= len(data)
            if self.left < 0:
                # of the errors that a transport closes for without a word in the log
                raise ConnectionAbortedError(f"it sent over {READ_LIMIT_BYTES} bytes")
            take(data)

        protocol.data_received = data_received
        protocol.connection_made = lambda made: begin(made if isinstance(made, _Metered) else _Metered(made, self))
        return protocol


class _Metered:
    """A transport on which a question begins the count anew."""

    def __init__(self, transport: Any, meter: _Meter) -> None:
        self.transport, self._meter = transport, meter

    def write(self, data: bytes) -> None:
        self._meter.left = READ_LIMIT_BYTES
        self.transport.write(data)

    def set_protocol(self, protocol: Any) -> None:
        self.transport.set_protocol(self._meter.before(protocol))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

"""Connections to a Redis that read no more than they need to: what answers there may be anything."""

from __future__ import annotations

import asyncio
from typing import Any

from redis._parsers import _AsyncRESP2Parser
from redis.asyncio import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as NoConnection

READ_LIMIT_BYTES = 16 * 1024 * 1024
"""Of everything a connection may bring in its life: 40 rounds of SCAN and a long INFO are under one megabyte."""


class _LimitedReader:
    """A stream that ends with an error once it has brought too much."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._left = READ_LIMIT_BYTES

    async def read(self, count: int = -1) -> bytes:
        return self._counted(await self._stream.read(min(count, 65_536) if count >= 0 else 65_536))

    async def readline(self) -> bytes:
        return self._counted(await self._stream.readline())

    async def readexactly(self, count: int) -> bytes:
        if count > self._left:
            raise NoConnection("it announces more than any answer needs")
        return self._counted(await self._stream.readexactly(count))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # what brings nothing: at_eof, and what redis-py looks at inside

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise NoConnection(f"it sent over {READ_LIMIT_BYTES} bytes")
        return data


class _Limited:
    """Mixed into a connection of redis-py."""

    _reader: Any

    async def _connect(self) -> None:
        await super()._connect()  # type: ignore[misc]  # of the connection that it is mixed into
        self._reader = _LimitedReader(self._reader)


class _Plain(_Limited, Connection):
    pass


class _Encrypted(_Limited, SSLConnection):
    pass


class _Local(_Limited, UnixDomainSocketConnection):
    pass


LIMITED = {Connection: _Plain, SSLConnection: _Encrypted, UnixDomainSocketConnection: _Local}


def limited_pool(url: str, **settings: Any) -> ConnectionPool:
    """Connections to `url` that read so much and no more.

    The parser is the one in Python: hiredis makes room for as many elements as a list announces before any arrives.
    """
    pool = ConnectionPool.from_url(url, parser_class=_AsyncRESP2Parser, **settings)
    pool.connection_class = LIMITED[pool.connection_class]
    return pool

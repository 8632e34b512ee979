"""Keyset paging: opaque cursors, bounded limits."""

from __future__ import annotations

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from roadworthy.chassis.web.parameters import InvalidParameters, Violation

LIMIT_MAX = 100
CURSOR_LENGTH_MAX = 200
CHECKSUM_BYTES = 4

Limit: TypeAlias = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="how many items a page has at most")]
CursorText: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=CURSOR_LENGTH_MAX, description="next_cursor of the page before")
]
P = TypeVar("P")


class Cursor(Generic[P]):
    """Writes a position in an order as text that clients only hand back, and reads it again.

    The checksum finds cursors that were cut or edited; it keeps no secret, for a position is none.
    """

    def __init__(self, position: type[P]) -> None:
        """Take the type of a position: a tuple or Struct of plain values."""
        self._decoder = msgspec.msgpack.Decoder(position)
        self._encoder = msgspec.msgpack.Encoder()

    def write(self, position: P) -> str:
        """The cursor that stands for `position`."""
        packed = self._encoder.encode(position)
        return urlsafe_b64encode(_checksum(packed) + packed).decode().rstrip("=")

    def read(self, text: str) -> P:
        """The position that `text` stands for.

        Raises:
            InvalidParameters: `write` did not make it, or not in this version.
        """
        try:
            return self._decoder.decode(_unwrapped(text))
        except (ValueError, binascii.Error, msgspec.DecodeError):
            refused = Violation("cursor", "query", text[:CURSOR_LENGTH_MAX], "next_cursor of the page before")
            raise InvalidParameters(refused) from None


def _unwrapped(text: str) -> bytes:
    raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    packed = raw[CHECKSUM_BYTES:]
    if raw[:CHECKSUM_BYTES] != _checksum(packed):
        raise ValueError
    return packed


def _checksum(packed: bytes) -> bytes:
    return zlib.crc32(packed).to_bytes(CHECKSUM_BYTES)

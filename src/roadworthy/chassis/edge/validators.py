"""ETags, and whether a client's copy is still good."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping

BODY_BYTES_MAX = 4 * 1024 * 1024


def strong_etag(body: bytes) -> bytes:
    """For an answer that is kept: made once, so it may cost 0.7 us a kilobyte. Nothing rests on SHA-1's strength."""
    return b'"%s"' % hashlib.sha1(body, usedforsecurity=False).hexdigest()[:20].encode()


def quick_etag(body: bytes) -> bytes:
    """For an answer made for one request: length and CRC-32, a third of the cost, and weak because it is no more.

    A change goes unnoticed once in four billion, and only where the length stays the same.
    """
    return b'W/"%x-%x"' % (len(body), zlib.crc32(body))


def weakened(etag: bytes) -> bytes:
    """The ETag of the same answer in a content coding: the same to a reader, not byte by byte."""
    return etag if etag.startswith(b"W/") else b"W/" + etag


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the client's list names `etag`; compared weakly, as RFC 9110 wants it for GET."""
    if if_none_match.strip() == b"*":
        return True
    wanted = etag.removeprefix(b"W/")
    return any(candidate.strip().removeprefix(b"W/") == wanted for candidate in if_none_match.split(b","))


def may_have_etag(present: Mapping[bytes, bytes]) -> bool:
    """Whether an answer with these headers may be kept and asked about again."""
    return b"no-store" not in present.get(b"cache-control", b"")

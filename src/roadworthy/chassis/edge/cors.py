"""Which pages of other sites may call: none, unless named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from roadworthy.chassis.edge.asgi import Header

METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS: Final = b"Authorization, Content-Type, Idempotency-Key, X-Request-ID"
EXPOSED: Final = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS: Final = 600
VARY: Final[Header] = (b"vary", b"Origin")


class Cors:
    """Exact origins (`https://app.example.org`). An answer names the one that asked, never `*`, never credentials."""

    __slots__ = ("_origins",)

    def __init__(self, origins: Sequence[str]) -> None:
        """Take origins as browsers send them: scheme, host, and port unless it is the scheme's own."""
        self._origins = frozenset(origin.rstrip("/").encode() for origin in origins)

    def headers(self, origin: bytes | None) -> tuple[Header, ...]:
        """What an answer to a page of `origin` carries; caches are told in any case that origins matter."""
        if origin not in self._origins or origin is None:
            return (VARY,)
        return (VARY, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED))

    def preflight(self, headers: Mapping[bytes, bytes]) -> tuple[Header, ...] | None:
        """Headers of the answer to a preflight request, None when it is none."""
        origin = headers.get(b"origin")
        if origin is None or b"access-control-request-method" not in headers:
            return None
        if origin not in self._origins:
            return (VARY,)
        return (
            VARY,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        )

"""A visit of its own: cookies kept from one request to the next, nothing remembered afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.http import NO_HEADERS, Answer, HttpProbe

REQUESTS_LIMIT = 60
"""Of one visit."""
CONTENT_LIMIT_BYTES = 12 * 1024 * 1024


class Visit:
    """Requests of one visitor, in order, at most `REQUESTS_LIMIT`. Redirects are answers here."""

    def __init__(self, http: HttpProbe, client: httpx.AsyncClient, source: str | None, *, crowd: bool = False) -> None:
        """Take the probe whose rules hold, the client that is the visitor, and the address that it comes from."""
        self._http, self._client, self._source = http, client, source
        # a crowd is there to be many at once; everybody else waits for one of the probe's two connections
        self._turn = contextlib.nullcontext() if crowd else http._connections  # noqa: SLF001 - a visit is a part of the probe
        self._sent = 0

    @property
    def cookies(self) -> Mapping[str, str]:
        """Cookies that the service has set so far."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] = NO_HEADERS, content: bytes = b""
    ) -> Answer:
        """The answer to one request; never kept, never asked for again by itself.

        Raises:
            Unobservable: no answer, another host, or the visit went on for too long.
        """
        if self._sent >= REQUESTS_LIMIT or len(content) > CONTENT_LIMIT_BYTES:
            raise Unobservable(f"a visit sends at most {REQUESTS_LIMIT} requests of {CONTENT_LIMIT_BYTES} bytes")
        self._sent += 1
        http, loopback = self._http, bool(self._source)
        request = http._request(self._client, method, http.absolute(path), headers, ipv4=loopback)  # noqa: SLF001 - a visit is a part of the probe
        if content:
            told = {name: value for name, value in request.headers.items() if name != "content-length"}
            request = self._client.build_request(method, request.url, headers=told, content=content)
        http._counts.provoked += 1  # noqa: SLF001 - see above
        async with self._turn:
            return await http._send(self._client, request)  # noqa: SLF001 - see above


@asynccontextmanager
async def visit(http: HttpProbe, *, apart: bool = False, crowd: bool = False) -> AsyncIterator[Visit]:
    """A visitor without a past. `apart`: from a loopback address of her own where the service is on loopback.

    What counts addresses then counts these requests alone. `crowd`: one of many at once, who don't wait for each other.
    """
    source = http._own_address() if apart else None  # noqa: SLF001 - a visit is a part of the probe
    async with http._open(source) as client:  # noqa: SLF001 - see above
        client.cookies = httpx.Cookies()  # a visitor keeps hers; the probe's other requests keep none
        yield Visit(http, client, source, crowd=crowd)

"""What came back over HTTP: one answer, or the answers of a provocation; read within bounds."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import httpx

from roadworthy.inspection.probes import addresses

BODY_LIMIT_BYTES = 512 * 1024
HEADERS_LIMIT = 200
HEADER_LIMIT_CHARACTERS = 8_192


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `headers` has lower-case names; `body` is decoded and cut at the limit.

    `wire_bytes` counts the body as it travelled, `seconds` runs from sending to the last byte read, `redirects` are
    the addresses passed on the way. `truncated`: the body went on past the limit or past the deadline.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    wire_bytes: int
    seconds: float
    truncated: bool = False
    redirects: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body as text, whatever it says it is."""
        return self.body.decode("utf-8", "replace")

    @property
    def content_type(self) -> str:
        """Without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def path(self) -> str:
        """Path and query of the address that answered."""
        return addresses.parse(self.url).path_and_query

    def json(self) -> object | None:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)  # type: ignore[no-any-return]  # `object` is what the caller must narrow
        except (ValueError, RecursionError):
            return None

    def brief(self, *names: str) -> str:
        """Status and the headers of these `names`, as evidence quotes them."""
        shown = [f"{name}: {self.headers.get(name.lower(), '(absent)')}" for name in names]
        return "; ".join([f"{self.status}", *shown])


@dataclass(frozen=True, slots=True)
class Burst:
    """What a provocation brought: the answers in order (bodies left out), and from which address it came.

    `stopped`: ended by the answer that it was after. `complete`: so, or every request was sent in time. `began` is
    the monotonic clock at the first request.
    """

    answers: tuple[Answer, ...]
    seconds: float
    vantage: str
    complete: bool = True
    stopped: bool = False
    began: float = 0.0

    def goes_on(self, count: int) -> bool:
        """Whether `count` requests would tell more than these did."""
        return self.complete and not self.stopped and len(self.answers) < count

    def first(self, status: int) -> int | None:
        """The ordinal, from 1, of the first answer with `status`."""
        return next((n for n, answer in enumerate(self.answers, start=1) if answer.status == status), None)


async def bounded_body(response: httpx.Response, until: float) -> tuple[bytes, bool]:
    """Raw bytes up to the limit; whether there was more. A slow drip is cut at `until`, on the monotonic clock."""
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) >= BODY_LIMIT_BYTES:
            return bytes(raw[:BODY_LIMIT_BYTES]), True
        if time.monotonic() > until:
            return bytes(raw), True
    return bytes(raw), False


def decoded(raw: bytes, encoding: str) -> tuple[bytes, bool]:
    """`raw` inflated up to the limit, so that a bomb stays small; other encodings are left as they travelled."""
    if encoding.lower() not in {"gzip", "x-gzip", "deflate"}:
        return raw, False
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = inflater.decompress(raw, BODY_LIMIT_BYTES)
    except zlib.error:
        return raw, True
    return body, bool(inflater.unconsumed_tail)


def joined_headers(response: httpx.Response) -> Mapping[str, str]:
    """Headers by lower-case name; what is sent twice is joined by commas; bounded."""
    joined: dict[str, str] = {}
    for name, value in islice(response.headers.multi_items(), HEADERS_LIMIT):
        key, said = name.lower(), value[:HEADER_LIMIT_CHARACTERS]
        joined[key] = f"{joined[key]}, {said}" if key in joined else said
    return joined


def directives(value: str) -> Mapping[str, str]:
    """`max-age=60, public` as {"max-age": "60", "public": ""}; names in lower case."""
    found = re.findall(r"([A-Za-z][\w-]*)(?:\s*=\s*\"?([^\s,;\"]+)\"?)?", value)
    return {name.lower(): setting for name, setting in found}

"""Names of requests, by which a client's question finds its log lines."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from itertools import count

ACCEPTED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")


def request_ids() -> Iterator[str]:
    """Ids that no other process makes: 64 random bits of this one, and a number. All in C, half as dear as a format."""
    return map(f"{secrets.token_hex(8)}-".__add__, map(str, count(1)))


def accepted(given: bytes) -> str | None:
    """A client's own id, if it can stand in a log line and a header; None otherwise."""
    return given.decode("ascii") if ACCEPTED.fullmatch(given) else None

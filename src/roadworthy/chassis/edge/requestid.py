"""Names of requests, by which a client's question finds its log lines."""

from __future__ import annotations

import re
import secrets

ACCEPTED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")


def process_prefix() -> str:
    """64 random bits: with a number behind them, an id that no other process makes."""
    return secrets.token_hex(8)


def accepted(given: bytes) -> str | None:
    """A client's own id, if it can stand in a log line and a header; None otherwise."""
    return given.decode("ascii") if ACCEPTED.fullmatch(given) else None

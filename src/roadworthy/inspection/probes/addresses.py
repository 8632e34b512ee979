"""Addresses as others write them: read without trusting them to be any."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Parts of an address, empty or None where it has none, or is none. `host` is lower case, `path` has its slash."""

    scheme: str = ""
    user: str = ""
    password: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""
    query: str = ""

    @property
    def place(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def path_and_query(self) -> str:
        """What a request line asks for."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")


def parse(text: str) -> Address:
    """The parts of `text`; an empty address where it can't be read as one."""
    try:
        parts = urlsplit(text.strip())
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return Address(parts.scheme, user, password, parts.hostname or "", parts.port, parts.path, parts.query)
    except ValueError:
        return Address()


def join(base: str, reference: str) -> str:
    """`reference` as seen from `base`; empty where that makes no address."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""

"""What an address may ask for, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

NAME = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` requests of one address in any `window_seconds`; `name` stands in headers and metrics."""

    name: str
    limit: int
    window_seconds: int

    def __post_init__(self) -> None:
        """Refuse what could not be counted or written into a header."""
        if self.limit < 1 or self.window_seconds < 1 or not NAME.fullmatch(self.name):
            raise ValueError(f"{self}: limit and window are 1 or more, the name is lower-case letters, digits, hyphens")


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """Quotas that all must have room, counted together under `name`. Without quotas: no limit."""

    name: str
    quotas: tuple[Quota, ...]

    def __post_init__(self) -> None:
        """Refuse a name that keys and metrics could not carry."""
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: lower-case letters, digits and hyphens")


UNLIMITED = LimitPolicy("unlimited", ())


class Demand(NamedTuple):
    """What an address asks for: up to `wanted` requests, none if there is not room for `least`.

    `owed` were admitted while nobody could count them for all, and are counted now whatever room there is.
    """

    wanted: int
    least: int = 1
    owed: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """How one quota stands for one address."""

    left: int
    """Requests that it still has room for."""
    reset_seconds: float
    """Until some of what is used falls out of the window; 0 when nothing is used."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An answer of whoever counts: how many of the wanted requests are admitted, and how each quota stands after.

    `retry_seconds` is 0 unless nothing was admitted; then it is when asking again makes sense.
    """

    admitted: int
    counts: tuple[Count, ...]
    retry_seconds: float

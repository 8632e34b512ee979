"""Reads `attestations.toml`: what people vouch for and what they accept for a while, with names and last days."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import msgspec

from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.nearest import nearest
from roadworthy.inspection.requirements import BY_ID

FILE = "attestations.toml"
"""Read from the checklist's folder where no other is named."""
FILE_LIMIT_BYTES = 1024 * 1024
STATEMENTS_LIMIT = 2_000
WORDS_LIMIT_CHARACTERS = 2_000
WAIVER_LIMIT_DAYS = 366
FREQUENCY_LIMIT_DAYS = 1096
DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "half-yearly": 183, "yearly": 366}
Day: TypeAlias = date
_EVERY = re.compile(r"(?:every )?(\d{1,4}) days?")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_PLACE = re.compile(r"\$\.(attestation|waiver)\[(\d+)\](?:\.(\w+)|\[\.\.\.\])?")
_HEADER = re.compile(r"^\s*\[\[\s*(attestation|waiver)\s*\]\]")


class InvalidAttestations(InspectionError):
    """The file of attestations says something that cannot be, or cannot be read."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which line it is about: its text (`section` tells apart lines that read the same), or a requirement's id."""

    line: str = ""
    section: str = ""
    requirement: str = ""

    def __post_init__(self) -> None:
        """Refuse what names nothing, or names it twice."""
        if bool(self.line) == bool(self.requirement):
            raise ValueError('name what it is about: line = "the text of the line", or requirement = "an.id"')
        _known(self.requirement)

    @property
    def subject(self) -> str:
        """What it is about, in quotes where it is a line's text."""
        return self.requirement or f'"{self.line}"'


class Attestation(About, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person vouches for. `date` is the day of it, `frequency` how often it has to be said anew.

    `evidence`: requirement id -> the digest of what was seen when it was said; another digest voids it.
    """

    who: str
    role: str
    explanation: str
    date: Day
    frequency: str
    approver: str
    evidence: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what nobody could rely on."""
        super().__post_init__()
        _said(who=self.who, role=self.role, explanation=self.explanation, approver=self.approver)
        if _folded(self.who) == _folded(self.approver):
            raise ValueError(f"who and approver are both {self.who!r}: somebody else has to approve")
        if self.date > _today():
            raise ValueError(f"date = {self.date} has not come yet")
        days_of(self.frequency)
        for requirement, digest in self.evidence.items():
            _known(requirement)
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"evidence of {requirement}: {digest!r} is no digest (16 hexadecimal digits)")

    @property
    def until(self) -> Day:
        """The last day on which it counts."""
        return self.date + timedelta(days=days_of(self.frequency))


class Waiver(About, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an owner accepts until its last day, `until`, and why."""

    owner: str
    reason: str
    until: Day

    def __post_init__(self) -> None:
        """Refuse what has no end in sight."""
        super().__post_init__()
        _said(owner=self.owner, reason=self.reason)
        if self.until > _today() + timedelta(days=WAIVER_LIMIT_DAYS):
            raise ValueError(f"until = {self.until} is over a year away; a waiver ends, and is given anew")


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that people say, in the order of the file."""

    attestation: tuple[Attestation, ...] = ()
    waiver: tuple[Waiver, ...] = ()


def load(path: Path | None, checklist: Path) -> People:
    """What `path` says, or the `attestations.toml` beside `checklist`, or nobody anything.

    Raises:
        InvalidAttestations: with the line of the file and what it takes.
    """
    chosen = path or checklist.parent / FILE
    if path is None and not chosen.exists():
        return People()
    return parse(_read(chosen), chosen)


def parse(text: str, path: Path) -> People:
    """Read TOML `text`; `path` is what errors call it.

    Raises:
        InvalidAttestations: with the line of the file and what it takes.
    """
    try:
        people = msgspec.convert(tomllib.loads(text), People)
    except tomllib.TOMLDecodeError as error:
        raise InvalidAttestations(f"{path}: not valid TOML: {error}", "mend that line; text stands in quotes") from None
    except msgspec.ValidationError as error:
        said, _, place = str(error).rpartition(" - at ")
        number = _line_of(place, text)
        where = f"{path}:{number}" if number else str(path)
        raise InvalidAttestations(f"{where}: {said or error}", _what_it_takes(place)) from None
    if len(people.attestation) + len(people.waiver) > STATEMENTS_LIMIT:
        raise InvalidAttestations(f"{path}: over {STATEMENTS_LIMIT} statements", "keep those of this checklist")
    return people


def days_of(frequency: str) -> int:
    """How many days an attestation of this frequency counts.

    Raises:
        ValueError: it is none, or longer than three years.
    """
    folded = _folded(frequency)
    every = _EVERY.fullmatch(folded)
    days = int(every[1]) if every else DAYS.get(folded, 0)
    if not 1 <= days <= FREQUENCY_LIMIT_DAYS:
        raise ValueError(f'frequency = {frequency!r}: write {", ".join(DAYS)}, or "90 days" (at most three years)')
    return days


def _known(requirement: str) -> None:
    if requirement and requirement not in BY_ID:
        raise ValueError(f"{requirement!r} is no requirement{nearest(requirement, BY_ID)}")


def _said(**fields: str) -> None:
    for name, value in fields.items():
        if not value.strip():
            raise ValueError(f"{name} is empty")
        if len(value) > WORDS_LIMIT_CHARACTERS:
            raise ValueError(f"{name} has over {WORDS_LIMIT_CHARACTERS} characters")


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _today() -> date:
    return datetime.now(UTC).date()


def _line_of(place: str, text: str) -> int | None:
    """The line, from 1, of the table or the key that `place` ("`$.waiver[1].until`") names."""
    match = _PLACE.search(place)
    lines = text.splitlines()
    if not match:
        return None
    headers = [n for n, line in enumerate(lines) if (head := _HEADER.match(line)) and head[1] == match[1]]
    if int(match[2]) >= len(headers):
        return None  # written inline: no header of its own
    header = headers[int(match[2])]
    return _key_within(lines, header, match[3]) or header + 1


def _key_within(lines: list[str], header: int, key: str | None) -> int | None:
    for number, line in enumerate(lines[header + 1 :], header + 2):
        if line.lstrip().startswith("[["):
            return None
        if key and re.match(rf"\s*\[?(?:attestation\.)?{re.escape(key)}\b", line):
            return number
    return None


def _what_it_takes(place: str) -> str:
    match = _PLACE.search(place)
    kinds: dict[str, Callable[..., msgspec.Struct]] = {"attestation": Attestation, "waiver": Waiver}
    chosen = [match[1]] if match else list(kinds)
    takes = [f"[[{name}]] takes {_keys(kinds[name])}" for name in chosen]
    return "; ".join(takes)


def _keys(kind: Callable[..., msgspec.Struct]) -> str:
    assert isinstance(kind, type)
    return ", ".join(field.name for field in msgspec.structs.fields(kind))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
        if len(raw) > FILE_LIMIT_BYTES:
            raise InvalidAttestations(f"{path}: over {FILE_LIMIT_BYTES} bytes", "give the file of attestations")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InvalidAttestations(f"{path}: {error.strerror}", "give --attestations a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InvalidAttestations(f"{path}: not UTF-8 at byte {error.start}", "save it as UTF-8") from None

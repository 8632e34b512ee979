"""What changed between two inspections, read from their JSON reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from roadworthy.contracts.checks import Status
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.results import VERIFIED

FILE_LIMIT_BYTES = 64 * 1024 * 1024
Key = tuple[tuple[str, ...], str, int]
"""Section, text, and which of several that read the same: lines move, and stay the same line."""


class UnreadableReport(InspectionError):
    """A report that was to be compared cannot be read as one."""


class Said(msgspec.Struct, frozen=True):
    """A statement in a report, as far as a comparison needs it."""

    kind: str
    standing: str


class Seen(msgspec.Struct, frozen=True):
    """What a check concluded, as far as a comparison needs it."""

    id: str
    status: Status
    summary: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line in a report."""

    line: int
    section: tuple[str, ...]
    text: str
    status: Status
    checks: tuple[Seen, ...] = ()
    statements: tuple[Said, ...] = ()

    @property
    def attested(self) -> bool:
        """Whether somebody vouches for it."""
        return any(one.kind == "attestation" and one.standing == "attested" for one in self.statements)

    @property
    def summary(self) -> str:
        """What the check said that the status rests on."""
        return next((one.summary for one in self.checks if one.status is self.status), "")


class Summary(msgspec.Struct, frozen=True):
    """The figures of a report that a comparison shows."""

    coverage: float


class Report(msgspec.Struct, frozen=True):
    """A JSON report, version 1."""

    version: int
    target: str
    started_at: str
    summary: Summary
    items: tuple[Line, ...]

    def __post_init__(self) -> None:
        """Refuse a shape that is not known."""
        if self.version != 1:
            raise ValueError(f"a report of version {self.version}; this compares version 1")


class Change(StrEnum):
    """What became of a line from one inspection to the next."""

    WORSE = "worse"
    BETTER = "better"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Changed:
    """A line that is not what it was. `before` is None for a new one, `after` for one that is gone."""

    change: Change
    before: Line | None
    after: Line | None

    @property
    def line(self) -> Line:
        """As it stands now, or as it last stood."""
        line = self.after or self.before
        assert line is not None, "a change has a line before or after"
        return line


def load(path: Path) -> Report:
    """The report at `path`.

    Raises:
        UnreadableReport: missing, too large, or no JSON report of an inspection.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise UnreadableReport(f"{path}: {error.strerror}", "give two files that `--json` wrote") from error
    if len(raw) > FILE_LIMIT_BYTES:
        raise UnreadableReport(f"{path}: over {FILE_LIMIT_BYTES} bytes", "give two files that `--json` wrote")
    try:
        return msgspec.json.decode(raw, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableReport(
            f"{path}: no report of an inspection: {error}", "give two files that `--json` wrote"
        ) from error


def compare(before: Report, after: Report) -> tuple[Changed, ...]:
    """Every line that changed: the worse first, then better, new and gone, each in the document's order."""
    old, new = _keyed(before.items), _keyed(after.items)
    changes = [Changed(Change.GONE, line, None) for key, line in old.items() if key not in new]
    for key, line in new.items():
        was = old.get(key)
        if was is None:
            changes.append(Changed(Change.NEW, None, line))
        elif change := change_of(was, line):
            changes.append(Changed(change, was, line))
    order = list(Change)
    return tuple(sorted(changes, key=lambda one: (order.index(one.change), one.line.line)))


def change_of(before: Line, after: Line) -> Change | None:
    """Better, worse or neither. What is no longer seen is worse, and so is what is now seen to fail."""
    if before.status is after.status:
        if before.attested is after.attested:
            return None
        return Change.BETTER if after.attested else Change.WORSE
    if after.status is Status.FAIL or (before.status in VERIFIED and after.status not in VERIFIED):
        return Change.WORSE
    if before.status is Status.FAIL or after.status in VERIFIED:
        return None if _settled_otherwise(before, after) else Change.BETTER
    return None


def _settled_otherwise(before: Line, after: Line) -> bool:
    """Between passing and not applying nothing got better or worse."""
    return {before.status, after.status} == {Status.PASS, Status.NOT_APPLICABLE}


def _keyed(lines: Iterable[Line]) -> Mapping[Key, Line]:
    seen: dict[tuple[tuple[str, ...], str], int] = {}
    keyed: dict[Key, Line] = {}
    for line in lines:
        name = (line.section, line.text)
        seen[name] = seen.get(name, 0) + 1
        keyed[*name, seen[name]] = line
    return keyed


def counts(changes: Sequence[Changed]) -> Mapping[Change, int]:
    """How many lines of each change."""
    return {change: sum(one.change is change for one in changes) for change in Change}

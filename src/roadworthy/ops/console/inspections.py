"""The inspections that `roadworthy inspect` left in the state folder: what became of each, and how coverage goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

FOLDER = "inspections"
SHOWN = 50
REPORT_LIMIT_BYTES = 32 * 1024 * 1024
WIDTH, HEIGHT, MARGIN = 320, 96, 8
_NAME = re.compile(r"(\d{8}T\d{6}Z)-([a-z0-9-]{1,80})")


class Figures(msgspec.Struct, frozen=True, rename={"passed": "pass", "failed": "fail"}):
    """The `summary` of a report. `coverage` is a share from 0 to 1."""

    passed: int
    failed: int
    unknown: int
    not_applicable: int
    human: int
    unmapped: int
    coverage: float

    @property
    def verified(self) -> int:
        """Lines that something observed settles."""
        return self.passed + self.failed + self.not_applicable

    @property
    def lines(self) -> int:
        """All lines."""
        return self.verified + self.unknown + self.human + self.unmapped


class Report(msgspec.Struct, frozen=True):
    """A JSON report, as far as a list of them shows it."""

    target: str
    seconds: float
    summary: Figures


@dataclass(frozen=True, slots=True)
class Entry:
    """One inspection. `name` is that of its files, without the suffix; `checklist` what its file was called."""

    name: str
    checklist: str
    moment: datetime
    report: Report

    @property
    def percent(self) -> int:
        """Coverage as people say it; rounded down, so that 100 means all."""
        return round(self.report.summary.coverage * 10_000) // 100


@dataclass(frozen=True, slots=True)
class Dot:
    """An inspection on a chart, in the chart's own units."""

    x: float
    y: float
    entry: Entry


@dataclass(frozen=True, slots=True)
class Trend:
    """The inspections of one checklist, oldest first, and where they stand on its chart."""

    checklist: str
    dots: Sequence[Dot]

    @property
    def latest(self) -> Entry:
        """The newest of them."""
        return self.dots[-1].entry

    @property
    def line(self) -> str:
        """The way through the dots, as the `points` of an SVG polyline."""
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


class Inspections:
    """Reads the folder anew at each question, and each report once: a report never changes."""

    def __init__(self, state: Path) -> None:
        """Take the state folder of `roadworthy up`."""
        self._folder = state / FOLDER
        self._read: dict[str, Entry] = {}

    def newest(self) -> list[Entry]:
        """At most SHOWN inspections, the newest first; files that are no reports are passed over."""
        names = sorted((path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem)), reverse=True)
        found = [entry for name in names[:SHOWN] if (entry := self._entry(name))]
        self._read = {entry.name: entry for entry in found}
        return found

    def page(self, name: str) -> bytes | None:
        """The HTML report called `name`; None where there is none."""
        path = self._folder / f"{name}.html"
        if not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(REPORT_LIMIT_BYTES + 1)
        return content if len(content) <= REPORT_LIMIT_BYTES else None

    def _entry(self, name: str) -> Entry | None:
        if name in self._read:
            return self._read[name]
        path, match = self._folder / f"{name}.json", _NAME.fullmatch(name)
        try:
            if match is None or path.is_symlink() or path.stat().st_size > REPORT_LIMIT_BYTES:
                return None
            report = msgspec.json.decode(path.read_bytes(), type=Report)
            moment = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except (OSError, ValueError, msgspec.DecodeError):
            return None
        return Entry(name, match[2].replace("-", " "), moment, report)


def trends(entries: Iterable[Entry]) -> list[Trend]:
    """A chart a checklist, that which was inspected last first; `entries` come newest first."""
    by_checklist: dict[str, list[Entry]] = {}
    for entry in entries:
        by_checklist.setdefault(entry.checklist, []).insert(0, entry)
    return [Trend(checklist, _dots(found)) for checklist, found in by_checklist.items()]


def _dots(entries: Sequence[Entry]) -> list[Dot]:
    """Evenly apart: inspections come in bursts, and what matters is the step from one to the next."""
    step = (WIDTH - 2 * MARGIN) / max(1, len(entries) - 1)
    start = WIDTH - MARGIN - step * (len(entries) - 1) if len(entries) > 1 else WIDTH / 2
    rise = HEIGHT - 2 * MARGIN
    return [
        Dot(round(start + n * step, 1), round(HEIGHT - MARGIN - rise * entry.report.summary.coverage, 1), entry)
        for n, entry in enumerate(entries)
    ]

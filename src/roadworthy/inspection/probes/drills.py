"""Results of earlier drills: our own JSON, and what load generators write. Read newest first, never run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from roadworthy.contracts.drills import DrillKind, DrillResult
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import drill_formats

FILES_LIMIT = 500
FILE_LIMIT_BYTES = 16 * 1024 * 1024
TEXTS = frozenset({".json", ".csv", ".txt", ".log", ".out", ".jtl"})
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """A result and the file that holds it. `finished_at` is taken from the file where the tool writes no date."""

    result: DrillResult
    path: str
    finished_at: datetime

    def age_days(self) -> float:
        """How long ago it ended."""
        return (datetime.now(UTC) - self.finished_at).total_seconds() / DAY_SECONDS


class DrillsProbe:
    """The folder that results of drills are kept in."""

    def __init__(self, path: Path) -> None:
        """Take the folder; it is read when asked."""
        self.path = path
        self._kept: tuple[Kept, ...] | None = None
        self.files = 0

    @property
    def vantage(self) -> str:
        """From where things were seen."""
        return f"drill results in {self.path.name or self.path}"

    def newest(self, kind: DrillKind) -> Sequence[Kept]:
        """Results of a kind, the newest first; what lies in the future is none.

        Raises:
            Unobservable: there is no such folder.
        """
        now = datetime.now(UTC)
        return [one for one in self._all() if one.result.kind == kind and one.finished_at <= now]

    def _all(self) -> Sequence[Kept]:
        if self._kept is None:
            if not self.path.is_dir():
                raise Unobservable(f"{self.path} is no folder", '[drills] path = "drills", and run a drill')
            found = sorted(self._read(), key=lambda one: one.finished_at, reverse=True)
            self._kept = tuple(found)
        return self._kept

    def _read(self) -> Iterator[Kept]:
        candidates = (path for path in sorted(self.path.rglob("*")) if path.suffix.lower() in TEXTS)
        for path in islice((one for one in candidates if one.is_file() and not one.is_symlink()), FILES_LIMIT):
            self.files += 1
            text = _text(path)
            history = path.with_name(path.name.replace("_stats.csv", "_stats_history.csv"))
            beside = _text(history) if history != path and history.is_file() else ""
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            result = drill_formats.read(path.name, text, modified, beside=beside) if text else None
            ended = drill_formats.moment(result.finished_at) if result else None
            if result is not None and ended is not None:
                yield Kept(result, path.relative_to(self.path).as_posix(), ended)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except OSError:
        return ""
    # half a result would show half of its errors
    return raw.decode("utf-8-sig", "replace") if len(raw) <= FILE_LIMIT_BYTES else ""

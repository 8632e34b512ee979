"""Reads the end of log files, and what is added to them while somebody looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection.errors import Unobservable

FILES_LIMIT = 50
TAIL_BYTES = 64 * 1024
MOST_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log file; `modified_at` in seconds since the epoch."""

    path: Path
    size_bytes: int
    modified_at: float


class LogsProbe:
    """The service's logs: a file, or a folder of them."""

    def __init__(self, path: Path) -> None:
        """Take the file or the folder."""
        self.path = path

    @property
    def vantage(self) -> str:
        """From where lines were seen."""
        return "log files on this machine"

    def files(self) -> Sequence[LogFile]:
        """Log files, the newest first, at most `FILES_LIMIT`.

        Raises:
            Unobservable: there is no such file or folder, or it may not be read.
        """
        try:
            entries = list(self.path.iterdir())[:MOST_ENTRIES] if self.path.is_dir() else [self.path]
            found = [_described(entry) for entry in entries if entry.is_file()]
        except OSError as error:
            raise Unobservable(
                f"{self.path}: {error.strerror}", "[logs] path names a file or folder to read"
            ) from error
        if not found:
            raise Unobservable(f"no log file at {self.path}", "[logs] path names a file, or a folder that holds some")
        return sorted(found, key=lambda one: one.modified_at, reverse=True)[:FILES_LIMIT]

    def tail(self, path: Path, limit_bytes: int = TAIL_BYTES) -> str:
        """The last part of a file."""
        return self.since(path, max(0, _size(path) - limit_bytes), limit_bytes)

    def mark(self) -> Mapping[Path, int]:
        """Where every file ends now."""
        return {one.path: one.size_bytes for one in self.files()}

    def since(self, path: Path, offset: int, limit_bytes: int = TAIL_BYTES) -> str:
        """What was added after `offset`, bounded. A file that shrank was rotated: it is read from its start."""
        try:
            with path.open("rb") as file:
                file.seek(offset if offset <= _size(path) else 0)
                return file.read(limit_bytes).decode("utf-8", "replace")
        except OSError as error:
            raise Unobservable(f"{path}: {error.strerror}", "let the inspector read the log") from error

    async def aclose(self) -> None:
        """Nothing is held open."""


def _described(path: Path) -> LogFile:
    status = path.stat()
    return LogFile(path, status.st_size, status.st_mtime)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""The place that backups are kept in: what stands there, how old and how large it is, and how it begins."""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection.errors import Unobservable

BACKUP_NAME = re.compile(
    r"\.(?:dump|pgdump|backup|sql)(?:\.(?:gz|zst|bz2|xz|lz4))?(?:\.(?:gpg|age|enc|asc))?$"
    r"|(?:backup|dump|pg|base).*\.(?:tar|tgz|tar\.(?:gz|zst|xz))(?:\.(?:gpg|age|enc|asc))?$"
)
ENTRIES_LIMIT = 50_000
ARTEFACTS_LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class Artefact:
    """A backup on disk; `modified_at` in seconds since the epoch."""

    path: Path
    size_bytes: int
    modified_at: float


class BackupsProbe:
    """The folder that the target names, or the one file."""

    def __init__(self, path: Path) -> None:
        """Take the place; it is looked at when asked."""
        self.path = path

    @property
    def vantage(self) -> str:
        """From where things were seen."""
        return f"backup folder {self.path.name or self.path}"

    def artefacts(self) -> Sequence[Artefact]:
        """Backups there, the newest first.

        Raises:
            Unobservable: there is no such place, or it holds too much to look through.
        """
        return artefacts_in(self.path)


def artefacts_in(place: Path) -> Sequence[Artefact]:
    """Backups in a folder and below it, the newest first; a file that is named outright is one whatever its name.

    Raises:
        Unobservable: there is no such place, or it holds too much to look through.
    """
    if place.is_file():
        return tuple(_artefacts([place]))
    if not place.is_dir():
        raise Unobservable(f"{place} is not there", "[backup] path names the folder that backups are kept in")
    found = tuple(_artefacts(path for path in _entries(place) if BACKUP_NAME.search(path.name)))
    return sorted(found, key=lambda one: one.modified_at, reverse=True)


def _entries(place: Path) -> Iterator[Path]:
    for visited, path in enumerate(place.rglob("*")):
        if visited >= ENTRIES_LIMIT:
            raise Unobservable(f"{place.name} holds too many files to look through", "name one folder of backups")
        yield path


def _artefacts(paths: Sequence[Path] | Iterator[Path]) -> Iterator[Artefact]:
    count = 0
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                continue
            count += 1
            if count > ARTEFACTS_LIMIT:
                raise Unobservable(f"over {ARTEFACTS_LIMIT} backups are kept there", "name one folder of backups")
            yield Artefact(path, status.st_size, status.st_mtime)

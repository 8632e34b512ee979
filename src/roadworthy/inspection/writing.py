"""Files that an inspection leaves behind: whole or not at all, and only where they can be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from roadworthy.inspection.errors import InspectionError

STANDARD_OUTPUT = Path("-")


class Unwritable(InspectionError):
    """A report cannot be written where it was asked for."""


def refuse_unwritable(paths: Iterable[Path]) -> None:
    """Return when each can be written; before anything runs: a minute of checks for nothing helps nobody.

    Raises:
        Unwritable: with the path.
    """
    for path in paths:
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise Unwritable(f"{path}: cannot be written", "give a file in a folder that exists and is yours")


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put `content` there whole or not at all; a file that already says so is left alone.

    `mode` is that of a new file. Raises `Unwritable` where the disk or the folder refuses.
    """
    if path.exists() and path.read_bytes() == content:
        return
    kept = path.stat().st_mode & 0o777 if path.exists() else mode
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    except OSError as error:
        raise Unwritable(f"{path}: {error.strerror}", "give a file in a folder that exists and is yours") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(kept)
        Path(temporary).replace(path.resolve())
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise Unwritable(f"{path}: {error.strerror}", "free some space, or write elsewhere") from error

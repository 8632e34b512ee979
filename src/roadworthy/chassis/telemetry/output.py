"""Where log lines go: a file that may be rotated under us, or standard output."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LOOK_SECONDS = 1.0


class LogOutput:
    """Appends whole lines. Several processes may append to one file: each write is one system call.

    When the file was moved away (logrotate) or deleted, the next write within a second makes it anew.
    """

    __slots__ = ("_descriptor", "_looked_at", "path")

    def __init__(self, path: Path | None = None) -> None:
        """Append to `path`, or write to standard output.

        Raises:
            OSError: the file can't be opened.
        """
        self.path = path
        self._looked_at = time.monotonic()
        self._descriptor = -1 if path is not None else sys.__stdout__.fileno() if sys.__stdout__ else 1
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open(path)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody is looking."""
        return self.path is None and os.isatty(self._descriptor)

    def write(self, lines: bytes) -> None:
        """Write `lines`, which end in a newline. Blocks as long as the disk or the reader of the pipe does.

        Raises:
            OSError: disk full, or nobody reads any more.
        """
        if self.path is not None and time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if self._was_moved(self.path):
                os.close(self._descriptor)
                self._open(self.path)
        while lines:
            lines = lines[os.write(self._descriptor, lines) :]

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self.path is not None and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _was_moved(self, path: Path) -> bool:
        ours = os.fstat(self._descriptor)
        try:
            there = path.stat()
        except FileNotFoundError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

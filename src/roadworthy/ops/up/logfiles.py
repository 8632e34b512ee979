"""Log files of child processes, kept within bounds without a hand on each line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SIZE_MAX_BYTES = 32 * 1024 * 1024
TAIL_BYTES = 16 * 1024


class LogFile:
    """A file that a child process writes to directly, so that a line costs us nothing.

    `trim` moves a file grown too long to `<name>.1`, by copying and emptying it: the child keeps its descriptor, and
    appends from the start again. Lines written between the two steps are lost; there are at most a few.
    """

    def __init__(self, path: Path) -> None:
        """Take the `path`; the folder exists."""
        self.path = path

    def open(self) -> int:
        """A descriptor for a child's output; the caller closes it."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def trim(self, size_max_bytes: int = SIZE_MAX_BYTES) -> bool:
        """Whether the file was too long and has been moved aside."""
        if self.path.stat().st_size <= size_max_bytes:
            return False
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        os.truncate(self.path, 0)
        return True

    def last_lines(self, count: int) -> list[str]:
        """The last lines, for a message about why the child ended."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-count:]

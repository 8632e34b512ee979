"""Reads files that others wrote: so many bytes, ordinary files only, and never waits for one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """The first `limit_bytes` of an ordinary file.

    Raises:
        OSError: it can't be read, or is a pipe, a socket or a device, which might never answer.
    """
    _ordinary(path.stat())  # before it is opened: opening a device may do something
    # not waiting, should it have become a pipe since
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _ordinary(os.fstat(descriptor))
        return file.read(limit_bytes)


def _ordinary(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not an ordinary file")

"""What servers of ours keep on disk between runs: private files, locks, ports, traces of processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from roadworthy.chassis.errors import StartupError

LOOPBACK = "127.0.0.1"


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only the folder's owner can read it, and readers see the old or the new, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def naming_a_full_disk(folder: Path) -> Iterator[None]:
    """Turn "no space left" inside the block into a StartupError about the disk that holds `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder) from error
        raise


def disk_full(folder: Path) -> StartupError:
    """The error for a state folder without room."""
    return StartupError(
        f"the disk that holds {folder} is full",
        f"free some space (df -h {folder}), or set ROADWORTHY_STATE_DIR to a folder on another disk",
    )


class FileLock:
    """An exclusive lock that the kernel drops with the process holding it; the file names the holder's id."""

    def __init__(self, path: Path) -> None:
        """Take the `path` of the lock file; nothing is opened yet."""
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait: bool = False) -> bool:
        """Whether the lock is now held; without `wait` a lock held elsewhere is False at once."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """Process id of whoever holds or last held the lock."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.path.read_text(encoding="ascii"))
        return None


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `host:port` now; a connection winding down does not count as taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def stable_port(remembered: int | None) -> int:
    """The port of last time if it is still free, else any free one on loopback."""
    if remembered is not None and port_is_free(remembered):
        return remembered
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def end_orphan(pid: int, command: Sequence[str], how: signal.Signals, timeout_seconds: float) -> bool:
    """End `pid` if it still runs `command`; returns whether it is gone, or was another program all along.

    The caller holds the lock on the server's folder, so nobody who is alive owns that process.
    """
    deadline = time.monotonic() + timeout_seconds
    while _runs(pid, command):
        if time.monotonic() > deadline:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        time.sleep(0.05)
    return True


def _runs(pid: int, command: Sequence[str]) -> bool:
    # The command line, not /proc/<pid>/exe: a container's root may lack the right to look at the latter.
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return words[: len(command)] == list(command)

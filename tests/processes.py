"""Processes as tests look at them: started, watched, and gone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

PATIENCE_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    holds: Callable[[], object], what: Callable[[], object] | str, seconds: float = PATIENCE_SECONDS
) -> None:
    """Return once `holds()`; a failure says `what`. A limit on how long to wait, not a claim about speed."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.02)


def living(*marks: str) -> list[str]:
    """Processes, without zombies, whose command line or environment has one of `marks`, and their children."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            about = " ".join([*process.cmdline(), *process.environ().values()])
            if process.status() != psutil.STATUS_ZOMBIE and any(mark in about for mark in marks):
                found[process.pid] = about
                found.update((child.pid, child.name()) for child in process.children(recursive=True))
    return [f"{pid} {about[:200]}" for pid, about in found.items() if pid != os.getpid()]


@contextlib.contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], output: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, whose whole group is killed at the end, should anything be left."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=file, stderr=file, cwd=folder, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

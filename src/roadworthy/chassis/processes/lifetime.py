"""Processes that end when the one that started them does, however that one ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")
PR_SET_PDEATHSIG = 1
OPEN_FILES = 65_536
KILL_WAIT_SECONDS = 5.0


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; the kernel sends it `death_signal` when this process is gone.

    `home`: give up root there (see launch.py); ignored for an ordinary user. `output` takes stdout and stderr.
    Linux ties the death signal to the thread that forked, so only the main thread may call this.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn() from a thread other than the main one: the child would end with that thread")
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), f"--parent={os.getpid()}"]
    launcher += [f"--death-signal={int(death_signal)}", *([f"--home={home}"] if home else [])]
    return subprocess.Popen(  # noqa: S603  # commands come from our own code, never from a request
        [*launcher, "--", *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=None if environment is None else dict(environment),
    )


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask the kernel to send this process `death_signal` when `parent`, its parent's process id, is gone.

    Ends this process at once when the parent went before the request could be made.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


def stop(process: subprocess.Popen[bytes], how: signal.Signals, timeout_seconds: float) -> bool:
    """Send `how`, wait, and kill what is left after `timeout_seconds`; returns whether it ended by itself."""
    if process.poll() is not None:
        return True
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(KILL_WAIT_SECONDS)
        return False
    return True


def raise_open_files_limit(wanted: int = OPEN_FILES) -> int:
    """Lift the soft limit of open files towards `wanted` (1024 clients would exhaust the usual one); returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        return target
    return soft

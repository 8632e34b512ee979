"""Servers under test: each on a port of its own, ended with everything that it started."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from roadworthy.chassis.processes.lifetime import spawn, stop

HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 20.0
LOG_TAIL_CHARACTERS = 3000
PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class NotReady(Exception):
    """A server under test did not answer in time."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server under test."""

    name: str
    url: str
    process: subprocess.Popen[bytes]

    def pss_mb(self) -> float:
        """Memory of its largest web process, shared pages split between their users, in MB of 10^6 bytes."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return max((_pss_mb(child.pid) for child in children), default=_pss_mb(self.process.pid))

    def cpu_seconds(self) -> float:
        """Processor time that it and its children have used so far."""
        main = psutil.Process(self.process.pid)
        return sum(sum(each.cpu_times()[:2]) for each in (main, *main.children(recursive=True)))


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], *, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends, its output in `folder`.

    Only what a program needs to run is inherited: a setting in the caller's shell changes no measurement.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with log_of(name, folder).open("wb") as output:
        process = spawn(command, death_signal=signal.SIGTERM, environment={**inherited, **environment}, output=output)
    try:
        yield process
    finally:
        end(process)


@contextlib.contextmanager
def serving(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], *, port: int, folder: Path
) -> Iterator[Server]:
    """Run `command` until the block ends; inside, it answers /health on `port`.

    Raises:
        NotReady: it ended or stayed silent, with the end of its log.
    """
    with running(name, command, environment, folder=folder) as process:
        server = Server(name, f"http://{HOST}:{port}", process)
        _wait_until_ready(server, log_of(name, folder))
        yield server


def log_of(name: str, folder: Path) -> Path:
    """Where a process's output goes."""
    return folder / f"{name}.log"


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop it as its operator would, then kill what is left of its session."""
    stop(process, signal.SIGTERM, STOP_TIMEOUT_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: Server, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not _answers(f"{server.url}/health"):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise NotReady(f"{server.name} does not answer; its log ends:\n{log.read_text()[-LOG_TAIL_CHARACTERS:]}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310  # our own loopback address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        match = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
        return int(match[1]) * 1024 / 1e6 if match else 0.0
    return 0.0

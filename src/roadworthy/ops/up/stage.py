"""What the commands stand on: settings completed by what `roadworthy up` runs, a secret key, a checked schema."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.errors import RoadworthyError, StartupError
from roadworthy.chassis.processes.state import write_private
from roadworthy.chassis.service import AppManifest
from roadworthy.chassis.settings import Environment, Settings, as_environment, load_settings

SECRET_BYTES = 32


def running_settings(**changes: object) -> Settings:
    """The settings, with embedded servers that another process runs, a secret key, and `changes` that are not None.

    Raises:
        StartupError: a setting is wrong, or a secret is missing outside development.
    """
    settings = load_settings()
    found: dict[str, object] = {name: value for name, value in changes.items() if value is not None}
    if settings.database_dsn is None and (postgres := EmbeddedPostgres(settings.state_dir)).attach():
        found["database_url"] = SecretStr(postgres.dsn)
    if (
        settings.redis_enabled
        and settings.redis_url is None
        and (valkey := EmbeddedValkey(settings.state_dir)).attach()
    ):
        found["redis_url"] = SecretStr(valkey.url)
    return with_secret(settings.model_copy(update=found))


def with_secret(settings: Settings) -> Settings:
    """`settings` with a secret key: development makes its own, once, in the state folder.

    Raises:
        StartupError: there is none, and this is not development.
    """
    if settings.secret_key is not None:
        return settings
    if settings.environment is not Environment.DEVELOPMENT:
        raise StartupError("SECRET_KEY is missing", "set it to the output of: openssl rand -hex 32")
    file = secret_file(settings)
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, secrets.token_hex(SECRET_BYTES))
    return settings.model_copy(update={"secret_key": SecretStr(file.read_text(encoding="ascii").strip())})


def secret_file(settings: Settings) -> Path:
    """Where development keeps its generated key."""
    return settings.state_dir / "secret_key"


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give another process of ours the same settings.

    All that are in effect, defaults too: whoever looks at the process, the inspector for one, sees them.
    """
    variables = as_environment(settings.model_copy(update={"state_dir": settings.state_dir.resolve()}))
    if settings.database_url is None:
        return variables
    return {name: value for name, value in variables.items() if not name.startswith("POSTGRES_")}


@contextmanager
def direct_database(settings: Settings) -> Iterator[str]:
    """The address for migrations and demo data; the embedded server runs for the block if nobody runs it yet."""
    if settings.direct_dsn is not None:
        yield settings.direct_dsn
        return
    with EmbeddedPostgres(settings.state_dir) as postgres:
        yield postgres.dsn


def migrations_of(apps: Sequence[AppManifest]) -> dict[str, Path]:
    """Folders of migrations by app, as the migrations module wants them."""
    return {app.name: app.migrations for app in apps}


def check_schema() -> None:
    """Return when no migration is pending, and exit as `roadworthy migrate --check` does when one is.

    In a process of its own: Alembic and SQLAlchemy would stay in the memory of every web process.
    """
    done = subprocess.run([sys.executable, "-m", "roadworthy", "migrate", "--check"], check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def load_demo(dsn: str, apps: Sequence[AppManifest], console: Console, *, scale: float = 1.0) -> bool:
    """Load every app's demo data with a progress bar; returns whether there was anything to load.

    Raises:
        StartupError: the tables hold rows that are not the demo's.
    """
    with _progress(console) as progress:
        bars = [_Bar(progress, app.name) for app in apps]
        for app, bar in zip(apps, bars, strict=True):
            try:
                asyncio.run(app.demo(dsn, bar, scale=scale))
            except StartupError:
                raise
            except RoadworthyError as error:
                raise StartupError(str(error), "leave --demo out, or name a fresh database in DATABASE_URL") from error
    return any(bar.moved for bar in bars)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("  {task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Bar:
    """Shows what a demo loader reports. `moved`: it reported more than that all is there already."""

    def __init__(self, progress: Progress, app: str) -> None:
        self.moved = False
        self._progress = progress
        self._task = progress.add_task(f"Demo data: {app}", total=None)

    def __call__(self, done: int, total: int, what: str) -> None:
        self.moved |= total > 1
        self._progress.update(self._task, completed=done, total=total, description=f"Demo data: {what}")

"""Does what the plan says: starts everything in order, says where it is, and stops it all in reverse."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.migrations import migrate
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.server import EmbeddedServer, not_ours
from roadworthy.chassis.processes.state import FileLock, naming_a_full_disk
from roadworthy.chassis.service import AppManifest
from roadworthy.chassis.settings import Settings
from roadworthy.ops.up.children import Children
from roadworthy.ops.up.logfiles import LogFile
from roadworthy.ops.up.outside import check_database, shared_tier_problem
from roadworthy.ops.up.plan import DISK_NEEDED_LATER_BYTES, MEGABYTE, Plan
from roadworthy.ops.up.ports import check_port
from roadworthy.ops.up.ready import wait_until_ready
from roadworthy.ops.up.stage import environment_of, load_demo, migrations_of, secret_file, with_secret
from roadworthy.ops.up.target import write_target
from roadworthy.ops.up.words import Words, count

STOP_GRACE_SECONDS = 5.0


def run_up(plan: Plan, apps: Sequence[AppManifest], console: Console) -> None:
    """Start everything, wait until it is told to stop, stop everything.

    Blocks the main thread. SIGINT, SIGTERM and SIGHUP drain and stop; a second one cuts the wait short, and what
    still runs then ends with this process.

    Raises:
        StartupError: anything that keeps it from starting or running, after what had started has been stopped.
    """
    words = Words(console, plan)
    with interruptible(), ExitStack() as stack:
        try:
            with naming_a_full_disk(plan.settings.state_dir):
                _Run(plan, apps, words, stack).go()
        except KeyboardInterrupt:
            words.stopping()
    words.stopped()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that ask a program to end into KeyboardInterrupt, also when a shell had them ignored."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number, frame is None)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Run:
    """One run: what has been started is stopped by `stack`, last first."""

    plan: Plan
    apps: Sequence[AppManifest]
    words: Words
    stack: ExitStack
    servers: list[EmbeddedServer] = field(default_factory=list)

    def go(self) -> None:
        """What can't work is refused before anything is started; servers come before the processes that use them."""
        take_state(self.plan.settings, self.stack)
        check_port(self.plan.settings.host, self.plan.settings.port)
        check_disk(self.plan)
        self.check_outside()
        settings = self.with_servers(self.secret())
        assert settings.direct_dsn is not None, "the plan has an outside database or the embedded one"
        self.fill(settings.direct_dsn)
        children = self.processes(settings)
        self.stack.callback(self.describe(settings, children).unlink, missing_ok=True)
        self.words.ready()
        children.watch(self.servers)

    def check_outside(self) -> None:
        settings = self.plan.settings
        for dsn in filter(None, dict.fromkeys((settings.database_dsn, settings.direct_dsn))):
            asyncio.run(check_database(dsn))
        problem = shared_tier_problem(settings)
        if problem:
            self.words.warn(problem)

    def secret(self) -> Settings:
        file = secret_file(self.plan.settings)
        if self.plan.generate_secret and not file.exists():
            self.words.note(f"Generated a secret key for development: {file}")
        return with_secret(self.plan.settings)

    def with_servers(self, settings: Settings) -> Settings:
        found: dict[str, SecretStr] = {}
        if self.plan.embedded_database:
            with self.words.step("PostgreSQL") as step:
                postgres = self.stack.enter_context(EmbeddedPostgres(settings.state_dir))
                self.servers.append(postgres)
                found["database_url"] = SecretStr(postgres.dsn)
                step.says(f"embedded, port {postgres.port}")
        if self.plan.embedded_shared:
            with self.words.step("Valkey") as step:
                valkey = self.stack.enter_context(EmbeddedValkey(settings.state_dir))
                self.servers.append(valkey)
                found["redis_url"] = SecretStr(valkey.url)
                step.says(f"embedded, port {valkey.port}")
        return settings.model_copy(update=found)

    def fill(self, dsn: str) -> None:
        with self.words.step("Schema") as step:
            applied = asyncio.run(migrate(dsn, migrations_of(self.apps)))
            step.says(f"migrated: {', '.join(applied)}" if applied else "up to date")
        if self.plan.demo:
            with self.words.step("Demo data") as step:
                step.says("loaded" if load_demo(dsn, self.apps, self.words.console) else "there already")

    def processes(self, settings: Settings) -> Children:
        with self.words.step("Web server") as step:
            children = self.start(settings)
            wait_until_ready(f"{self.plan.address}/health/ready", children.check)
            step.says(f"{count(self.plan.processes, 'process', 'processes')}, and a task worker")
        return children

    def start(self, settings: Settings) -> Children:
        logs = _log_folder(settings)
        logs.mkdir(mode=0o700, exist_ok=True)
        environment = {**os.environ, **environment_of(settings), "WORKERS": str(self.plan.processes)}
        children = Children(settings.unready_seconds + settings.shutdown_timeout_seconds + STOP_GRACE_SECONDS)
        self.stack.callback(children.stop)
        children.start("web server", ["serve", "--no-check"], environment, LogFile(logs / "web.log"))
        children.start("task worker", ["worker"], environment, LogFile(logs / "worker.log"))
        return children

    def describe(self, settings: Settings, children: Children) -> Path:
        logs = settings.log_file.resolve() if settings.log_file else _log_folder(settings)
        return write_target(settings, url=self.plan.address, web_pid=children.pid_of("web server"), logs=logs)


def take_state(settings: Settings, stack: ExitStack) -> None:
    """Make the state folder this run's own.

    Raises:
        StartupError: another run has it, or it may not be written.
    """
    folder = settings.state_dir.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / "up.lock")
        free = lock.acquire()
    except PermissionError:
        raise StartupError(*not_ours(folder)) from None
    if not free:
        raise StartupError(
            f"`roadworthy up` runs here already: process {lock.holder()}",
            f"stop it with Ctrl-C where it runs, or: kill {lock.holder()}",
        )
    stack.callback(lock.release)


def check_disk(plan: Plan) -> None:
    """Return when the disk has room for the state.

    Raises:
        StartupError: it has not.
    """
    folder = plan.settings.state_dir.resolve()
    started_before = (folder / "postgres" / "data").exists()
    needed = min(plan.disk_needed_bytes, DISK_NEEDED_LATER_BYTES) if started_before else plan.disk_needed_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StartupError(
            f"the disk that holds {folder} is full: {free // MEGABYTE} MB are free, {needed // MEGABYTE} MB are needed",
            "free some space, or set ROADWORTHY_STATE_DIR to a folder on another disk",
        )


def _log_folder(settings: Settings) -> Path:
    return settings.state_dir.resolve() / "logs"

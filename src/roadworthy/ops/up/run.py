"""Does what the plan says: starts everything in order, says where it is, and stops it all in reverse."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres, not_ours
from roadworthy.chassis.database.migrations import migrate
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.state import FileLock
from roadworthy.chassis.service import AppManifest
from roadworthy.chassis.settings import Settings
from roadworthy.ops.up.children import Children
from roadworthy.ops.up.logfiles import LogFile
from roadworthy.ops.up.plan import MEGABYTE, Plan
from roadworthy.ops.up.ports import check_port
from roadworthy.ops.up.ready import wait_until_ready
from roadworthy.ops.up.stage import environment_of, load_demo, migrations_of, secret_file, with_secret
from roadworthy.ops.up.target import write_target
from roadworthy.ops.up.words import Words

STOP_GRACE_SECONDS = 5.0


def run_up(plan: Plan, apps: Sequence[AppManifest], console: Console) -> None:
    """Start everything, wait until it is told to stop, stop everything.

    Blocks the main thread. SIGINT, SIGTERM and SIGHUP drain and stop; a second one leaves at once, and what still
    runs ends with this process.

    Raises:
        StartupError: anything that keeps it from starting or running, after what had started has been stopped.
    """
    words = Words(console, plan)
    with interruptible(), ExitStack() as stack:
        try:
            settings = _prepare(plan, apps, stack, words)
            with words.step("Web server") as step:
                children = _start_children(plan, settings, stack)
                wait_until_ready(f"{plan.address}/health/ready", children.check)
                step.says(f"{plan.processes} processes, and a task worker")
            stack.callback(_describe(plan, settings, children).unlink, missing_ok=True)
            words.ready()
            children.watch()
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


def _prepare(plan: Plan, apps: Sequence[AppManifest], stack: ExitStack, words: Words) -> Settings:
    """Everything before the first process of ours: what can't work is refused before anything is started."""
    _take_state(plan.settings, stack)
    check_port(plan.settings.host, plan.settings.port)
    _check_disk(plan)
    settings = _secret(plan, words)
    settings = _start_servers(plan, settings, stack, words)
    assert settings.direct_dsn is not None, "the plan has an outside database or the embedded one"
    with words.step("Schema") as step:
        applied = asyncio.run(migrate(settings.direct_dsn, migrations_of(apps)))
        step.says(f"{len(applied)} migrations applied" if applied else "up to date")
    if plan.demo:
        with words.step("Demo data") as step:
            load_demo(settings.direct_dsn, apps, words.console)
            step.says("loaded")
    return settings


def _take_state(settings: Settings, stack: ExitStack) -> None:
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


def _check_disk(plan: Plan) -> None:
    folder = plan.settings.state_dir.resolve()
    started_before = (folder / "postgres" / "data").exists()
    needed = plan.disk_needed_bytes if not started_before else min(plan.disk_needed_bytes, 64 * MEGABYTE)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StartupError(
            f"the disk that holds {folder} is full: {free // MEGABYTE} MB are free, {needed // MEGABYTE} MB are needed",
            "free some space, or set ROADWORTHY_STATE_DIR to a folder on another disk",
        )


def _secret(plan: Plan, words: Words) -> Settings:
    file = secret_file(plan.settings)
    if plan.generate_secret and not file.exists():
        words.note(f"Generated a secret key for development: {file}")
    return with_secret(plan.settings)


def _start_servers(plan: Plan, settings: Settings, stack: ExitStack, words: Words) -> Settings:
    found: dict[str, SecretStr] = {}
    if plan.embedded_database:
        with words.step("PostgreSQL") as step:
            postgres = stack.enter_context(EmbeddedPostgres(settings.state_dir))
            found["database_url"] = SecretStr(postgres.dsn)
            step.says(f"embedded, port {postgres.port}")
    if plan.embedded_shared:
        with words.step("Valkey") as step:
            valkey = stack.enter_context(EmbeddedValkey(settings.state_dir))
            found["redis_url"] = SecretStr(valkey.url)
            step.says(f"embedded, port {valkey.port}")
    return settings.model_copy(update=found)


def _start_children(plan: Plan, settings: Settings, stack: ExitStack) -> Children:
    logs = settings.state_dir.resolve() / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, **environment_of(settings), "WORKERS": str(plan.processes)}
    children = Children(settings.shutdown_timeout_seconds + STOP_GRACE_SECONDS)
    stack.callback(children.stop)
    children.start("web server", ["serve", "--no-check"], environment, LogFile(logs / "web.log"))
    children.start("task worker", ["worker"], environment, LogFile(logs / "worker.log"))
    return children


def _describe(plan: Plan, settings: Settings, children: Children) -> Path:
    logs = settings.log_file.resolve() if settings.log_file else settings.state_dir.resolve() / "logs"
    return write_target(settings, url=plan.address, web_pid=children.pid_of("web server"), logs=logs)

"""`roadworthy up` with real processes: what it starts, what it says, and that nothing survives its end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from tests.processes import free_port, living, started, wait_until

ROADWORTHY = [sys.executable, "-m", "roadworthy"]
OWN_SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENVIRONMENT", "PORT", "HOST", "WORKERS")


@dataclass
class Stage:
    """A folder for one product's state, a port for it, and the environment that says so."""

    folder: Path
    port: int = field(default_factory=free_port)
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        own = {"ROADWORTHY_STATE_DIR": str(self.state), "PORT": str(self.port), "WORKERS": "2"}
        return {**inherited, **own, **self.extra}

    @contextlib.contextmanager
    def up(self, *arguments: str, prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
        """`roadworthy up`, ready."""
        command = [*prefix, *ROADWORTHY, "up", "--no-demo", *arguments]
        with started(command, self.environment, self.folder / "up.log", self.folder) as process:
            wait_until(lambda: "Next" in self.said() or process.poll() is not None, self.said)
            assert process.poll() is None, self.said()
            yield process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of ours, to its end."""
        command = [*ROADWORTHY, *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def said(self) -> str:
        return (self.folder / "up.log").read_text()

    def target(self) -> dict[str, Any]:
        return tomllib.loads((self.state / "target.toml").read_text())

    def status(self, path: str) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    def query(self, sql: str) -> object:
        async def ask() -> object:
            connection = await asyncpg.connect(self.target()["postgres"]["dsn"])
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def assert_nothing_lives(self) -> None:
        wait_until(lambda: not living(str(self.state)), lambda: f"alive: {living(str(self.state))}", seconds=30)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.assert_nothing_lives()


def test_it_starts_everything_describes_it_and_stops_it(stage: Stage) -> None:
    with stage.up() as process:
        assert stage.status("/health/ready") == 200
        target = stage.target()
        assert target["http"]["url"] == f"http://127.0.0.1:{stage.port}"
        assert psutil.Process(target["config"]["pid"]).ppid() == process.pid
        assert stage.query("select count(*) from hiring.jobs") == 0
        private = ["target.toml", "secret_key", "postgres/credentials.json", "valkey/password", "logs/web.log"]
        assert [name for name in private if (stage.state / name).stat().st_mode & 0o077] == []
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, stage.said()
    assert "Everything has stopped" in stage.said()
    assert not (stage.state / "target.toml").exists()


def test_nothing_survives_a_kill_and_the_next_start_finds_the_data(stage: Stage) -> None:
    with stage.up() as process:
        stage.query("create table kept as select 42 as answer")
        secret = (stage.state / "secret_key").read_text()
        assert len(living(str(stage.state))) > 6
        process.kill()
        process.wait()
        stage.assert_nothing_lives()
    with stage.up() as process:
        assert stage.query("select answer from kept") == 42
        assert (stage.state / "secret_key").read_text() == secret
        process.terminate()
        assert process.wait(30) == 0


def test_it_ends_with_the_process_that_started_it_when_told_to(stage: Stage) -> None:
    make = (sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])")
    with stage.up("--with-parent", prefix=make) as process:
        process.kill()
        process.wait()
        stage.assert_nothing_lives()
    assert "Everything has stopped" in stage.said()


@pytest.mark.parametrize("victim", ["web server", "task worker", "PostgreSQL", "Valkey"])
def test_it_does_not_go_on_without_a_part(stage: Stage, victim: str) -> None:
    marks = {"web server": "serve", "task worker": "worker", "PostgreSQL": "/data", "Valkey": ".conf"}
    with stage.up() as process:
        family = [child for child in psutil.Process(process.pid).children() if marks[victim] in child.cmdline()[-1]]
        if victim == "web server":
            family = [psutil.Process(stage.target()["config"]["pid"])]
        assert len(family) == 1
        family[0].kill()
        assert process.wait(30) == 3
    assert f"{victim} ended" in stage.said()


def test_a_second_one_is_refused(stage: Stage) -> None:
    with stage.up() as process:
        second = stage.run("up")
        assert second.returncode == 3
        assert f"runs here already: process {process.pid}" in second.stderr
        process.terminate()
        process.wait(30)


def test_a_stop_during_the_start_leaves_nothing(stage: Stage) -> None:
    with started([*ROADWORTHY, "up"], stage.environment, stage.folder / "up.log", stage.folder) as process:
        wait_until(lambda: "Schema" in stage.said(), stage.said)  # the demo data are being loaded
        process.terminate()
        assert process.wait(30) == 0, stage.said()


def test_a_taken_port_is_refused_before_anything_starts(stage: Stage) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", stage.port))
        squatter.listen()
        refused = stage.run("up")
    assert refused.returncode == 3
    assert f"port {stage.port} is taken by" in refused.stderr
    assert f"process {os.getpid()}" in refused.stderr
    assert "PORT=" in refused.stderr
    assert not (stage.state / "postgres").exists()


def test_servers_of_the_users_own_are_used_and_get_no_demo_data(
    tmp_path: Path, empty_database_url: str, valkey_url: str
) -> None:
    stage = Stage(tmp_path, extra={"DATABASE_URL": empty_database_url, "REDIS_URL": valkey_url})
    with started([*ROADWORTHY, "up"], stage.environment, tmp_path / "up.log", tmp_path) as process:
        wait_until(lambda: "Next" in stage.said() or process.poll() is not None, stage.said)
        assert stage.target()["postgres"]["dsn"] == empty_database_url
        assert stage.query("select count(*) from hiring.jobs") == 0
        assert [path.name for path in stage.state.iterdir() if path.name in {"postgres", "valkey"}] == []
        process.terminate()
        assert process.wait(30) == 0
    stage.assert_nothing_lives()


def test_a_shared_tier_that_does_not_answer_is_told_and_gone_without(tmp_path: Path, empty_database_url: str) -> None:
    own = {"DATABASE_URL": empty_database_url, "REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
    stage = Stage(tmp_path, extra=own)
    with stage.up() as process:
        assert "! REDIS_URL can't be used" in stage.said()
        assert "hunter2" not in stage.said()
        assert stage.status("/health/ready") == 200
        process.terminate()
        assert process.wait(30) == 0
    stage.assert_nothing_lives()


def test_demo_data_are_loaded_by_a_command_of_their_own_while_it_runs(stage: Stage) -> None:
    with stage.up() as process:
        loaded = stage.run("demo", "--scale", "0.001")
        assert loaded.returncode == 0, loaded.stderr
        assert stage.query("select count(*) from hiring.jobs") == 200
        assert stage.status("/api/jobs/1") == 200
        process.terminate()
        process.wait(30)


def test_commands_by_themselves_start_the_embedded_database_for_as_long_as_they_need_it(stage: Stage) -> None:
    assert stage.run("migrate", "--check").returncode == 3
    migrated = stage.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "hiring_0001" in migrated.stdout
    assert stage.run("migrate", "--check").returncode == 0


def test_serving_a_schema_that_is_behind_is_refused(tmp_path: Path, empty_database_url: str) -> None:
    refused = Stage(tmp_path, extra={"DATABASE_URL": empty_database_url, "REDIS_ENABLED": "false"}).run("serve")
    assert refused.returncode == 3
    assert "hiring_0001" in refused.stderr
    assert "→ roadworthy migrate" in refused.stderr


@pytest.mark.parametrize("command", ["up", "serve", "worker", "migrate"])
def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path, command: str) -> None:
    unreachable = {"DATABASE_URL": "postgresql://someone:hunter2@127.0.0.1:1/none", "REDIS_ENABLED": "false"}
    refused = Stage(tmp_path, extra=unreachable).run(command)
    assert refused.returncode == 3
    assert "127.0.0.1:1 can't be reached" in refused.stderr
    assert "hunter2" not in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr
    assert "✓" not in refused.stdout, "something was started before the database was asked"


def test_production_without_a_secret_is_refused(tmp_path: Path) -> None:
    production = {"ENVIRONMENT": "production", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    refused = Stage(tmp_path, extra=production).run("serve")
    assert refused.returncode == 3
    assert "SECRET_KEY" in refused.stderr
    assert "openssl rand -hex 32" in refused.stderr

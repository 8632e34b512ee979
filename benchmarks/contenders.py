"""How each side is started: the product with everything on, the reference as its guides say."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import HOST, Server, free_port, running, serving
from benchmarks.stage import ROOT, Stage
from roadworthy.ops.up.plan import available_cores

BIN = Path(sys.executable).parent
UNLIMITED = str(1_000_000_000)
# Connections that are not the reference's to take: PostgreSQL's own reserve, pgbench's 32 and the product's pool.
CONNECTIONS_OF_OTHERS = 80
POOL_SIZE = 5
ACCESS_LOG = "ours-access.log"


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run the reference."""

    workers: int
    slowapi: bool

    @property
    def name(self) -> str:
        """As the results call it."""
        return f"{self.workers} workers, {'with' if self.slowapi else 'without'} slowapi"


def variants() -> list[Variant]:
    """As many workers as cores, and as the guides' formula says; each with and without rate limits."""
    cores = available_cores()
    counts = dict.fromkeys((cores, 2 * cores + 1))
    return [Variant(workers, slowapi) for slowapi in (False, True) for workers in counts]


@contextmanager
def ours(stage: Stage, folder: Path, *, cached: bool, worker: bool = False) -> Iterator[Server]:
    """The product: production settings, every feature on, limits raised; the response cache on or off.

    `worker` runs the task worker as well, which adds the counted views to the jobs.
    """
    port = free_port()
    environment = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": stage.dsn,
        "REDIS_URL": stage.redis_url,
        "ROADWORTHY_STATE_DIR": str(folder / "state"),
        "HOST": HOST,
        "PORT": str(port),
        "LOG_FILE": str(folder / ACCESS_LOG),
        "RATE_LIMIT_ENABLED": "true",
        **dict.fromkeys(("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_PER_HOUR", "RATE_LIMIT_PAGES_PER_MINUTE"), UNLIMITED),
        **({} if cached else {"RESPONSE_CACHE_BYTES": "0"}),
    }
    program = BIN / "roadworthy"
    with ExitStack() as stack:
        server = stack.enter_context(serving("ours", [program, "serve"], environment, port=port, folder=folder))
        if worker:
            stack.enter_context(running("worker", [program, "worker"], environment, folder=folder))
        yield server


@contextmanager
def reference(stage: Stage, folder: Path, variant: Variant, *, cached: bool) -> Iterator[Server]:
    """The reference; Redis is not even connected to where nothing is cached."""
    port = free_port()
    fits = (stage.max_connections - CONNECTIONS_OF_OTHERS) // variant.workers
    environment = {
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": stage.dsn,
        "POOL_SIZE": str(max(1, min(POOL_SIZE, fits))),
        "MAX_OVERFLOW": "0",
        "REDIS_ENABLED": str(cached).lower(),
        "REDIS_URL": stage.redis_url,
        "RATE_LIMIT_ENABLED": str(variant.slowapi).lower(),
        "RATE_LIMIT_PER_MINUTE": UNLIMITED,
        "RATE_LIMIT_PER_HOUR": UNLIMITED,
        "BIND": f"{HOST}:{port}",
    }
    options = ["--config", "python:benchmarks.reference.gunicorn_conf", "--workers", str(variant.workers)]
    command: list[str | Path] = [BIN / "gunicorn", *options, "benchmarks.reference.app:app"]
    name = f"reference-{variant.workers}{'-slowapi' if variant.slowapi else ''}"
    with serving(name, command, environment, port=port, folder=folder) as server:
        yield server


@contextmanager
def bare(answers: Path, folder: Path) -> Iterator[Server]:
    """The bare ASGI app on the product's server."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare", str(answers), str(port), str(available_cores())]
    with serving("bare", command, {"PYTHONPATH": str(ROOT)}, port=port, folder=folder) as server:
        yield server

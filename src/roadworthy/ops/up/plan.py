"""What `roadworthy up` is going to start, decided from the settings before anything happens."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Environment, Settings

CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")
MEGABYTE = 1024 * 1024
# PostgreSQL keeps its write-ahead log in files of 16 MB and needs several; the demo data measure 650 MB with indexes.
DISK_NEEDED_BYTES = 256 * MEGABYTE
DISK_NEEDED_LATER_BYTES = 64 * MEGABYTE
DISK_NEEDED_FOR_DEMO_BYTES = 1536 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. `processes` counts web processes; `demo` says whether demo data are wanted, loaded or not."""

    settings: Settings
    embedded_database: bool
    embedded_shared: bool
    demo: bool
    generate_secret: bool
    processes: int

    @property
    def address(self) -> str:
        """Where the web server can be asked from this machine."""
        return address_of(self.settings.host, self.settings.port)

    @property
    def disk_needed_bytes(self) -> int:
        """Free space to ask for where the state is kept, before the first start."""
        if not self.embedded_database:
            return 0
        return DISK_NEEDED_FOR_DEMO_BYTES if self.demo else DISK_NEEDED_BYTES


def address_of(host: str, port: int) -> str:
    """Where a server that listens on `host` can be asked from this machine."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not listened on
    host = anywhere.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def make_plan(settings: Settings, *, demo: bool | None, cores: int) -> Plan:
    """Decide. `demo` None: into the embedded database yes, into one of the user's own only when asked.

    Raises:
        StartupError: production without a database of its own, or with demo data.
    """
    embedded_database = settings.database_dsn is None
    if settings.in_production:
        _refuse_in_production(embedded_database=embedded_database, demo=bool(demo))
    return Plan(
        settings=settings,
        embedded_database=embedded_database,
        embedded_shared=settings.redis_enabled and settings.redis_url is None,
        demo=embedded_database if demo is None else demo,
        generate_secret=settings.secret_key is None and settings.environment is Environment.DEVELOPMENT,
        processes=settings.workers or cores,
    )


def _refuse_in_production(*, embedded_database: bool, demo: bool) -> None:
    if embedded_database:
        raise StartupError(
            "production brings its own PostgreSQL, and DATABASE_URL is empty",
            "set DATABASE_URL=postgresql://user:password@host:5432/name, or ENVIRONMENT=development",
        )
    if demo:
        raise StartupError("production gets no demo data", "leave --demo out, or set ENVIRONMENT=staging")


def available_cores(limit: Path = CGROUP_CPU) -> int:
    """Cores that this process may use: those it may run on, or its container's share if that is less."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such controller, or "max"
        return allowed

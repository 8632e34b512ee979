"""Gauges of things that are not the edge's own: the process, the database pool."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from roadworthy.chassis.telemetry.metrics import Metrics

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STATM = Path("/proc/self/statm")


class PoolStats(Protocol):
    """What is counted of a connection pool."""

    @property
    def idle(self) -> int:
        """Connections that wait for work."""

    @property
    def in_use(self) -> int:
        """Connections at work."""

    @property
    def limit(self) -> int:
        """How many there may be."""

    @property
    def waiting(self) -> int:
        """Callers that wait for a connection."""

    @property
    def slow_statements(self) -> int:
        """Statements logged as slow so far."""

    @property
    def held_too_long(self) -> int:
        """Connections logged as held too long so far."""


def observe_process(metrics: Metrics, version: str) -> None:
    """Memory and processor time of all living processes together, and what version they run."""
    metrics.gauge(
        "process_resident_memory_bytes", "Resident memory, of all processes.", (), lambda: {(): resident_bytes()}
    )
    metrics.read_counter("process_cpu_seconds_total", "Processor time.", (), lambda: {(): _processor_seconds()})
    metrics.gauge("roadworthy_info", "Processes by version.", ("version",), lambda: {(version,): 1})


def observe_pool(metrics: Metrics, stats: Callable[[], PoolStats]) -> None:
    """The database pool of each process, added up."""
    metrics.gauge(
        "database_pool_connections",
        "Connections of the pools, by state.",
        ("state",),
        lambda: {("idle",): stats().idle, ("in_use",): stats().in_use, ("limit",): stats().limit},
    )
    metrics.gauge("database_pool_waiting", "Callers waiting for a connection.", (), lambda: {(): stats().waiting})
    metrics.read_counter(
        "database_slow_statements_total", "Statements that took long.", (), lambda: {(): stats().slow_statements}
    )
    metrics.read_counter(
        "database_connections_held_total", "Connections held too long.", (), lambda: {(): stats().held_too_long}
    )


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the kernel does not tell."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

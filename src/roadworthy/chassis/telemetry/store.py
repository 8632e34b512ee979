"""Where processes leave their metrics so that any of them can answer for all.

The files are prometheus_client's own (one a process and type, memory-mapped), written here once a second instead of at
every increment, and in a folder that is named rather than taken from PROMETHEUS_MULTIPROC_DIR at import time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

ADDED_UP = ("counter", "histogram")
RETIRED = "retired"


class MetricStore:
    """This process's files in a folder that it shares with the service's other processes.

    A lock that the kernel drops with the process says who is alive: process ids come round again.
    """

    def __init__(self, folder: Path) -> None:
        """Join `folder`, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._files: dict[str, MmapedDict] = {}
        with self._locked(fcntl.LOCK_SH):
            self._alive = os.open(folder / f"{self._name}.alive", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX)

    def write(self, kind: str, key: str, value: float) -> None:
        """Set the value under `key` (see `key_of`) in this process's file of `kind`: counter, histogram, gauge_*."""
        file = self._files.get(kind) or self._open(kind)
        file.write_value(key, value, 0.0)

    def render(self) -> bytes:
        """What all living processes and the dead ones' counters add up to, in the Prometheus text format."""
        with self._locked(fcntl.LOCK_SH):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._folder))
            return generate_latest(registry)

    def sweep(self) -> int:
        """Add up what dead processes counted, drop their files and gauges; returns how many there were."""
        with self._locked(fcntl.LOCK_EX):
            dead = [path for path in self._folder.glob("*.alive") if path.stem != self._name and _is_free(path)]
            for path in dead:
                for kind in ADDED_UP:
                    self._retire(kind, path.stem)
                for gauge in self._folder.glob(f"gauge_*_{path.stem}.db"):
                    gauge.unlink()
                path.unlink()
        return len(dead)

    def close(self) -> None:
        """Leave the folder; the next sweep of another process, or of the next start, adds up what is left."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def _open(self, kind: str) -> MmapedDict:
        # Alone: a reader that found the file before its head was written would take it for broken.
        with self._locked(fcntl.LOCK_EX):
            file = self._files[kind] = MmapedDict(str(self._folder / f"{kind}_{self._name}.db"))
        return file

    def _retire(self, kind: str, name: str) -> None:
        path = self._folder / f"{kind}_{name}.db"
        if not path.exists():
            return
        sums = MmapedDict(str(self._folder / f"{kind}_{RETIRED}.db"))
        # A process killed while it made the file leaves it short: nothing was counted in there.
        with contextlib.suppress(struct.error, RuntimeError, ValueError):
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
        sums.close()
        path.unlink()

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def key_of(metric: str, sample: str, labels: Mapping[str, str], description: str) -> str:
    """The key of a sample: its metric's name and its own, labels and help text."""
    return mmap_key(metric, sample, list(labels), list(labels.values()), description)


def clear(folder: Path) -> None:
    """Forget every count; for the process that starts the service, before any other is there."""
    for path in (*folder.glob("*.db"), *folder.glob("*.alive")):
        path.unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)

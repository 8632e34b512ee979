"""Which instances run here, on disk: written by who keeps them, read by `roadworthy reload`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from roadworthy.chassis.processes.state import LOOPBACK, FileLock, write_private
from roadworthy.ops.up.plan import address_of

FILE, LOCK = "instances.json", "instances.lock"


@dataclass(frozen=True, slots=True)
class Instance:
    """One web server: its number, from 1; its port; the process id of its main process, None where it is down.

    `host` is the address that it listens on.
    """

    number: int
    port: int
    pid: int | None = None
    host: str = LOOPBACK

    @property
    def ready_url(self) -> str:
        """Where it says whether it wants requests."""
        return f"{address_of(self.host, self.port)}/health/ready"


def lock_of(state_dir: Path) -> FileLock:
    """Held by who keeps the instances, and gone with that process."""
    return FileLock(state_dir / LOCK)


def write(state_dir: Path, instances: Sequence[Instance]) -> None:
    """Say what runs now."""
    write_private(state_dir / FILE, json.dumps([asdict(instance) for instance in instances]))


def read(state_dir: Path) -> tuple[Instance, ...]:
    """What runs now; nothing where nobody keeps instances in this folder."""
    lock = lock_of(state_dir)
    if not lock.path.exists() or not (state_dir / FILE).exists():
        return ()
    if lock.acquire():
        lock.release()
        return ()
    return tuple(Instance(**one) for one in json.loads((state_dir / FILE).read_text(encoding="utf-8")))

"""`python -m benchmarks.invalidation`: how soon after a commit other processes have forgotten what it made untrue.

Three processes listen while one commits units of work, each with a tag of its own: paced, and then from sixteen writers
flat out on the same two cores. Printed: commits a second, and milliseconds from the return of the commit to the moment
when nothing of it is kept in another process any more.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.load import LoadFailed
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.database.announcements import Listener
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.work import unit_of_work
from roadworthy.chassis.settings import Settings

LISTENERS = 3
ROWS = 10_000
BAR_P99_MS = 100.0
SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Latency:
    """What one way to write showed; times in milliseconds, over every commit in every process."""

    writers: int
    commits_a_second: float
    heard: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def measure(seconds: float) -> list[Latency]:
    """Measure paced and crowded writes, `seconds` each, on servers of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roadworthy-invalidation-")))
        postgres = stack.enter_context(EmbeddedPostgres(folder))
        valkey = stack.enter_context(EmbeddedValkey(folder))
        listeners = [stack.enter_context(_listening(postgres.dsn, valkey.url)) for _ in range(LISTENERS)]
        written = uvloop.run(_write(postgres.dsn, valkey.url, seconds))
        heard = [_heard(listener) for listener in listeners]
    return [_latency(writers, committed, heard, seconds) for writers, committed in written]


def line(found: Latency) -> str:
    """One way to write, for people."""
    words = f"invalidation: {found.commits_a_second:,.0f} commits/s by {found.writers}, forgotten elsewhere within "
    return f"{words}{found.p99_ms:.0f} ms at p99 (bar {BAR_P99_MS:.0f}), {found.max_ms:.0f} at most"


async def _write(dsn: str, url: str, seconds: float) -> list[tuple[int, dict[str, float]]]:
    settings = Settings(_env_file=None, database_pool_size=16)  # type: ignore[call-arg]  # pydantic-settings' own
    database, tier = await Database.open(dsn, settings), SharedTier(url)
    cache = Cache(1024, SecondLevel(tier, namespace="bench"))
    await database.execute("create table rows (id int primary key, value int)")
    await database.execute("insert into rows select n, 0 from generate_series(1, $1) n", ROWS)
    try:
        runs = ((1, 0.005), (16, 0.0))
        return [(writers, await _commit(database, cache, writers, pause, seconds)) for writers, pause in runs]
    finally:
        await asyncio.sleep(SETTLE_SECONDS)
        await database.close()
        await tier.close()


async def _commit(database: Database, cache: Cache, writers: int, pause: float, seconds: float) -> dict[str, float]:
    committed: dict[str, float] = {}
    end = time.monotonic() + seconds

    async def write(number: int) -> None:
        while time.monotonic() < end:
            number += writers
            tag = f"row:{writers}:{number}"
            async with unit_of_work(database, cache) as work:
                connection = await work.connection()
                await connection.execute("update rows set value = value + 1 where id = $1", number % ROWS + 1)
                work.drop(tag)
            committed[tag] = time.monotonic()
            await asyncio.sleep(pause)

    await asyncio.gather(*(write(number) for number in range(writers)))
    return committed


@contextmanager
def _listening(dsn: str, url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.invalidation", "--listen", dsn, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None, "it was asked for"
            if process.stdout.readline() != "listening\n":
                raise LoadFailed("a listening process did not start")
            yield process
        finally:
            process.kill()


def _heard(process: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = process.communicate("tell\n", timeout=60)
    heard: dict[str, float] = json.loads(output)
    return heard


def _latency(writers: int, committed: dict[str, float], heard: Sequence[dict[str, float]], seconds: float) -> Latency:
    late = sorted(max(0.0, each[tag] - at) * 1000 for tag, at in committed.items() for each in heard if tag in each)
    if len(late) != len(committed) * len(heard):
        raise LoadFailed(f"of {len(committed)} commits {len(late)} in {len(heard)} processes were heard")
    rate = len(committed) / seconds
    return Latency(writers, rate, len(late), late[len(late) // 2], late[int(len(late) * 0.99)], late[-1])


class _Noting(Cache):
    """A cache that notes when it has forgotten."""

    def __init__(self, shared: SecondLevel) -> None:
        super().__init__(1024, shared)
        self.at: dict[str, float] = {}

    def heard(self, change: str, tags: Sequence[str]) -> bool:  # type: ignore[override]  # a sequence is what comes
        forgotten = super().heard(change, tags)
        now = time.monotonic()
        self.at.update(dict.fromkeys(tags, now))
        return forgotten


async def _listen(dsn: str, url: str) -> None:
    tier = SharedTier(url)
    cache = _Noting(SecondLevel(tier, namespace="bench"))
    listener = Listener(dsn, cache)
    await listener.start()
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(cache.at), flush=True)
    await listener.close()
    await tier.close()


def main() -> int:
    """Print what was measured; 1 when the bar is missed."""
    if sys.argv[1:2] == ["--listen"]:
        uvloop.run(_listen(*sys.argv[2:4]))
        return 0
    found = measure(4.0)
    for each in found:
        print(json.dumps({name: round(value, 2) for name, value in asdict(each).items()}))
    return int(any(each.p99_ms > BAR_P99_MS for each in found))


if __name__ == "__main__":
    sys.exit(main())

"""The database that both sides read: embedded servers of the benchmark's own, and the product's demo data in them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import asyncpg

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.migrations import migrate
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.state import FileLock
from roadworthy.main import APPS

ROOT = Path(__file__).resolve().parents[1]
STATE_DIR = ROOT / ".roadworthy" / "bench"

Progress = Callable[[int, int, str], None]


PAGE = 20
DISTINCT_FILTERS = 500
FINGERPRINT = "fingerprint"
RUN_PREFIX = "run-"
# What visitors of such a board type.
WORDS = (
    *("massage", "therapist", "facial", "skin", "nail", "hair", "stylist", "manager", "reception", "guest", "training"),
    *("licensed", "weekend", "tips", "benefits", "treatment", "wellness", "team", "experience", "flexible", "salon"),
)


class Search(NamedTuple):
    """Words that a visitor may search for, in a state or anywhere."""

    words: str
    state: str | None = None
    state_id: int | None = None

    @property
    def path(self) -> str:
        """The request's path and query."""
        where = f"&state={self.state}" if self.state else ""
        return f"/api/jobs/search?q={quote(self.words)}{where}&limit={PAGE}"


class Filter(NamedTuple):
    """One list that a visitor may ask for; it fills its page."""

    word: str
    level: str
    state: str
    state_id: int

    @property
    def path(self) -> str:
        """The request's path and query."""
        return f"/api/jobs?state={self.state}&q={self.word}&experience={self.level}&limit={PAGE}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where both sides find the same rows, and what a load may ask for: ids from 1 to `jobs`, and `filters`."""

    dsn: str
    redis_url: str
    max_connections: int
    jobs: int
    filters: tuple[Filter, ...]

    @property
    def searches(self) -> tuple[Search, ...]:
        """Each word in each state that it fills a page in, each word anywhere, and each two words anywhere."""
        words = sorted({each.word for each in self.filters})
        in_states = sorted({Search(each.word, each.state, each.state_id) for each in self.filters})
        pairs = (Search(f"{one} {other}") for one, other in permutations(words, 2))
        return (*in_states, *map(Search, words), *pairs)


# More than a page, so that one more row than asked can be fetched as well.
FULL_PAGES = """
with words as (select word, websearch_to_tsquery('english', word) as query from unnest($1::text[]) as word)
select w.word, j.experience_level, s.code, s.id
from words w
join hiring.jobs j on j.search @@ w.query and j.is_active
join hiring.states s on s.id = j.state_id
group by w.word, j.experience_level, s.code, s.id
having count(*) > $2
order by w.word, j.experience_level, s.code
"""


@contextmanager
def staged(progress: Progress, state_dir: Path = STATE_DIR) -> Iterator[Stage]:
    """Start both servers, bring schema and data to where they must be, stop both at the end.

    The data are kept between runs, and made anew when a migration or the demo's generator has changed.

    Raises:
        StartupError: a server does not start, or another run is under way; with what to do.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state_dir / "lock")
    if not lock.acquire():
        raise StartupError(f"process {lock.holder()} is running the benchmarks already", "wait until it is done")
    _forget_stale(state_dir)
    with EmbeddedPostgres(state_dir) as postgres, EmbeddedValkey(state_dir) as valkey:
        asyncio.run(fill(postgres.dsn, progress))
        (state_dir / FINGERPRINT).write_text(_fingerprint(), encoding="ascii")
        yield asyncio.run(survey(postgres.dsn, valkey.url))


def _forget_stale(state_dir: Path) -> None:
    for left_over in state_dir.glob(f"{RUN_PREFIX}*"):  # of runs that were killed
        shutil.rmtree(left_over, ignore_errors=True)
    kept = state_dir / FINGERPRINT
    if not kept.exists() or kept.read_text(encoding="ascii") != _fingerprint():
        kept.unlink(missing_ok=True)
        shutil.rmtree(state_dir / "postgres", ignore_errors=True)


def _fingerprint() -> str:
    """Changes with whatever shapes the rows and their indexes."""
    digest = hashlib.sha256()
    for app in APPS:
        for folder in (app.migrations, app.migrations.parent / "demo"):
            for file in sorted(folder.rglob("*")):
                if file.is_file() and file.suffix != ".pyc":
                    digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


async def fill(dsn: str, progress: Progress) -> None:
    """Migrate, and load the demo data unless it is there."""
    await migrate(dsn, {app.name: app.migrations for app in APPS})
    for app in APPS:
        await app.demo(dsn, progress)


async def survey(dsn: str, redis_url: str, *, filters_min: int = DISTINCT_FILTERS) -> Stage:
    """Look at what the database allows and holds."""
    connection = await asyncpg.connect(dsn)
    try:
        limit = int(await connection.fetchval("show max_connections"))
        jobs = await connection.fetchval("select count(*) from hiring.jobs")
        assert jobs == await connection.fetchval("select max(id) from hiring.jobs"), "ids have gaps"
        return Stage(dsn, redis_url, limit, jobs, await full_pages(connection, filters_min))
    finally:
        await connection.close()


async def full_pages(connection: asyncpg.Connection, at_least: int) -> tuple[Filter, ...]:
    """Every word, level and state that together find more than a page."""
    found = tuple(Filter(*row) for row in await connection.fetch(FULL_PAGES, WORDS, PAGE))
    assert len(found) >= at_least, f"only {len(found)} filters fill a page: too few to call them random"
    return found

"""The database that both sides read: embedded servers of the benchmark's own, and the product's demo data in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncpg

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.chassis.database.migrations import migrate
from roadworthy.main import APPS

ROOT = Path(__file__).resolve().parents[1]
STATE_DIR = ROOT / ".roadworthy" / "bench"

Progress = Callable[[int, int, str], None]


PAGE = 20
DISTINCT_FILTERS = 500
# What visitors of such a board type.
WORDS = (
    *("massage", "therapist", "facial", "skin", "nail", "hair", "stylist", "manager", "reception", "guest", "training"),
    *("licensed", "weekend", "tips", "benefits", "treatment", "wellness", "team", "experience", "flexible", "salon"),
)


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

    Raises:
        StartupError: a server does not start, with what to do.
    """
    with EmbeddedPostgres(state_dir) as postgres, EmbeddedValkey(state_dir) as valkey:
        asyncio.run(fill(postgres.dsn, progress))
        yield asyncio.run(survey(postgres.dsn, valkey.url))


async def fill(dsn: str, progress: Progress) -> None:
    """Migrate, and load the demo data unless it is there."""
    await migrate(dsn, {app.name: app.migrations for app in APPS})
    for app in APPS:
        await app.demo(dsn, progress)


async def survey(dsn: str, redis_url: str) -> Stage:
    """Look at what the database allows and holds."""
    connection = await asyncpg.connect(dsn)
    try:
        limit = int(await connection.fetchval("show max_connections"))
        jobs = await connection.fetchval("select count(*) from hiring.jobs")
        assert jobs == await connection.fetchval("select max(id) from hiring.jobs"), "ids have gaps"
        return Stage(dsn, redis_url, limit, jobs, await full_pages(connection))
    finally:
        await connection.close()


async def full_pages(connection: asyncpg.Connection) -> tuple[Filter, ...]:
    """Every word, level and state that together find more than a page."""
    found = tuple(Filter(*row) for row in await connection.fetch(FULL_PAGES, WORDS, PAGE))
    assert len(found) >= DISTINCT_FILTERS, f"only {len(found)} filters fill a page: too few to call them random"
    return found

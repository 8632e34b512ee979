from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import astuple
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil

import asyncpg

from roadworthy.apps.hiring.demo import phrases
from roadworthy.apps.hiring.demo.companies import Company, build_companies
from roadworthy.apps.hiring.demo.draws import Draws
from roadworthy.apps.hiring.demo.jobs import build_jobs
from roadworthy.apps.hiring.demo.pictures import photos
from roadworthy.apps.hiring.demo.places import City, cities, states
from roadworthy.apps.hiring.demo.repository import DemoRepository, Record, vacuum
from roadworthy.chassis.errors import RoadworthyError

JOBS = 200_000
COMPANIES = 5_000
SCALE_MAX = 50.0
SEED = 2026
REPORT_EVERY = 1_000
# What building the indexes weighs on the progress bar, in rows of jobs, measured on two cores.
INDEX_SHARE = 0.25

Progress = Callable[[int, int, str], None]


class DemoRefused(RoadworthyError):
    """Demo data goes into empty tables only."""

    status = HTTPStatus.CONFLICT


class Steps:
    """Counts rows, and tells `progress(done, total, what)` every thousand of them."""

    def __init__(self, progress: Progress, total: int) -> None:
        """Take `progress` and how many steps there are in all."""
        self._progress, self._total, self._done = progress, total, 0

    def advance(self, count: int, what: str) -> None:
        """Say that `count` more steps of `what` are done."""
        self._done = min(self._total, self._done + count)
        self._progress(self._done, self._total, what)

    async def counted(self, records: Iterable[Record], what: str) -> AsyncIterator[Record]:
        """Pass `records` on, and report as they go."""
        since = 0
        for record in records:
            yield record
            since += 1
            if since == REPORT_EVERY:
                self.advance(since, what)
                since = 0
        self.advance(since, what)


async def load_demo(
    dsn: str, progress: Progress, *, scale: float = 1.0, seed: int = SEED, now: datetime | None = None
) -> None:
    """Fill the job board: 200,000 jobs and 5,000 companies at scale 1, in every US place of 5,000 people or more.

    The same `seed` and `now` (default: this hour) give the same rows. All of it is one transaction: an interrupted
    load leaves nothing and starts afresh; where jobs are loaded already, nothing happens.

    Raises:
        DemoRefused: the tables hold places or companies but no jobs, so these are not the demo's.
        ValueError: `scale` is not above 0 and at most 50.
    """
    if not 0 < scale <= SCALE_MAX:
        raise ValueError(f"scale is {scale}: give a number above 0 and at most {SCALE_MAX:g}")
    moment = now or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        repository = DemoRepository(connection)
        await repository.prepare()
        if await _loaded(repository, progress):
            return
        await _load(repository, progress, Draws(seed), scale, moment)
        await transaction.commit()
        await vacuum(connection)
    except asyncio.CancelledError:
        # Ctrl-C in the middle of a COPY: a rollback would have to wait its turn, while hanging up is one.
        connection.terminate()
        raise
    finally:
        await connection.close()


async def _loaded(repository: DemoRepository, progress: Progress) -> bool:
    filled = await repository.filled()
    if "jobs" in filled:
        progress(1, 1, "already loaded")
    elif filled:
        raise DemoRefused(f"hiring.{filled[0]} holds rows already: load demo data into a fresh database, or do without")
    return "jobs" in filled


async def _load(repository: DemoRepository, progress: Progress, draws: Draws, scale: float, now: datetime) -> None:
    jobs, company_count = max(1, round(JOBS * scale)), max(1, round(COMPANIES * scale))
    places = [(number, code, name) for code, (number, name) in states().items()]
    steps = Steps(progress, len(places) + len(cities()) + company_count + round(jobs * (1 + INDEX_SHARE)))
    companies = build_companies(draws, cities(), company_count, now)
    await repository.copy("states", steps.counted(places, "places"))
    await repository.copy("cities", steps.counted(map(_city_record, cities()), "places"))
    await repository.copy("companies", steps.counted(map(_company_record, companies), "companies"))
    indexes = await repository.take_indexes("jobs")
    await repository.copy("jobs", steps.counted(map(astuple, build_jobs(draws, companies, jobs, now)), "jobs"))
    for definition in indexes:
        await repository.make_index(definition)
        steps.advance(ceil(jobs * INDEX_SHARE / len(indexes)), "indexes")
    await repository.count_words()
    await repository.copy("photos", photos())
    await repository.advance_identities()


def _city_record(city: City) -> Record:
    return city.id, city.state_id, city.name, city.slug, city.latitude, city.longitude, city.population


def _company_record(company: Company) -> Record:
    return (
        company.id,
        company.cities[0].id,
        company.name,
        company.slug,
        phrases.companies().kinds[company.kind].industry,
        company.size,
        company.rating,
        company.review_count,
        company.description,
        company.website,
        company.street,
        company.postal_code,
        company.photos,
        company.created_at,
    )

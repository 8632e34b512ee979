"""A small board whose every row is known, with ties wherever an order could hide behind distinct values."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg

STATES = {1: ("CA", "California"), 2: ("TX", "Texas"), 3: ("WY", "Wyoming")}
CITIES = {10: ("Los Angeles", 1), 11: ("San José", 1), 20: ("San Antonio", 2), 21: ("Austin", 2), 30: ("Cody", 3)}
WORDS = ("sauna", "laser", "massage", "lemur", "yoga", "desk")
COMPANIES = 9
START = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A job, as it was written."""

    id: int
    company_id: int
    city_id: int
    state_id: int
    title: str
    description: str
    employment_type: str
    experience_level: str
    salary_min: int | None
    salary_max: int | None
    salary_period: str | None
    is_remote: bool
    is_active: bool
    is_featured: bool
    view_count: int
    created_at: datetime


def company_slug(id_: int) -> str:
    return f"company-{id_}"


def draw_jobs(count: int, seed: int = 7) -> list[Row]:
    draw = random.Random(seed)
    return [_job(draw, id_) for id_ in range(1, count + 1)]


def _job(draw: random.Random, id_: int) -> Row:
    company_id = draw.randint(1, COMPANIES)
    city_id = draw.choice(list(CITIES))
    words = draw.sample(WORDS, draw.randint(0, 2))
    period = draw.choice([None, "hour", "year"])
    low = draw.randint(10, 40) if period else None
    high = low + draw.randint(0, 20) if low and draw.random() < 0.7 else None
    return Row(
        id=id_,
        company_id=company_id,
        city_id=city_id,
        state_id=CITIES[city_id][1],
        title=f"Job {id_}",
        description=" ".join(["We hire", *words]),
        employment_type=draw.choice(["full_time", "part_time", "contract", "temporary"]),
        experience_level=draw.choice(["entry", "mid", "senior", "lead"]),
        salary_min=low,
        salary_max=high,
        salary_period=period,
        is_remote=draw.random() < 0.2,
        is_active=draw.random() < 0.9,
        is_featured=draw.random() < 0.1,
        view_count=draw.randint(0, 5),
        created_at=START + timedelta(hours=draw.randint(0, count_of_hours(id_)), microseconds=draw.choice([0, 0, 123])),
    )


def count_of_hours(id_: int) -> int:
    return max(1, id_ // 3)


def rating(company_id: int) -> Decimal | None:
    return Decimal(company_id % 4 + 1) if company_id % 3 else None


async def fill(url: str, jobs: list[Row]) -> None:
    """Write the places, the companies and `jobs` into an empty board."""
    connection = await asyncpg.connect(url)
    try:
        await _copy(connection, "states", ("id", "code", "name"), [(id_, *state) for id_, state in STATES.items()])
        cities: list[tuple[object, ...]] = [
            (id_, state_id, name, f"{name.lower().replace(' ', '-').replace('é', 'e')}", 30.0, -100.0, 5000 - id_)
            for id_, (name, state_id) in CITIES.items()
        ]
        columns = ("id", "state_id", "name", "slug", "latitude", "longitude", "population")
        await _copy(connection, "cities", columns, cities)
        await _copy(connection, "companies", COMPANY_COLUMNS, [_company(id_) for id_ in range(1, COMPANIES + 1)])
        await _copy(connection, "jobs", tuple(Row.__annotations__), [tuple(vars(job).values()) for job in jobs])
        await connection.execute("analyze")
    finally:
        await connection.close()


COMPANY_COLUMNS = (
    "id", "city_id", "name", "slug", "industry", "size", "rating", "review_count", "description", "street",
    "postal_code", "photos", "is_active",
)  # fmt: skip


def _company(id_: int) -> tuple[object, ...]:
    city_id = list(CITIES)[id_ % len(CITIES)]
    industry = "Day spa" if id_ % 2 else "Resort 100%"
    return (
        id_, city_id, f"Company No_{id_}", company_slug(id_), industry, "11-50", rating(id_), id_, "We care.",
        f"{id_} Main St", "90210", ["pool.svg"], id_ != COMPANIES,
    )  # fmt: skip


async def _copy(
    connection: asyncpg.Connection[asyncpg.Record],
    table: str,
    columns: tuple[str, ...],
    records: list[tuple[object, ...]],
) -> None:
    await connection.copy_records_to_table(table, schema_name="hiring", columns=columns, records=records)

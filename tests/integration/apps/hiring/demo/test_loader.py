from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from roadworthy.apps.hiring.demo import DemoRefused, load_demo

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
SCALE = 0.01
JOBS = 2_000
COMPANIES = 50


class Interrupted(Exception):
    pass


def quiet(_done: int, _total: int, _what: str) -> None:
    pass


def interrupt(_done: int, _total: int, what: str) -> None:
    if what == "indexes":
        raise Interrupted


async def row(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(query)
    finally:
        await connection.close()


async def indexes(url: str) -> list[str]:
    query = "select array_agg(indexdef order by indexname) from pg_indexes where schemaname = 'hiring'"
    return list((await row(url, query))[0])


async def digest(url: str) -> tuple[int, str]:
    return tuple(await row(url, "select count(*), md5(string_agg(j::text, '' order by id)) from hiring.jobs j"))


async def test_a_load_fills_every_table_and_keeps_the_indexes(database_url: str) -> None:
    before = await indexes(database_url)
    await load_demo(database_url, quiet, scale=SCALE, now=NOW)

    counts = await row(
        database_url,
        """select (select count(*) from hiring.states), (select count(*) from hiring.companies),
                  count(*), min(id), max(id), max(created_at) from hiring.jobs""",
    )
    assert tuple(counts)[:5] == (51, COMPANIES, JOBS, 1, JOBS)
    assert counts[5] <= NOW
    assert await indexes(database_url) == before


async def test_what_people_write_next_follows_the_last_id(database_url: str) -> None:
    await load_demo(database_url, quiet, scale=SCALE, now=NOW)
    next_id = await row(database_url, "select nextval(pg_get_serial_sequence('hiring.jobs', 'id'))")
    assert next_id[0] == JOBS + 1


async def test_words_are_searchable_and_planned_with_statistics(database_url: str) -> None:
    await load_demo(database_url, quiet, scale=SCALE, now=NOW)
    found = await row(
        database_url,
        """select count(*) filter (where search @@ websearch_to_tsquery('english', 'massage')),
                  (select reltuples from pg_class where oid = 'hiring.jobs'::regclass) from hiring.jobs""",
    )
    assert found[0] > JOBS / 20
    assert found[1] == JOBS


async def test_an_interrupted_load_leaves_nothing_and_starts_afresh(database_url: str) -> None:
    before = await indexes(database_url)
    with pytest.raises(Interrupted):
        await load_demo(database_url, interrupt, scale=SCALE, now=NOW)
    assert (await digest(database_url))[0] == 0
    assert await indexes(database_url) == before

    await load_demo(database_url, quiet, scale=SCALE, now=NOW)
    assert (await digest(database_url))[0] == JOBS


async def test_a_second_load_finds_the_data_and_changes_nothing(database_url: str) -> None:
    await load_demo(database_url, quiet, scale=SCALE, now=NOW)
    loaded, said = await digest(database_url), []
    await load_demo(database_url, lambda *report: said.append(report), scale=SCALE, now=NOW)
    assert await digest(database_url) == loaded
    assert said == [(1, 1, "already loaded")]


async def test_two_loaders_at_once_load_once(database_url: str) -> None:
    await asyncio.gather(*(load_demo(database_url, quiet, scale=SCALE, now=NOW) for _ in range(2)))
    assert (await digest(database_url))[0] == JOBS


async def test_progress_only_grows_and_arrives(database_url: str) -> None:
    reports: list[tuple[int, int, str]] = []
    await load_demo(database_url, lambda *report: reports.append(report), scale=SCALE, now=NOW)
    assert [done for done, _, _ in reports] == sorted(done for done, _, _ in reports)
    assert reports[-1][0] == reports[-1][1]
    assert [*dict.fromkeys(what for _, _, what in reports)] == ["places", "companies", "jobs", "indexes"]


async def test_places_of_someone_else_are_left_alone(database_url: str) -> None:
    await row(database_url, "insert into hiring.states values (1, 'TX', 'Texas') returning 1")
    with pytest.raises(DemoRefused, match=r"hiring\.states holds rows"):
        await load_demo(database_url, quiet, scale=SCALE, now=NOW)


@pytest.mark.parametrize("scale", [0.0, -1.0, 51.0])
async def test_a_scale_out_of_range_is_refused(database_url: str, scale: float) -> None:
    with pytest.raises(ValueError, match="at most 50"):
        await load_demo(database_url, quiet, scale=scale)

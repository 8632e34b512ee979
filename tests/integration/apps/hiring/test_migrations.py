"""Migrations over data that are there already."""

from __future__ import annotations

import shutil
from pathlib import Path

import asyncpg
import pytest
from tests.integration.apps.hiring import board

from roadworthy.apps.hiring.app import manifest
from roadworthy.chassis.database.migrations import migrate

pytestmark = pytest.mark.anyio

SCHEMA = """
select indexrelid::regclass::text, indisvalid from pg_index
where indrelid = 'hiring.jobs'::regclass order by 1
"""


async def before_search(url: str, folder: Path) -> None:
    """A board of the first version, with jobs."""
    first = folder / "first"
    first.mkdir()
    shutil.copy(manifest.migrations / "0001_job_board.py", first)
    await migrate(url, {"hiring": first})
    await board.fill(url, board.draw_jobs(50))


async def test_search_comes_to_jobs_that_are_there_already(empty_database_url: str, tmp_path: Path) -> None:
    await before_search(empty_database_url, tmp_path)
    connection = await asyncpg.connect(empty_database_url)
    try:
        # As if an earlier run had been cut short: an index that is there and serves nobody, and rows half way.
        await connection.execute("alter table hiring.jobs alter column search drop expression")
        await connection.execute("create index jobs_words on hiring.jobs (id)")
        applied = await migrate(empty_database_url, {"hiring": manifest.migrations})
        assert applied[:1] == ["hiring_0002"]

        by_company = "select count(*) from hiring.jobs where search @@ to_tsquery('english', '3:B')"
        of_company = await connection.fetchval("select count(*) from hiring.jobs where company_id = 3")
        assert await connection.fetchval(by_company) == of_company > 0
        by_text = "select count(*) from hiring.jobs where search @@ to_tsquery('english', 'hire:D & !hire:ABC')"
        assert await connection.fetchval(by_text) == 50
        indexes = await connection.fetch(SCHEMA)
        assert [row[0] for row in indexes if not row[1]] == []
        names = {row[0].removeprefix("hiring.") for row in indexes}
        assert {"jobs_words", "jobs_title_words", "jobs_head_words", "jobs_facets", "jobs_expires_at"} <= names
        assert "jobs_search" not in names
        definition = await connection.fetchval("select pg_get_indexdef('hiring.jobs_words'::regclass)")
        assert "USING gin (search)" in definition
    finally:
        await connection.close()
    assert await migrate(empty_database_url, {"hiring": manifest.migrations}) == []


async def test_a_job_keeps_its_words_when_it_is_rewritten(database_url: str) -> None:
    await board.fill(database_url, board.draw_jobs(5))
    connection = await asyncpg.connect(database_url)
    try:
        words = "select ts_filter(search, '{a}')::text, ts_filter(search, '{c}')::text from hiring.jobs where id = 1"
        await connection.execute("update hiring.jobs set title = 'Sauna Host', city_id = 30, state_id = 3 where id = 1")
        row = await connection.fetchrow(words)
        assert row is not None
        title, place = row
        assert "'sauna':1A" in title
        assert "'codi'" in place
        assert "'wy'" in place
        plain = "select search::text from hiring.jobs where id = 1"
        before = await connection.fetchval(plain)
        await connection.execute("update hiring.jobs set view_count = view_count + 1 where id = 1")
        assert await connection.fetchval(plain) == before
    finally:
        await connection.close()

"""Ranked search: the same jobs in the same order as one plain statement that looks at every job."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.integration.apps.hiring.board import CITIES, draw_jobs, fill

from roadworthy.apps.hiring.jobs.repository import JobRepository
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.places.repository import PlaceRepository
from roadworthy.apps.hiring.places.service import Places
from roadworthy.apps.hiring.searching import repository as search_repository
from roadworthy.apps.hiring.searching.repository import SearchRepository
from roadworthy.apps.hiring.searching.routes import SearchRoutes
from roadworthy.apps.hiring.searching.service import Searching
from roadworthy.apps.hiring.spelling.repository import SpellingRepository
from roadworthy.apps.hiring.spelling.service import Spelling
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.web.application import web_app

pytestmark = pytest.mark.anyio

TITLES = ("Massage Therapist", "Spa Manager", "Sauna Host", "Front Desk Agent", "Yoga Teacher", "Laser Technician")
COMPANIES = {1: "Sauna Palace", 2: "Yoga and Massage Rooms", 3: "Lemur Spa"}
PLAIN = """
select j.id from hiring.jobs j, websearch_to_tsquery('english', $1) query
where j.is_active and j.search @@ query
  and ($2::smallint is null or j.state_id = $2) and ($3::text is null or j.experience_level = $3)
  and ($4::integer is null or j.city_id = $4)
order by case when ts_filter(j.search, '{a}') @@ query then 1 when ts_filter(j.search, '{a,b}') @@ query then 2
              when ts_filter(j.search, '{a,b,c}') @@ query then 3 else 4 end,
         j.is_featured desc, j.created_at desc, j.id desc
"""
STATES = {1: "CA", 2: "TX", 3: "WY"}
ASKED = (
    "massage", "sauna", "yoga", "austin", "california", "massage austin", "sauna -manager", "yoga or laser",
    '"massage therapist"', "desk", "lemur", "unheard", "-massage", "spa laser", "the", "wyoming teacher",
)  # fmt: skip


@pytest.fixture
async def board(database_url: str, database: Database) -> Database:
    await fill(database_url, draw_jobs(400))
    await database.execute("update hiring.jobs set title = ($1::text[])[1 + id % 6]", TITLES)
    for id_, name in COMPANIES.items():
        await database.execute("update hiring.companies set name = $2 where id = $1", id_, name)
    await SpellingRepository(database).refresh()
    return database


def searching(database: Database) -> Searching:
    places = Places(PlaceRepository(database))
    jobs = JobService(JobRepository(database, places), places)
    return Searching(SearchRepository(database, places), jobs, Spelling(SpellingRepository(database)))


@pytest.fixture
async def client(board: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = web_app(SearchRoutes(searching(board)).hot(), [], docs_on=False)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def walk(client: httpx.AsyncClient, limit: int, **query: Any) -> list[int]:
    """The ids of a whole search, page by page."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get("/api/jobs/search", params={**query, "limit": limit, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [job["id"] for job in page["items"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("walk_limit", [5, 60, 1_500])
async def test_every_way_finds_what_one_plain_statement_finds(
    board: Database, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, walk_limit: int
) -> None:
    """Walks that end early, lists shorter than a walk, everything from the indexes: the answer is one and the same."""
    monkeypatch.setattr(search_repository, "WALK_LIMIT", walk_limit)
    search_repository.search_statement.cache_clear()
    draw = random.Random(walk_limit)
    seen = 0
    for words in ASKED:
        state, level = draw.choice([None, 1, 3]), draw.choice([None, None, "mid"])
        wanted = [row[0] for row in await board.fetch(PLAIN, words, state, level, None)]
        query = {"state": STATES.get(state or 0), "experience": level}
        given = {name: value for name, value in query.items() if value is not None}
        assert await walk(client, draw.choice([3, 20, 100]), q=words, exact="true", **given) == wanted, (words, given)
        seen += len(wanted)
    search_repository.search_statement.cache_clear()
    assert seen > 400


async def test_a_search_near_a_city_finds_what_lies_in_all_the_cities_there(
    board: Database, client: httpx.AsyncClient
) -> None:
    await board.execute(
        "update hiring.cities set latitude = 34, longitude = -118 - 0.1 * (id - 10) where id in (10, 11)"
    )
    wanted = {
        row[0]
        for city in (10, 11)
        for row in await board.fetch(PLAIN, "massage", None, None, city)
    }  # fmt: skip
    found = await walk(client, 7, q="massage", city="los-angeles", miles=10)
    assert set(found) == wanted
    assert len(found) == len(wanted) > 20
    near = await walk(client, 100, q="massage", city="los-angeles", miles=1)
    assert 0 < len(near) < len(found)
    assert CITIES[10][0] == "Los Angeles"


async def test_pages_do_not_shift_when_jobs_arrive(board: Database, client: httpx.AsyncClient) -> None:
    before = await walk(client, 100, q="sauna")
    first = (await client.get("/api/jobs/search", params={"q": "sauna", "limit": 10})).json()
    await board.execute(
        """insert into hiring.jobs (id, company_id, city_id, state_id, title, description, employment_type,
                                    experience_level, is_featured, created_at)
           select 9000 + n, 1, 10, 1, 'Sauna Chief', 'Now.', 'full_time', 'lead', true, $1
           from generate_series(1, 5) n""",
        datetime.now(UTC),
    )
    rest, cursor = [job["id"] for job in first["items"]], first["next_cursor"]
    while cursor:
        page = (await client.get("/api/jobs/search", params={"q": "sauna", "limit": 10, "cursor": cursor})).json()
        rest += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
    assert rest == before


async def test_a_mistyped_word_is_searched_as_what_it_resembles(client: httpx.AsyncClient) -> None:
    async def asked(**query: str) -> dict[str, Any]:
        page: dict[str, Any] = (await client.get("/api/jobs/search", params=query)).json()
        return page

    page = await asked(q="masage theripist")
    assert (page["searched"], page["instead_of"]) == ("massage therapist", "masage theripist")
    assert len(page["items"]) == 20
    following = await asked(q="masage theripist", cursor=page["next_cursor"])
    assert following["searched"] == "massage therapist"
    assert not {job["id"] for job in following["items"]} & {job["id"] for job in page["items"]}
    assert following["items"]
    insisted = await asked(q="masage theripist", exact="true")
    assert (insisted["items"], insisted["searched"], insisted["instead_of"]) == ([], "masage theripist", None)
    kept = await asked(q='"masage therapist" -laser')
    assert kept["searched"] == '"massage therapist" -laser'
    hopeless = await asked(q="xylophone")
    assert (hopeless["items"], hopeless["instead_of"], hopeless["did_you_mean"]) == ([], None, None)
    common = await asked(q="with")
    assert (common["items"], common["instead_of"]) == ([], None)


async def test_few_hits_are_kept_and_more_are_offered(board: Database, client: httpx.AsyncClient) -> None:
    await board.execute("update hiring.jobs set title = 'Masage Helper', is_active = true where id = 7")
    page = (await client.get("/api/jobs/search", params={"q": "masage"})).json()
    assert [job["id"] for job in page["items"]] == [7]
    # A word that a job has is no mistake to the board, so nothing is said about it.
    assert (page["instead_of"], page["did_you_mean"]) == (None, None)
    await board.execute("update hiring.jobs set description = 'Zumba', is_active = true where id = 8")
    page = (await client.get("/api/jobs/search", params={"q": "zumba or theripist"})).json()
    assert [job["id"] for job in page["items"]] == [8]
    assert page["did_you_mean"] == "zumba or therapist"


async def test_words_follow_what_is_open(board: Database) -> None:
    repository = SpellingRepository(board)
    known = {row[0]: row[1] for row in await board.fetch("select word, jobs from hiring.words")}
    active = await board.fetchval("select count(*) from hiring.jobs where is_active and title = 'Laser Technician'")
    assert known["technician"] == active
    await board.execute("update hiring.jobs set title = 'Aquarist' where title = 'Laser Technician'")
    await repository.refresh()
    known = {row[0]: row[1] for row in await board.fetch("select word, jobs from hiring.words")}
    assert known["aquarist"] == active
    assert "technician" not in known


async def test_a_company_that_is_renamed_is_found_by_its_new_name(board: Database, client: httpx.AsyncClient) -> None:
    of_company = await walk(client, 100, q="lemur spa", exact="true")
    await board.execute("update hiring.companies set name = 'Heron House' where id = 3")
    assert set(await walk(client, 100, q="heron house")) >= {
        row[0] for row in await board.fetch("select id from hiring.jobs where company_id = 3 and is_active")
    }
    assert len(of_company) > len(await walk(client, 100, q="lemur spa", exact="true"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "q is missing"),
        ({"q": "spa", "miles": "20"}, "miles takes a city beside it"),
        ({"q": "spa", "city": "austin", "miles": "500"}, "miles takes a whole number from 1 to 100"),
        ({"q": "spa", "posted": "2w"}, "posted takes 24h, 30d, 3d or 7d"),
        ({"q": "spa", "employment_type": "gig"}, "employment_type takes contract, full_time, part_time or temporary"),
        ({"q": "spa", "cursor": "nonsense"}, "cursor takes next_cursor of the page before"),
        ({"q": "x" * 201}, "q takes text of 1 to 200 characters"),
    ],
)
async def test_bad_values_are_told_in_words(client: httpx.AsyncClient, query: dict[str, str], words: str) -> None:
    answer = await client.get("/api/jobs/search", params=query)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]

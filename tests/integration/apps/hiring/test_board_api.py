import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.integration.apps.hiring.board import (
    CITIES,
    COMPANIES,
    STATES,
    WORDS,
    Row,
    company_slug,
    draw_jobs,
    fill,
    rating,
)

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.companies.repository import CompanyRepository
from roadworthy.apps.hiring.companies.routes import CompanyRoutes
from roadworthy.apps.hiring.companies.service import CompanyService
from roadworthy.apps.hiring.jobs import repository as job_repository
from roadworthy.apps.hiring.jobs.repository import JobRepository
from roadworthy.apps.hiring.jobs.routes import JobRoutes
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.apps.hiring.jobs.service import JobService, cursor_at
from roadworthy.apps.hiring.places.repository import PlaceRepository
from roadworthy.apps.hiring.places.routes import PlaceRoutes
from roadworthy.apps.hiring.places.service import Places
from roadworthy.apps.hiring.views.repository import ViewRepository
from roadworthy.apps.hiring.views.service import ViewCounter
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.web.application import web_app

pytestmark = pytest.mark.anyio

JOBS = draw_jobs(420)
EXPERIENCE = ("entry", "mid", "senior", "lead")


@pytest.fixture
async def board(database_url: str, database: Database) -> Database:
    await fill(database_url, JOBS)
    return database


@pytest.fixture
def service(board: Database) -> JobService:
    places = Places(PlaceRepository(board))
    return JobService(JobRepository(board, places), places)


@pytest.fixture
def views(board: Database) -> ViewCounter:
    return ViewCounter(ViewRepository(board), None)


@pytest.fixture
async def client(board: Database, service: JobService, views: ViewCounter) -> AsyncIterator[httpx.AsyncClient]:
    places = Places(PlaceRepository(board))
    companies = CompanyService(CompanyRepository(board, places), places)
    hot = (*JobRoutes(service, views).hot(), *CompanyRoutes(companies).hot(), *PlaceRoutes(places).hot())
    transport = httpx.ASGITransport(web_app(hot, [], docs_on=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def expected(query: dict[str, str]) -> list[Row]:
    """What the list must hold, by a filter a child could read."""
    found = [job for job in JOBS if job.is_active and _matches(job, query)]
    return sorted(found, key=lambda job: (job.is_featured, job.created_at, job.id), reverse=True)


def _matches(job: Row, query: dict[str, str]) -> bool:
    top = job.salary_max if job.salary_max is not None else job.salary_min
    checks: dict[str, Callable[[str], bool]] = {
        "q": lambda q: all(word in job.description.split() for word in q.split()),
        "state": lambda code: STATES[job.state_id][0] == code,
        "city": lambda slug: CITIES[job.city_id][0].lower().replace(" ", "-").replace("é", "e") == slug,
        "company": lambda slug: company_slug(job.company_id) == slug,
        "experience": lambda level: job.experience_level == level,
        "salary_min": lambda least: top is not None and top >= int(least),
        "salary_period": lambda period: job.salary_period == period,
        "remote": lambda remote: job.is_remote == (remote == "true"),
        "featured": lambda featured: job.is_featured == (featured == "true"),
    }
    return all(checks[name](value) for name, value in query.items())


def draw_query(draw: random.Random) -> dict[str, str]:
    choices = {
        "q": lambda: " ".join(draw.sample([*WORDS, "unheard"], draw.choice([1, 1, 2]))),
        "state": lambda: draw.choice(["CA", "TX", "WY", "ZZ"]),
        "city": lambda: draw.choice(["los-angeles", "san-jose", "austin", "cody", "nowhere"]),
        "company": lambda: company_slug(draw.randint(1, COMPANIES + 1)),
        "experience": lambda: draw.choice(EXPERIENCE),
        "salary_min": lambda: str(draw.randint(5, 60)),
        "salary_period": lambda: draw.choice(["hour", "year"]),
        "remote": lambda: draw.choice(["true", "false"]),
        "featured": lambda: draw.choice(["true", "false"]),
    }
    return {name: choices[name]() for name in draw.sample(list(choices), draw.choice([0, 1, 1, 2, 2, 3, 4]))}


async def walk(client: httpx.AsyncClient, path: str, query: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = {**query, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(path, params=page)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert len(document["items"]) <= limit
        assert document["next_cursor"] is None or len(document["items"]) == limit
        items += document["items"]
        cursor = document["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.parametrize("walk_limit", [None, 5])
async def test_every_filter_finds_what_it_describes_on_complete_pages(
    walk_limit: int | None, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    if walk_limit is not None:  # so short that most searches go on to the word index
        monkeypatch.setattr(job_repository, "WALK_LIMIT", walk_limit)
    job_repository.list_statement.cache_clear()
    job_repository.longer_statement.cache_clear()
    draw = random.Random(11)
    found_any = 0
    for _ in range(150):
        query, limit = draw_query(draw), draw.choice([1, 3, 20, 100])
        if limit == 1 and len(expected(query)) > 30:
            limit = 20
        items = await walk(client, "/api/jobs", query, limit)
        assert [item["id"] for item in items] == [job.id for job in expected(query)], query
        found_any += bool(items)
    assert found_any > 60
    job_repository.list_statement.cache_clear()
    job_repository.longer_statement.cache_clear()


async def test_lists_of_every_shape_asked_at_once_get_their_own_answers(service: JobService) -> None:
    draw = random.Random(5)
    queries = [draw_query(draw) for _ in range(200)]
    pages = await _gather(service, queries)
    for query, ids in zip(queries, pages, strict=True):
        assert ids == [job.id for job in expected(query)[:20]], query


async def _gather(service: JobService, queries: list[dict[str, str]]) -> list[list[int]]:
    pages = await asyncio.gather(*(service.jobs(Audience.PUBLIC, _typed(query)) for query in queries))
    return [[item.id for item in page.items] for page in pages]


def _typed(query: dict[str, str]) -> JobQuery:
    values: dict[str, Any] = dict(query)
    for name in ("remote", "featured"):
        if name in values:
            values[name] = values[name] == "true"
    if "salary_min" in values:
        values["salary_min"] = int(values["salary_min"])
    return JobQuery(**values)


async def test_pages_can_be_walked_back(service: JobService) -> None:
    order = [job.id for job in expected({"state": "CA"})]
    page = await service.jobs(Audience.PUBLIC, JobQuery(state="CA", limit=10))
    seen: list[int] = [item.id for item in page.items]
    cursor = page.next_cursor
    while cursor:
        page = await service.jobs(Audience.PUBLIC, JobQuery(state="CA", limit=10, cursor=cursor))
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
    assert seen == order
    last = page.items[0]
    back = await service.jobs_before(Audience.PUBLIC, JobQuery(state="CA", limit=10, cursor=cursor_at(last)))
    assert [item.id for item in back.items] == order[order.index(last.id) - 10 : order.index(last.id)]


async def test_a_job_is_whole(client: httpx.AsyncClient) -> None:
    for row in JOBS[:40]:
        document = (await client.get(f"/api/jobs/{row.id}")).json()
        city, state = CITIES[row.city_id][0], STATES[row.state_id]
        stars = rating(row.company_id)
        assert datetime.fromisoformat(document.pop("created_at")) == row.created_at
        assert document == {
            **{name: getattr(row, name) for name in document.keys() - {"company", "city", "state", "expires_at"}},
            "expires_at": None,
            "company": {
                "id": row.company_id,
                "name": f"Company No_{row.company_id}",
                "slug": company_slug(row.company_id),
                "industry": "Day spa" if row.company_id % 2 else "Resort 100%",
                "size": "11-50",
                "rating": float(stars) if stars is not None else None,
            },
            "city": {"id": row.city_id, "name": city, "slug": city.lower().replace(" ", "-").replace("é", "e")},
            "state": {"code": state[0], "name": state[1]},
        }
        assert set(document) | {"created_at"} == {
            "id", "title", "description", "employment_type", "experience_level", "salary_min", "salary_max",
            "salary_period", "is_remote", "is_active", "is_featured", "view_count", "created_at", "expires_at",
            "company", "city", "state",
        }  # fmt: skip


async def test_an_item_of_a_list_is_the_job_without_its_text(client: httpx.AsyncClient) -> None:
    (item,) = (await client.get("/api/jobs", params={"limit": "1"})).json()["items"]
    whole = (await client.get(f"/api/jobs/{item['id']}")).json()
    assert item == {
        name: value for name, value in whole.items() if name not in {"description", "is_active", "expires_at"}
    }


async def test_a_read_sees_what_was_just_written(client: httpx.AsyncClient, board: Database) -> None:
    assert (await client.get("/api/jobs/1")).json()["title"] == "Job 1"
    await board.execute("update hiring.jobs set title = 'Changed' where id = 1")
    await board.execute("update hiring.companies set name = 'Renamed'")
    document = (await client.get("/api/jobs/1")).json()
    assert (document["title"], document["company"]["name"]) == ("Changed", "Renamed")
    page = (await client.get("/api/jobs")).json()
    assert {item["company"]["name"] for item in page["items"]} == {"Renamed"}


async def test_a_job_in_a_place_that_is_new_can_be_read_at_once(client: httpx.AsyncClient, board: Database) -> None:
    assert (await client.get("/api/jobs/1")).status_code == 200
    await board.execute("insert into hiring.cities values (99, 3, 'Newtown', 'newtown', 40, -100, 10)")
    await board.execute("update hiring.jobs set city_id = 99, state_id = 3, is_active = true where id = 1")
    assert (await client.get("/api/jobs/1")).json()["city"]["name"] == "Newtown"
    assert [item["id"] for item in (await client.get("/api/jobs?city=newtown")).json()["items"]] == [1]


BAD = [
    ("/api/jobs/0", "job_id"),
    ("/api/jobs/x", "job_id"),
    ("/api/jobs/9223372036854775808", "job_id"),
    ("/api/jobs/1?q=a", "q"),
    ("/api/jobs?q=", "q"),
    ("/api/jobs?q=%00", "q"),
    ("/api/jobs?q=" + "x" * 201, "q"),
    ("/api/jobs?state=California", "state"),
    ("/api/jobs?city=", "city"),
    ("/api/jobs?company=" + "x" * 201, "company"),
    ("/api/jobs?experience=junior", "experience"),
    ("/api/jobs?salary_min=0", "salary_min"),
    ("/api/jobs?salary_min=1e5", "salary_min"),
    ("/api/jobs?salary_min=99999999999", "salary_min"),
    ("/api/jobs?salary_period=month", "salary_period"),
    ("/api/jobs?remote=yes", "remote"),
    ("/api/jobs?featured=0", "featured"),
    ("/api/jobs?limit=0", "limit"),
    ("/api/jobs?limit=101", "limit"),
    ("/api/jobs?limit=20&limit=20", "limit"),
    ("/api/jobs?cursor=nonsense", "cursor"),
    ("/api/jobs?page=2", "page"),
    ("/api/companies?rating=5", "rating"),
    ("/api/companies?cursor=AAAA", "cursor"),
    ("/api/companies?limit=-1", "limit"),
    ("/api/companies/" + "x" * 201, "slug"),
    ("/api/places?state=c", "state"),
    ("/api/places?limit=1000", "limit"),
    ("/api/places?name=x", "name"),
]


@pytest.mark.parametrize(("path", "parameter"), BAD)
async def test_every_bad_parameter_is_a_problem_that_names_it(
    path: str, parameter: str, client: httpx.AsyncClient
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]
    assert all(error["takes"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/api/jobs/421", "urn:roadworthy:problem:job-not-found"),
        ("/api/companies/nobody", "urn:roadworthy:problem:company-not-found"),
        (f"/api/companies/{company_slug(COMPANIES)}", "urn:roadworthy:problem:company-not-found"),
        ("/api/nothing", "about:blank"),
    ],
)
async def test_what_is_not_there_is_a_problem(path: str, problem: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == problem


@pytest.mark.parametrize("q", ["the", "!!!", '"', "-sauna", "sauna or laser", "a & b | !c:*", "' or 1=1 --", "\\", "%"])
async def test_words_of_any_kind_are_a_search(q: str, client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/jobs", params={"q": q})
    assert answer.status_code == 200
    if q == "-sauna":
        assert answer.json()["items"]


async def test_companies_come_best_rated_first_on_complete_pages(client: httpx.AsyncClient) -> None:
    ids = sorted(range(1, COMPANIES), key=lambda id_: (rating(id_) or 0, id_), reverse=True)
    for limit in (1, 3, 100):
        items = await walk(client, "/api/companies", {}, limit)
        assert [item["id"] for item in items] == ids
    for item in items:
        assert item["open_jobs"] == sum(job.is_active and job.company_id == item["id"] for job in JOBS)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"q": "NO_3"}, [3]),
        ({"q": "company no_3"}, [3]),
        ({"q": "%"}, []),
        ({"industry": "resort 100%"}, [2, 4, 6, 8]),
        ({"state": "TX"}, [2, 3, 7, 8]),
        ({"state": "TX", "city": "austin"}, [3, 8]),
        ({"state": "CA", "city": "austin"}, []),
        ({"city": "nowhere"}, []),
        ({"state": "ZZ"}, []),
    ],
)
async def test_companies_are_filtered(query: dict[str, str], wanted: list[int], client: httpx.AsyncClient) -> None:
    items = (await client.get("/api/companies", params=query)).json()["items"]
    assert sorted(item["id"] for item in items) == wanted


async def test_a_company_is_whole(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/companies/company-1")).json()
    assert document.pop("created_at")
    assert document == {
        "id": 1,
        "name": "Company No_1",
        "slug": "company-1",
        "industry": "Day spa",
        "size": "11-50",
        "rating": 2.0,
        "review_count": 1,
        "open_jobs": sum(job.is_active and job.company_id == 1 for job in JOBS),
        "description": "We care.",
        "website": None,
        "street": "1 Main St",
        "postal_code": "90210",
        "photos": ["pool.svg"],
        "city": {"id": 11, "name": "San José", "slug": "san-jose"},
        "state": {"code": "CA", "name": "California"},
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["California", "Texas", "Wyoming", "Los Angeles", "San José", "San Antonio", "Austin", "Cody"]),
        ({"q": "san j"}, ["San José"]),
        ({"q": "SAN"}, ["San José", "San Antonio"]),
        ({"q": "c"}, ["California", "Cody"]),
        ({"state": "TX"}, ["San Antonio", "Austin"]),
        ({"state": "ZZ"}, []),
        ({"limit": "2"}, ["California", "Texas"]),
    ],
)
async def test_places_are_found_by_the_beginning_of_their_names(
    query: dict[str, str], names: list[str], client: httpx.AsyncClient
) -> None:
    items = (await client.get("/api/places", params=query)).json()["items"]
    assert [item["name"] for item in items] == names
    kinds = {"state": {"kind", "code", "name"}, "city": {"kind", "id", "name", "slug", "state"}}
    assert all(set(item) == kinds[item["kind"]] for item in items)


async def test_the_document_describes_every_route(client: httpx.AsyncClient) -> None:
    document = (await client.get("/docs/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/jobs", "/api/jobs/{job_id}", "/api/companies", "/api/companies/{slug}", "/api/places"} <= set(
        document["paths"]
    )


async def test_looking_at_a_job_counts_and_asking_about_it_does_not(
    client: httpx.AsyncClient, views: ViewCounter, board: Database
) -> None:
    before = await board.fetchval("select view_count from hiring.jobs where id = 1")
    for _ in range(3):
        await client.get("/api/jobs/1")
    await client.head("/api/jobs/1")
    await client.get("/api/jobs/1", headers={"user-agent": "Somebot/1.0"})
    await client.get("/api/jobs/9999")
    await client.get("/api/jobs")
    await views.hand_over()
    assert await board.fetchval("select view_count from hiring.jobs where id = 1") == before + 3

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from roadworthy.apps.hiring.app import routes
from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.repository import BrowsingRepository
from roadworthy.apps.hiring.demo import load_demo
from roadworthy.apps.hiring.jobs.domain import JobFilter
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.pages.assets import static_handlers
from roadworthy.chassis.pages.errors import page_handlers
from roadworthy.chassis.service import Resources
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.web import problems
from roadworthy.chassis.web.application import web_app

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
SCALE = 0.01
PAGE = 20
HREFS = re.compile(r'<h2><a href="(/jobs/\d+)">')
BROWSER = {"accept": "text/html"}


def served(resources: Resources) -> ASGIApp:
    group = routes(resources)
    assert group.pages is not None
    return web_app(
        group.hot,
        [*group.handlers, *static_handlers(group.pages.assets)],
        docs_on=False,
        exception_handlers=page_handlers(group.pages, problems.exception_handlers()),
    )


@pytest.fixture
async def visitor(database_url: str, database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await load_demo(database_url, lambda *_: None, scale=SCALE, now=NOW)
    await database.execute("update hiring.jobs set expires_at = null where expires_at is not null")  # NOW is long ago
    transport = httpx.ASGITransport(served(Resources(settings, database, None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://board", headers=BROWSER) as client:
        yield client


def link(page: str, relation: str) -> str | None:
    found = re.search(f'rel="{relation}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


async def walk(visitor: httpx.AsyncClient, start: str, relation: str) -> tuple[list[list[str]], str]:
    pages, address, current = [], start, start
    for _ in range(100):
        current = address
        text = (await visitor.get(address)).text
        pages.append(HREFS.findall(text))
        following = link(text, relation)
        if following is None:
            return pages, current
        address = following
    raise AssertionError("the list does not end")


async def test_every_job_of_a_state_stands_on_one_page_forwards_and_back(
    visitor: httpx.AsyncClient, database: Database
) -> None:
    forwards, last = await walk(visitor, "/jobs?state=CA", "next")
    backwards, _ = await walk(visitor, last, "prev")
    shown = [address for page in forwards for address in page]
    wanted = await database.fetch(
        """select '/jobs/' || j.id from hiring.jobs j join hiring.states s on s.id = j.state_id
           where j.is_active and s.code = 'CA' order by is_featured desc, created_at desc, j.id desc"""
    )
    assert len(shown) > 3 * PAGE
    assert shown == [row[0] for row in wanted]
    assert backwards == forwards[::-1]


async def test_the_tally_counts_what_there_is(visitor: httpx.AsyncClient, database: Database) -> None:
    in_ohio = await database.fetchval(
        "select count(*) from hiring.jobs j join hiring.states s on s.id = j.state_id where is_active and code = 'OH'"
    )
    assert in_ohio > PAGE
    assert f"{in_ohio} jobs</strong>" in (await visitor.get("/jobs?state=OH")).text
    everywhere = await database.fetchval("select count(*) from hiring.jobs where is_active")
    assert f"{everywhere:,} jobs</strong>" in (await visitor.get("/jobs")).text


async def test_what_takes_too_long_to_count_is_told_roughly(
    visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadworthy.apps.hiring.facets.service.PATIENCE_SECONDS", 0.0)
    answer = await visitor.get("/jobs")
    page = answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "1,000+ jobs</strong>" in page
    assert '<option id="employment_type-full_time" value="full_time">Full time</option>' in page
    monkeypatch.undo()
    answer = await visitor.get("/jobs")
    assert answer.headers["cache-control"] == "no-cache"
    assert re.search(r'value="full_time">Full time \([\d,]+\)</option>', answer.text)


async def test_counts_stop_at_their_limits(
    visitor: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    del visitor  # its data are wanted
    repository = BrowsingRepository(database)
    assert await repository.count(Audience.PUBLIC, JobFilter()) == 1001
    monkeypatch.setattr("roadworthy.apps.hiring.browsing.repository.COUNT_TIMEOUT_MS", 1)
    monkeypatch.setattr(
        "roadworthy.apps.hiring.browsing.repository.count_statement", lambda _: "select count(*) from pg_sleep(5)"
    )
    assert await repository.count(Audience.PUBLIC, JobFilter()) is None


async def test_a_typed_place_leads_to_its_address(visitor: httpx.AsyncClient) -> None:
    asked = await visitor.get("/jobs", params={"q": "massage", "place": "los angeles", "state": "TX"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/jobs?q=massage&city=los-angeles-ca")
    asked = await visitor.get("/jobs", params={"place": "austin, tx", "miles": "25"})
    assert asked.headers["location"] == "/jobs?miles=25&city=austin-tx"
    asked = await visitor.get("/jobs", params={"place": "texas", "miles": "25"})
    assert asked.headers["location"] == "/jobs?state=TX"
    asked = await visitor.get("/companies", params={"place": "california", "industry": "Day spa"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/companies?industry=Day%20spa&state=CA")


BAD = {
    "/jobs?cursor=nonsense": "no longer works",
    "/jobs?before=nonsense": "no longer works",
    "/jobs?city=nowhere-zz": "no place called “nowhere-zz”",
    "/jobs?state=ZZ": "no place called “ZZ”",
    "/jobs?experience=guru": "entry, mid, senior or lead",
    "/jobs?salary_min=99999999999": "whole dollars",
    "/jobs?q=%00": "200 characters",
    "/companies?cursor=nonsense": "no longer works",
    "/companies?place=Gotham": "no place called “Gotham”",
}


async def test_a_bad_parameter_is_told_in_words_on_the_page(visitor: httpx.AsyncClient) -> None:
    for address, words in BAD.items():
        answer = await visitor.get(address)
        assert answer.status_code == 400, address
        assert words in html.unescape(answer.text), address
        assert 'role="search"' in answer.text, address


async def test_what_is_not_there_is_a_page_that_says_so(visitor: httpx.AsyncClient) -> None:
    for address in (
        "/jobs/999999999",
        "/jobs/0",
        f"/jobs/{2**70}",
        "/jobs/abc",
        "/companies/none",
        "/jobs/1/2",
        "/static/x",
    ):
        answer = await visitor.get(address)
        assert answer.status_code == 404, address
        assert "This page is not here" in answer.text, address


async def test_a_job_tells_search_engines_what_it_tells_people(visitor: httpx.AsyncClient, database: Database) -> None:
    row = await database.fetchrow(
        "select id, title from hiring.jobs where is_active and is_remote and salary_period = 'hour' limit 1"
    )
    assert row is not None
    page = (await visitor.get(f"/jobs/{row['id']}")).text
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    posting = json.loads(found[1])
    assert (posting["@type"], posting["title"], posting["jobLocationType"]) == (
        "JobPosting",
        row["title"],
        "TELECOMMUTE",
    )
    assert posting["baseSalary"]["value"]["unitText"] == "HOUR"
    assert f'<link rel="canonical" href="http://127.0.0.1:8000/jobs/{row["id"]}">' in page


async def test_a_closed_job_says_so_and_leaves_the_index(visitor: httpx.AsyncClient, database: Database) -> None:
    job_id = await database.fetchval("select id from hiring.jobs where not is_active limit 1")
    page = (await visitor.get(f"/jobs/{job_id}")).text
    assert "This position is closed" in page
    assert "noindex" in page
    assert "ld+json" not in page


async def test_what_companies_write_is_text_not_markup(visitor: httpx.AsyncClient, database: Database) -> None:
    attack = """</script><script>alert(1)</script>"><img src=x onerror=alert(1)> & co"""
    await database.execute("update hiring.jobs set title = $1, description = $1, is_active = true where id = 7", attack)
    slug = await database.fetchval(
        """update hiring.companies set name = $1, photos = $2
           where id = (select company_id from hiring.jobs where id = 7) returning slug""",
        attack,
        ["../../etc/passwd", "sauna.svg"],
    )
    for address in ("/jobs/7", f"/jobs?company={slug}", f"/companies/{slug}", "/jobs?q=%3Cscript%3Ealert"):
        page = (await visitor.get(address)).text
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert "passwd" not in page, address


async def test_the_front_page_adds_up(visitor: httpx.AsyncClient, database: Database) -> None:
    page = (await visitor.get("/")).text
    jobs = await database.fetchval("select count(*) from hiring.jobs where is_active")
    assert f"{jobs:,} open jobs at 50 spas" in page
    assert page.count('class="map"') == 1
    assert len(re.findall(r'href="/jobs\?state=[A-Z]{2}" title=', page)) == 51


async def test_an_empty_board_is_a_page_too(database: Database, settings: Settings) -> None:
    transport = httpx.ASGITransport(served(Resources(settings, database, None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://board", headers=BROWSER) as client:
        answers = {path: (await client.get(path)) for path in ("/", "/jobs", "/companies")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "No open jobs match" in answers["/jobs"].text
    assert "No company features a job" in answers["/"].text


async def test_head_is_answered_like_get(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.head("/jobs")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_places_are_suggested_as_options(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/jobs/places", params={"place": "san f"})).text
    assert '<option value="San Francisco, CA">California</option>' in page
    assert (await visitor.get("/jobs/places")).text.strip() == ""


async def test_crawlers_are_told_what_not_to_read(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/robots.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "Disallow: /api/" in answer.text

"""What search engines and feed readers are told."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from xml.etree import ElementTree as ET

import httpx
import pytest
from tests.integration.apps.hiring.test_pages import BROWSER, NOW, SCALE, served

from roadworthy.apps.hiring.demo import load_demo
from roadworthy.apps.hiring.expiry import repository as expiry_repository
from roadworthy.apps.hiring.expiry import tasks as expiry_tasks
from roadworthy.apps.hiring.expiry.repository import ExpiryRepository
from roadworthy.apps.hiring.expiry.tasks import expiry_task
from roadworthy.apps.hiring.sitemaps import repository as sitemap_repository
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.service import Resources
from roadworthy.chassis.settings import Settings

pytestmark = pytest.mark.anyio

MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "http://jobs.example"
# https://developers.google.com/search/docs/appearance/structured-data/job-posting: the first five are required.
REQUIRED = ("datePosted", "description", "hiringOrganization", "jobLocation", "title")
RECOMMENDED = ("baseSalary", "employmentType", "identifier", "validThrough")


@pytest.fixture
async def visitor(database_url: str, database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await load_demo(database_url, lambda *_: None, scale=SCALE, now=NOW)
    await database.execute("update hiring.jobs set expires_at = now() + interval '9 days' where expires_at is not null")
    known = settings.model_copy(update={"site_url": SITE})
    transport = httpx.ASGITransport(served(Resources(known, database, None)))  # type: ignore[arg-type, unused-ignore]  # httpx's own words
    async with httpx.AsyncClient(transport=transport, base_url="http://board", headers=BROWSER) as client:
        yield client


def locations(document: bytes) -> list[str]:
    return [found.text or "" for found in ET.fromstring(document).iter(f"{MAP}loc")]


async def test_sitemaps_name_every_open_job_once_and_no_other(
    visitor: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap_repository, "PART_IDS", 700)
    await database.execute("update hiring.jobs set expires_at = now() - interval '1 minute' where id = 5")
    robots = (await visitor.get("/robots.txt")).text
    (start,) = re.findall(r"^Sitemap: (\S+)$", robots, re.MULTILINE)
    assert start == f"{SITE}/sitemap.xml"
    answer = await visitor.get("/sitemap.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    parts = locations(answer.content)
    assert len(parts) == 1 + 1 + 3
    named: list[str] = []
    for part in parts:
        named += locations((await visitor.get(part.removeprefix(SITE))).content)
    assert len(named) == len(set(named))
    jobs = {address for address in named if re.fullmatch(rf"{SITE}/jobs/\d+", address)}
    open_now = await database.fetch("select id from hiring.jobs where is_active and id <> 5")
    assert jobs == {f"{SITE}/jobs/{row[0]}" for row in open_now}
    companies = await database.fetch("select slug from hiring.companies where is_active")
    assert {f"{SITE}/companies/{row[0]}" for row in companies} <= set(named)
    assert f"{SITE}/jobs?state=CA" in named
    for name in ("jobs-0.xml", "jobs--1.xml", "jobs-99999.xml", "jobs-x.xml", "users-1.xml", "jobs.xml"):
        assert (await visitor.get(f"/sitemaps/{name}")).status_code == 404, name


async def test_a_feed_holds_what_its_search_shows(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get("/jobs", params={"q": "massage", "sort": "newest", "state": "CA"})
    (feed,) = re.findall(r'<link rel="alternate" type="application/atom\+xml" title="[^"]*" href="([^"]+)"', page.text)
    answer = await visitor.get(html.unescape(feed))
    assert answer.headers["content-type"].startswith("application/atom+xml")
    root = ET.fromstring(answer.content)
    assert root.findtext(f"{ATOM}title") == "Jobs for “massage” in California · SpaJobs"
    assert root.findtext(f"{ATOM}id") == f"{SITE}/jobs.atom?q=massage&state=CA"
    ids = [entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")]
    shown = [f"{SITE}{path}" for path in re.findall(r'<h2><a href="(/jobs/\d+)">', page.text)]
    assert ids[: len(shown)] == shown
    assert len(shown) == 20
    newest = max(entry.findtext(f"{ATOM}updated") or "" for entry in root.iter(f"{ATOM}entry"))
    assert root.findtext(f"{ATOM}updated") == newest

    empty = await visitor.get("/jobs.atom?q=unheard")
    assert (empty.status_code, list(ET.fromstring(empty.content).iter(f"{ATOM}entry"))) == (200, [])
    bad = await visitor.get("/jobs.atom?experience=guru")
    assert (bad.status_code, bad.text) == (400, "Experience is entry, mid, senior or lead.")


async def test_a_posting_has_what_search_engines_require(visitor: httpx.AsyncClient, database: Database) -> None:
    rows = await database.fetch(
        "select id from hiring.jobs where is_active and salary_min > 0 and expires_at > now() order by id limit 30"
    )
    assert len(rows) == 30
    for row in rows:
        text = (await visitor.get(f"/jobs/{row[0]}")).text
        (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
        posting = json.loads(found)
        assert [name for name in (*REQUIRED, *RECOMMENDED) if not posting.get(name)] == []
        assert posting["hiringOrganization"]["name"]
        place = posting["jobLocation"]["address"]
        assert place["addressLocality"]
        assert re.fullmatch("[A-Z]{2}", place["addressRegion"])
        assert place["addressCountry"] == "US"
        assert posting["employmentType"] in {"FULL_TIME", "PART_TIME", "CONTRACTOR", "TEMPORARY"}
        assert datetime.fromisoformat(posting["datePosted"]) < datetime.fromisoformat(posting["validThrough"])
        pay = posting["baseSalary"]["value"]
        assert pay["minValue"] <= pay["maxValue"]
        assert pay["unitText"] in {"HOUR", "YEAR"}
        assert "noindex" not in text


async def test_a_job_whose_time_is_over_says_so_at_once_and_leaves_the_lists_with_the_task(
    visitor: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = [row[0] for row in await database.fetch("select id from hiring.jobs where is_active order by id limit 5")]
    await database.execute("update hiring.jobs set expires_at = now() - interval '1 second' where id = any($1)", due)
    answer = await visitor.get(f"/jobs/{due[0]}")
    assert answer.status_code == 200
    assert "This position is closed since" in answer.text
    assert '<meta name="robots" content="noindex">' in answer.text
    assert "ld+json" not in answer.text
    assert (await visitor.get(f"/api/jobs/{due[0]}")).json()["is_active"] is False

    before = await database.fetchval("select count(*) from hiring.jobs where is_active")
    for module in (expiry_repository, expiry_tasks):
        monkeypatch.setattr(module, "CLOSE_MAX", 2)
    assert await ExpiryRepository(database).close_due() == 2
    await expiry_task(ExpiryRepository(database)).run()
    assert await database.fetchval("select count(*) from hiring.jobs where is_active") == before - len(due)
    assert await ExpiryRepository(database).close_due() == 0

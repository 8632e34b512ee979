from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.integration.apps.hiring.board import Row, draw_jobs, fill

from roadworthy.apps.hiring.facets import repository as facet_repository
from roadworthy.apps.hiring.facets.repository import FacetRepository
from roadworthy.apps.hiring.facets.routes import FacetRoutes
from roadworthy.apps.hiring.facets.service import FacetCounts
from roadworthy.apps.hiring.jobs.repository import JobRepository
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.places.repository import PlaceRepository
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.web.application import web_app

pytestmark = pytest.mark.anyio

JOBS = draw_jobs(400)
NEW = {id_: timedelta(hours=5 + 17 * id_) for id_ in range(1, 60)}

ASKED: list[tuple[dict[str, str], Callable[[Row], bool]]] = [
    ({}, lambda _: True),
    ({"state": "CA"}, lambda job: job.state_id == 1),
    ({"q": "massage"}, lambda job: "massage" in job.description),
    ({"experience": "mid", "remote": "false"}, lambda job: job.experience_level == "mid" and not job.is_remote),
]

SLEEPING = "select count(*) from pg_sleep(5) where $1::text <> $2::text"


@pytest.fixture
async def client(database_url: str, database: Database) -> httpx.AsyncClient:
    await fill(database_url, JOBS)
    now = datetime.now(UTC)
    await database.execute(
        """update hiring.jobs j set created_at = n.at
           from unnest($1::bigint[], $2::timestamptz[]) n (id, at) where j.id = n.id""",
        list(NEW),
        [now - age for age in NEW.values()],
    )
    await database.execute("update hiring.jobs set created_at = '2020-01-01' where not id = any($1)", list(NEW))
    places = Places(PlaceRepository(database))
    facets = FacetCounts(FacetRepository(database, places), JobService(JobRepository(database, places), places))
    transport = httpx.ASGITransport(web_app(FacetRoutes(facets).hot(), [], docs_on=False))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def asked(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get("/api/jobs/facets", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def top(job: Row) -> int:
    return job.salary_max or job.salary_min or 0


async def test_every_number_is_what_counting_by_hand_gives(client: httpx.AsyncClient) -> None:
    for query, matches in ASKED:
        found = [job for job in JOBS if job.is_active and matches(job)]
        facets = await asked(client, **query)
        assert facets["jobs"] == len(found) > 10
        for name, attribute in (("employment_type", "employment_type"), ("experience", "experience_level")):
            for value, number in facets[name].items():
                assert number == sum(getattr(job, attribute) == value for job in found), (query, value)
        assert facets["remote"] == {"true": sum(job.is_remote for job in found)}
        for days, value in ((1, "24h"), (3, "3d"), (7, "7d"), (30, "30d")):
            since = [job for job in found if NEW.get(job.id, timedelta(999)) < timedelta(days=days)]
            assert facets["posted"][value] == len(since)
        for value, number in facets["salary_min"]["hour"].items():
            assert number == sum(job.salary_period == "hour" and top(job) >= int(value) for job in found)
        states = [(each["state"]["code"], each["jobs"]) for each in facets["states"]]
        assert states == sorted(states, key=lambda each: -each[1])
        assert sum(number for _, number in states) == len(found)


async def test_nothing_found_is_counted_as_nothing(client: httpx.AsyncClient) -> None:
    for query in ({"q": "unheard"}, {"state": "ZZ"}):
        facets = await asked(client, **query)
        assert (facets["counted"], facets["jobs"], facets["states"]) == (True, 0, [])


async def test_what_would_take_too_long_is_not_counted(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet_repository, "COUNT_TIMEOUT_MS", 1)
    monkeypatch.setattr(facet_repository, "facets_statement", lambda _: "select count(*) from pg_sleep(5)")
    facets = await asked(client)
    assert (facets["counted"], facets["jobs"]) == (False, 0)


async def test_a_line_that_is_full_is_told_and_nobody_waits_in_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet_repository, "WAITING_MAX", 1)
    monkeypatch.setattr(facet_repository, "COUNT_TIMEOUT_MS", 300)
    monkeypatch.setattr(facet_repository, "facets_statement", lambda _: SLEEPING)
    levels = ("entry", "mid", "senior", "lead")
    answers = await asyncio.gather(
        *(client.get("/api/jobs/facets", params={"experience": level, "q": "a"}) for level in levels)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]


async def test_bad_values_are_told_in_words(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/jobs/facets", params={"limit": "3"})
    assert answer.status_code == 400
    assert "this address takes q, state, city" in answer.json()["detail"]

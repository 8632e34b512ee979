"""The guide's examples, run as they stand: the edge around apps of other frameworks."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import httpx
import pytest

from roadworthy.chassis.edge.edge import Edge

GUIDE = Path(__file__).parents[4] / "docs/guide/any-asgi-app.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
FASTAPI, STARLETTE, DJANGO, POLICIES, CHANGES = BLOCKS


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, valkey_url: str, restored_logging: None) -> None:
    del restored_logging  # what it does comes after the test
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ROADWORTHY_STATE_DIR": str(tmp_path),
        "LOG_FILE": str(tmp_path / "app.log"),
        "REDIS_URL": valkey_url,
        "RATE_LIMIT_PER_MINUTE": "3",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def django_project(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.http import HttpRequest, HttpResponse  # noqa: PLC0415  # Django is set up by then
    from django.urls import path  # noqa: PLC0415  # as above

    def greet(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("hello " * 500)

    module = ModuleType("somebodys_site")
    module.__dict__.update(
        SECRET_KEY="0123456789abcdef0123456789abcdef",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="somebodys_site",
        urlpatterns=[path("api/greeting", greet)],
    )
    monkeypatch.setitem(sys.modules, "somebodys_site", module)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "somebodys_site")


def example(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # the guide's own text
    return names


@asynccontextmanager
async def served(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        edge.running(),
        httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://service") as client,
    ):
        yield client


async def everything_is_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["ratelimit"]
    again = await client.get(path, headers={"accept-encoding": "gzip", "if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await client.get("/health")).json()["status"] == "ok"
    assert "http_requests_total" in (await client.get("/metrics")).text
    assert [(await client.get(path)).status_code for _ in range(2)] == [200, 429]


@pytest.mark.usefixtures("environment")
async def test_fastapi() -> None:
    names = example(FASTAPI)

    async def greet() -> str:
        return "hello " * 500

    names["api"].get("/api/greeting")(greet)

    async with served(names["app"]) as client:
        await everything_is_there(client, "/api/greeting")


@pytest.mark.usefixtures("environment")
async def test_starlette() -> None:
    from starlette.requests import Request  # noqa: PLC0415 - as a project of its own imports it
    from starlette.responses import PlainTextResponse  # noqa: PLC0415 - as above

    async def greet(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello " * 500)

    edge = example(STARLETTE)["app"]
    edge.app.add_route("/api/greeting", greet)
    async with served(edge) as client:
        await everything_is_there(client, "/api/greeting")


@pytest.mark.usefixtures("environment", "django_project")
async def test_django() -> None:
    async with served(example(DJANGO)["app"]) as client:
        await everything_is_there(client, "/api/greeting")


@pytest.mark.usefixtures("environment")
async def test_what_differs_by_path_and_what_it_depends_on() -> None:
    async with served(example(POLICIES)["app"]) as client:
        seen = [(await client.get("/api/prices")).headers["x-cache"] for _ in range(2)]
        assert seen == ["miss", "hit"]
        health = (await client.get("/health")).json()
        assert health["version"] == "2.4.1"
        assert set(health["dependencies"]) == {"postgresql", "redis"}


@pytest.mark.usefixtures("environment")
async def test_what_a_transaction_changed_is_dropped_in_every_process(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("RATE_LIMIT_ENABLED", "false")
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table prices (name text primary key, price int)")
    await connection.execute("insert into prices values ('sauna', 25)")
    await connection.close()
    async with served(example(CHANGES)["app"]) as client, served(example(CHANGES)["app"]) as elsewhere:
        for each in (client, elsewhere):
            assert [(await each.get("/api/prices")).json() for _ in range(2)] == [{"sauna": 25}] * 2
        assert (await elsewhere.get("/api/prices")).headers["x-cache"] == "hit"
        assert (await client.put("/api/prices/sauna?price=30")).status_code == 200
        assert (await client.get("/api/prices")).json() == {"sauna": 30}
        for _ in range(200):
            if (answer := await elsewhere.get("/api/prices")).json() == {"sauna": 30}:
                break
            await asyncio.sleep(0.01)
        assert answer.json() == {"sauna": 30}

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from roadworthy.chassis.service import AppManifest, Resources, Routes, Service
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.output import LogOutput
from roadworthy.chassis.web.hot import HotRoute

pytestmark = pytest.mark.anyio


async def answer() -> dict[str, str]:
    return {"answer": "42"}


async def fail() -> dict[str, str]:
    raise ZeroDivisionError("a secret detail")


def routes(resources: Resources) -> Routes:
    del resources
    return Routes(hot=[HotRoute("/api/answer", answer, "The answer"), HotRoute("/api/failure", fail, "A failure")])


async def no_demo(*_: object, **__: object) -> None:
    raise AssertionError("not asked for")


APP = AppManifest("example", Path(), routes, lambda _: (), no_demo)


STARTS_WITHIN_SECONDS = 30


class Lifespan:
    """Plays the server's side of the lifespan protocol."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

    async def start(self) -> MutableMapping[str, Any]:
        self.task = asyncio.ensure_future(self.service({"type": "lifespan"}, self.said.get, self.heard.put))
        await self.said.put({"type": "lifespan.startup"})
        async with asyncio.timeout(STARTS_WITHIN_SECONDS):  # a service that failed without a word says nothing
            return await self.heard.get()

    async def stop(self) -> MutableMapping[str, Any]:
        await self.said.put({"type": "lifespan.shutdown"})
        await self.task
        return self.heard.get_nowait()


@asynccontextmanager
async def running(
    settings: Settings, apps: Sequence[AppManifest] = (APP,), output: LogOutput | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    service = Service(settings, apps, output)
    lifespan = Lifespan(service)
    assert await lifespan.start() == {"type": "lifespan.startup.complete"}
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
    assert await lifespan.stop() == {"type": "lifespan.shutdown.complete"}


async def test_a_started_service_answers_its_apps_routes(settings: Settings) -> None:
    async with running(settings) as client:
        got = await client.get("/api/answer")
        assert (got.status_code, got.json()) == (200, {"answer": "42"})
        assert got.headers["x-request-id"]


async def test_an_unexpected_error_tells_the_client_nothing_of_itself(settings: Settings) -> None:
    async with running(settings) as client:
        got = await client.get("/api/failure")
        assert got.status_code == 500
        assert got.headers["content-type"] == "application/problem+json"
        assert "secret" not in got.text
        assert "ZeroDivision" not in got.text


async def test_health_names_what_the_service_depends_on(settings: Settings) -> None:
    async with running(settings) as client:
        got = (await client.get("/health")).json()
        assert got["status"] == "ok"
        assert {name: it["need"] for name, it in got["dependencies"].items()} == {
            "postgresql": "required",
            "redis": "degraded",
        }


async def test_without_the_shared_tier_the_service_is_degraded_and_ready(settings: Settings) -> None:
    cut = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    async with running(cut) as client:
        assert (await client.get("/health")).json()["status"] == "degraded"
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/api/answer")).status_code == 200


@pytest.mark.parametrize(
    ("url", "said"), [(None, "No database is configured"), ("postgresql://nobody:x@127.0.0.1:1/none", "127.0.0.1")]
)
async def test_a_start_that_fails_says_why(settings: Settings, url: str | None, said: str) -> None:
    broken = settings.model_copy(update={"database_url": SecretStr(url) if url else None})
    heard = await Lifespan(Service(broken, [APP])).start()
    assert heard["type"] == "lifespan.startup.failed"
    assert said in heard["message"]


async def test_an_app_that_cannot_be_built_fails_the_start(settings: Settings) -> None:
    def broken(resources: Resources) -> Routes:
        raise TypeError(f"no routes for {resources.settings.environment}")

    heard = await Lifespan(Service(settings, [AppManifest("broken", Path(), broken, lambda _: (), no_demo)])).start()
    assert heard["type"] == "lifespan.startup.failed"

"""The edge knows no framework: here it stands before four."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from litestar import Litestar, get, post
from litestar import Request as LitestarRequest
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy

pytestmark = pytest.mark.anyio

# `making` and `ask` stand in conftest.py.
Fixture = Callable[..., Any]


def fastapi_app() -> Any:
    app = FastAPI()

    @app.get("/api/items/{number}")
    async def item(number: int) -> dict[str, Any]:
        return {"number": number, "text": "x" * 2000}

    @app.get("/api/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @app.post("/api/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    return app


def starlette_app() -> Any:
    async def item(request: Request) -> JSONResponse:
        return JSONResponse({"number": int(request.path_params["number"]), "text": "x" * 2000})

    async def slow(_request: Request) -> None:
        await asyncio.Event().wait()

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    routes = [
        Route("/api/items/{number}", item),
        Route("/api/slow", slow),
        Route("/api/echo", echo, methods=["POST"]),
    ]
    return Starlette(routes=routes)


def litestar_app() -> Any:
    @get("/api/items/{number:int}")
    async def item(number: FromPath[int]) -> dict[str, Any]:
        return {"number": number, "text": "x" * 2000}

    @get("/api/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @post("/api/echo", status_code=200)
    async def echo(request: LitestarRequest[Any, Any, Any]) -> int:
        return len(await request.body())

    return Litestar([item, slow, echo], logging_config=None, openapi_config=None)


@pytest.fixture(params=[fastapi_app, starlette_app, litestar_app])
def app(request: pytest.FixtureRequest) -> Any:
    return request.param()


async def test_it_answers_through_the_edge_and_from_its_cache(making: Fixture, ask: Fixture, app: Any) -> None:
    edge = await making(app, policies=(RoutePolicy("/api/items/*", cache=CachePolicy(60)),))
    answers = [await ask(edge, "/api/items/7", headers={"accept-encoding": "br"}) for _ in range(2)]
    assert [answer["x-cache"] for answer in answers] == ["miss", "hit"]
    assert [(answer.status, answer["content-encoding"]) for answer in answers] == [(200, "br")] * 2
    assert (await ask(edge, "/api/items/7")).json["number"] == 7
    assert (await ask(edge, "/api/nothing")).status == 404


async def test_its_routes_name_the_series_in_metrics(making: Fixture, ask: Fixture, app: Any) -> None:
    edge = await making(app)
    for number in range(3):
        await ask(edge, f"/api/items/{number}")
        await ask(edge, f"/api/nothing/{number}")
    text = (await ask(edge, "/metrics")).body.decode()
    series = [line for line in text.splitlines() if line.startswith("http_requests_total{")]
    assert any('route="/api/items/{number' in line and line.endswith(" 3.0") for line in series)
    assert any('status="404"' in line and line.endswith(" 3.0") for line in series)
    assert not any("/nothing/" in line for line in series)


async def test_its_slow_route_is_cancelled(making: Fixture, ask: Fixture, app: Any) -> None:
    edge = await making(app, REQUEST_TIMEOUT_SECONDS=0.02)
    assert (await ask(edge, "/api/slow")).status == 504


async def test_its_bodies_are_bounded(making: Fixture, ask: Fixture, app: Any) -> None:
    edge = await making(app, BODY_LIMIT_BYTES=1024)
    fits = await ask(edge, "/api/echo", method="POST", body=b"x" * 1024)
    assert (fits.status, fits.json) == (200, 1024)
    assert (await ask(edge, "/api/echo", method="POST", body=[b"x" * 1000] * 2)).status == 413


async def test_a_head_is_answered_by_its_get(making: Fixture, ask: Fixture, app: Any) -> None:
    answer = await ask(await making(app), "/api/items/7", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer["content-length"]) > 2000


async def test_a_stream_of_starlette_passes(making: Fixture, ask: Fixture) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"part"

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(parts(), media_type="text/plain")

    answer = await ask(await making(Starlette(routes=[Route("/", stream)])))
    assert (answer.body, answer.complete) == (b"partpartpart", True)


async def test_a_frameworks_own_lifespan_runs(making: Fixture) -> None:
    happened = []

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        happened.append("started")
        yield
        happened.append("stopped")

    edge = await making(Starlette(lifespan=lifespan))
    words = iter(["startup", "shutdown"])

    async def receive() -> Any:
        return {"type": f"lifespan.{next(words)}"}

    async def send(message: Any) -> None:
        happened.append(message["type"])

    await edge({"type": "lifespan", "state": {}}, receive, send)
    assert happened == ["started", "lifespan.startup.complete", "stopped", "lifespan.shutdown.complete"]

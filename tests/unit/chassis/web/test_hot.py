import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import get, post
from litestar.exceptions import HTTPException
from litestar.params import FromQuery
from msgspec import Meta

from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.errors import NotFound, Overloaded, RoadworthyError
from roadworthy.chassis.web.application import web_app
from roadworthy.chassis.web.hot import ROUTE_KEY, HotRequest, HotRoute

pytestmark = pytest.mark.anyio

Id = Annotated[int, Meta(ge=1, le=9)]


class Thing(msgspec.Struct):
    id: int
    name: str


class Things(msgspec.Struct):
    items: list[Thing]


class ThingQuery(msgspec.Struct):
    name: Annotated[str, Meta(max_length=9)] = "x"


class ThingNotFound(NotFound):
    """There is no such thing."""


async def thing(thing_id: Id) -> Thing:
    if thing_id == 8:
        raise ThingNotFound("eight is missing")
    if thing_id == 7:
        raise ZeroDivisionError("a secret detail")
    if thing_id == 6:
        raise Overloaded("a secret detail")
    if thing_id == 5:
        raise RoadworthyError("a secret detail")
    return Thing(thing_id, "a")


async def things(query: ThingQuery, request: HotRequest) -> Things:
    return Things([Thing(1, query.name), Thing(2, (request.header(b"x-name") or b"").decode())])


@get("/api/things/special")
async def special() -> dict[str, bool]:
    return {"special": True}


@post("/api/things")
async def add() -> dict[str, bool]:
    return {"added": True}


@get("/api/teapot")
async def teapot() -> None:
    raise HTTPException("short and stout", status_code=418)


@get("/api/broken")
async def broken() -> None:
    raise ZeroDivisionError("a secret detail")


@get("/api/typed")
async def typed(number: FromQuery[int]) -> int:
    return number


ROUTES = (
    HotRoute("/api/things", things, "Things"),
    HotRoute("/api/things/{thing_id}", thing, "One thing", errors=(ThingNotFound,)),
)


class Labels:
    """The app, noting the route of each answer."""

    def __init__(self, *, docs_on: bool = True) -> None:
        self.app = web_app(ROUTES, [special, add, teapot, broken, typed], docs_on=docs_on)
        self.last: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        self.last = scope.get(ROUTE_KEY)


@pytest.fixture
def labels() -> Labels:
    return Labels()


@pytest.fixture
async def client(labels: Labels) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(labels)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_hot_route_answers(client: httpx.AsyncClient, labels: Labels) -> None:
    answer = await client.get("/api/things/3")
    assert (answer.status_code, answer.json()) == (200, {"id": 3, "name": "a"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert labels.last == "/api/things/{thing_id}"


@pytest.mark.parametrize("path", ["/api/things", "/api/things/"])
async def test_a_handler_gets_its_query_and_the_request(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path, params={"name": "b c"}, headers={"x-name": "d"})
    assert [item["name"] for item in answer.json()["items"]] == ["b c", "d"]


@pytest.mark.parametrize("path", ["/api/things/3", "/api/things", "/api/things/special", "/api/things/8"])
async def test_head_is_get_without_the_body(path: str, client: httpx.AsyncClient) -> None:
    head, whole = await client.head(path), await client.get(path)
    assert head.content == b""
    assert head.status_code == whole.status_code
    assert head.headers == whole.headers


async def problem(client: httpx.AsyncClient, method: str, path: str, status: int) -> dict[str, Any]:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title"} <= document.keys()
    assert "secret" not in answer.text
    return document


async def test_a_declared_error_is_a_problem(client: httpx.AsyncClient) -> None:
    document = await problem(client, "GET", "/api/things/8", 404)
    assert document == {
        "type": "urn:roadworthy:problem:thing-not-found",
        "title": "There is no such thing",
        "status": 404,
        "detail": "eight is missing",
    }


@pytest.mark.parametrize("path", ["/api/things/7", "/api/things/5", "/api/broken"])
async def test_an_unexpected_error_says_nothing_to_the_client_and_all_to_the_log(
    path: str, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await problem(client, "GET", path, 500)
    assert "a secret detail" in caplog.text
    assert path in caplog.text


async def test_an_overloaded_service_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    await problem(client, "GET", "/api/things/6", 503)
    assert (await client.get("/api/things/6")).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/things/x", "thing_id"),
        ("/api/things/10", "thing_id"),
        ("/api/things?nme=1", "nme"),
        ("/api/things/3?a=1", "a"),
    ],
)
async def test_a_bad_parameter_is_named(path: str, parameter: str, client: httpx.AsyncClient) -> None:
    document = await problem(client, "GET", path, 400)
    assert document["type"] == "urn:roadworthy:problem:invalid-parameter"
    assert [error["parameter"] for error in document["errors"]] == [parameter]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/things/3/4", "/api"])
async def test_what_is_not_there_is_a_problem(path: str, client: httpx.AsyncClient) -> None:
    assert (await problem(client, "GET", path, 404))["title"] == "Not Found"


async def test_litestar_s_own_errors_are_problems(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "GET", "/api/teapot", 418))["detail"] == "short and stout"
    document = await problem(client, "GET", "/api/typed?number=x", 400)
    assert document["errors"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/things/3", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/api/things", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("DELETE", "/api/things/special", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_another_method_is_told_which_there_are(
    method: str, path: str, allowed: set[str], client: httpx.AsyncClient
) -> None:
    await problem(client, method, path, HTTPStatus.METHOD_NOT_ALLOWED)
    answer = await client.request(method, path)
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_options_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.options("/api/things")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


async def test_the_framework_s_paths_stay_reachable(client: httpx.AsyncClient, labels: Labels) -> None:
    assert (await client.get("/api/things/special")).json() == {"special": True}
    assert labels.last == "/api/things/special"
    assert (await client.post("/api/things")).json() == {"added": True}


async def no_return(thing_id: int):  # type: ignore[no-untyped-def]  # noqa: ANN201  # what is refused
    return thing_id


async def swapped(query: ThingQuery, thing_id: Id) -> Thing:
    return Thing(thing_id, query.name)


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("/api/{a}/b", thing),
        ("api/things", things),
        ("/api/things/{other}", thing),
        ("/api/things", thing),
        ("/api/things/{thing_id}", swapped),
        ("/api/things/{thing_id}", no_return),
    ],
)
def test_a_route_that_can_not_work_is_refused_when_it_is_declared(path: str, handler: Any) -> None:
    with pytest.raises(TypeError):
        HotRoute(path, handler, "A thing")


def test_a_route_can_not_be_declared_twice() -> None:
    with pytest.raises(TypeError, match="declared twice"):
        web_app([ROUTES[0], ROUTES[0]], [], docs_on=False)

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import get
from msgspec import Meta

from roadworthy.chassis.errors import NotFound
from roadworthy.chassis.web.application import web_app
from roadworthy.chassis.web.hot import HotRoute

pytestmark = pytest.mark.anyio

OF_THE_EDGE = {"413", "421", "429", "503", "504"}


class Part(msgspec.Struct):
    name: str


class Thing(msgspec.Struct):
    """A thing of parts."""

    id: int
    parts: list[Part]


class ThingQuery(msgspec.Struct):
    name: Annotated[str, Meta(max_length=9, description="<b>its</b> name")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class ThingNotFound(NotFound):
    """There is no such thing."""


class Ordinary(msgspec.Struct):
    value: str


@get("/page", media_type="text/html")
async def page() -> str:
    return "<p>a page</p>"


async def things(query: ThingQuery) -> Thing:
    return Thing(query.limit, [])


async def thing(thing_id: Annotated[int, Meta(ge=1)]) -> Thing:
    return Thing(thing_id, [])


@get("/api/ordinary", tags=["ordinary"])
async def ordinary() -> Ordinary:
    return Ordinary("x")


HOT = (
    HotRoute("/api/things", things, "Things", tags=("things",)),
    HotRoute("/api/things/{thing_id}", thing, "One thing", tags=("things",), errors=(ThingNotFound,)),
)


def client(*, docs_on: bool = True) -> httpx.AsyncClient:
    app = web_app(HOT, [ordinary, page], docs_on=docs_on)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def document() -> AsyncIterator[dict[str, Any]]:
    async with client() as asking:
        yield (await asking.get("/docs/openapi.json")).json()


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


async def test_hot_routes_and_ordinary_handlers_stand_in_one_document(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(document["paths"]) == ["/api/ordinary", "/api/things", "/api/things/{thing_id}"]
    assert {"Thing", "Part", "Problem", "Ordinary"} <= document["components"]["schemas"].keys()


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    assert found
    assert all(name.removeprefix("#/components/schemas/") in document["components"]["schemas"] for name in found)


async def test_every_operation_says_what_the_edge_may_answer_in_its_place(document: dict[str, Any]) -> None:
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert len(operations) > 2
    assert all(one["responses"].keys() >= OF_THE_EDGE for one in operations)


async def test_an_operation_says_what_it_takes_and_what_it_may_answer(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/things/{thing_id}"]["get"]
    assert set(operation["responses"]) == {"200", "400", "404", "500", *OF_THE_EDGE}
    assert operation["responses"]["404"]["description"] == "There is no such thing."
    assert "application/problem+json" in operation["responses"]["404"]["content"]
    assert operation["parameters"] == [
        {
            "name": "thing_id",
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    ]
    names = [parameter["name"] for parameter in document["paths"]["/api/things"]["get"]["parameters"]]
    assert names == ["name", "limit"]


async def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids)) == 3


async def test_the_page_shows_every_operation_and_fetches_nothing_from_elsewhere() -> None:
    async with client() as asking:
        answer = await asking.get("/docs")
        stylesheet = await asking.get("/docs/reference.css")
    assert answer.headers["content-type"].startswith("text/html")
    assert stylesheet.headers["content-type"].startswith("text/css")
    for text in ("/api/ordinary", "/api/things/{thing_id}", "There is no such thing.", "1 to 100, 20 if not given"):
        assert text in answer.text
    assert "&lt;b&gt;its&lt;/b&gt; name" in answer.text
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", answer.text)
    assert "<script" not in answer.text
    anchors = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert anchors <= set(re.findall(r'id="([^"]+)"', answer.text))


@pytest.mark.parametrize("path", ["/docs", "/docs/openapi.json", "/docs/reference.css", "/schema", "/openapi.json"])
async def test_without_docs_there_are_none(path: str) -> None:
    async with client(docs_on=False) as asking:
        assert (await asking.get(path)).status_code == 404

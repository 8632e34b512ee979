"""The OpenAPI 3.1 document: Litestar's handlers and hot routes in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin

from roadworthy.chassis.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    InvalidParameter,
    Overloaded,
    RateLimited,
    RoadworthyError,
    UnknownHost,
)
from roadworthy.chassis.web import reference
from roadworthy.chassis.web.hot import HotRoute
from roadworthy.chassis.web.problems import CONTENT_TYPE, Problem

TITLE = "Roadworthy"
DOCS_PATH = "/docs"
API_PREFIX = "/api/"
METHODS = frozenset(("get", "put", "post", "delete", "options", "head", "patch", "trace"))
REFERENCE_TEMPLATE = "#/components/schemas/{name}"
# What any operation may answer before its handler is reached, or when the database does not keep up.
EVERYWHERE: tuple[type[RoadworthyError], ...] = (BodyTooLarge, UnknownHost, RateLimited, Overloaded, DeadlineExceeded)
INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR


def openapi_config(hot: Sequence[HotRoute]) -> OpenAPIConfig:
    """What makes Litestar serve the whole document at /docs/openapi.json, and as a page at /docs."""
    plugins = [PagePlugin(hot), DocumentPlugin(hot), StylesheetPlugin(path="/reference.css", media_type=MediaType.CSS)]
    return OpenAPIConfig(TITLE, version("roadworthy"), path=DOCS_PATH, render_plugins=plugins)


class DocumentPlugin(OpenAPIRenderPlugin):
    """Serves the document as JSON."""

    def __init__(self, hot: Sequence[HotRoute]) -> None:
        """Take the `hot` routes that Litestar does not know."""
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._hot = hot

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document as JSON."""
        del request
        return msgspec.json.encode(with_hot_routes(openapi_schema, self._hot))


class PagePlugin(OpenAPIRenderPlugin):
    """Serves the document as a page for people, made once."""

    def __init__(self, hot: Sequence[HotRoute]) -> None:
        """Take the `hot` routes that Litestar does not know."""
        super().__init__(path="/")
        self._hot = hot
        self._page: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        del request
        if self._page is None:
            whole = with_hot_routes(openapi_schema, self._hot)
            self._page = reference.render(whole, f"{DOCS_PATH}/openapi.json").encode()
        return self._page


class StylesheetPlugin(OpenAPIRenderPlugin):
    """Serves the stylesheet of the page: nothing is fetched from elsewhere."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The stylesheet."""
        del request, openapi_schema
        return reference.STYLESHEET.encode()


def with_hot_routes(document: Mapping[str, Any], hot: Iterable[HotRoute]) -> dict[str, Any]:
    """`document`, Litestar's, without its pages and with the operations and schemas of `hot` added."""
    routes = list(hot)
    types = [Problem, *(route.response for route in routes)]
    references, schemas = msgspec.json.schema_components(types, ref_template=REFERENCE_TEMPLATE)
    paths = {path: dict(item) for path, item in document.get("paths", {}).items() if path.startswith(API_PREFIX)}
    for route, answer in zip(routes, references[1:], strict=True):
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, answer, references[0])
    for item in paths.values():
        item |= {method: _with_refusals(one, references[0]) for method, one in item.items() if method in METHODS}
    components = dict(document.get("components", {}))
    components["schemas"] = {**components.get("schemas", {}), **schemas}
    return {**document, "paths": dict(sorted(paths.items())), "components": components}


def operation(route: HotRoute, answer: Mapping[str, Any], problem: Mapping[str, Any]) -> dict[str, Any]:
    """The operation object of one route, whose answer and problems have these schemas."""
    refusals = {error.status: error for error in (*EVERYWHERE, *route.errors)}
    refusals |= {InvalidParameter.status: InvalidParameter}
    responses = {
        "200": {"description": route.summary, "content": {"application/json": {"schema": answer}}},
        **{str(status.value): _refusal(error.title(), problem) for status, error in sorted(refusals.items())},
        str(INTERNAL.value): _refusal(RoadworthyError.title(), problem),
    }
    return {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": list(route.tags),
        "parameters": [parameter.openapi() for parameter in route.parameters],
        "responses": responses,
    }


def _with_refusals(operation: Mapping[str, Any], problem: Mapping[str, Any]) -> dict[str, Any]:
    """`operation` with what the edge may answer in its place; what it says itself stands."""
    everywhere = {str(error.status.value): _refusal(error.title(), problem) for error in EVERYWHERE}
    return {**operation, "responses": {**everywhere, **operation.get("responses", {})}}


def _refusal(description: str, problem: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": problem}}}


def _operation_id(route: HotRoute) -> str:
    words = route.path.replace("{", "by_").replace("}", "").replace("-", "_").split("/")
    return "_".join([route.method.lower(), *filter(None, words)])

"""Hot routes: one declaration is a fast path past the framework, a place in the OpenAPI document and a table entry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, get_type_hints

import msgspec

from roadworthy.chassis.edge.asgi import ASGIApp, Header, Message, Receive, Scope, Send
from roadworthy.chassis.errors import RoadworthyError
from roadworthy.chassis.web import problems
from roadworthy.chassis.web.parameters import Parameter, Query, path_parameter

Handler = Callable[..., Awaitable[Any]]

TEMPLATE = re.compile(r"^(?P<prefix>(?:/[a-z0-9_.-]+)+)(?:/\{(?P<parameter>[a-z_]+)\})?$")
ROUTE_KEY: Final = "roadworthy.route"
METHOD_KEY: Final = "roadworthy.method"
JSON: Final[Header] = (b"content-type", b"application/json")
PROBLEM: Final[Header] = (b"content-type", problems.CONTENT_TYPE.encode())
encode = msgspec.json.Encoder().encode


class HotRequest:
    """What a handler may want to know besides its parameters."""

    __slots__ = ("method", "scope")

    def __init__(self, scope: Scope) -> None:
        """Take the ASGI scope of an HTTP request."""
        self.scope = scope
        self.method: str = scope["method"]

    def header(self, name: bytes) -> bytes | None:
        """The first header called `name` (lower case)."""
        return next((value for given, value in self.scope["headers"] if given == name), None)


@dataclass(frozen=True, slots=True)
class HotRoute:
    """One operation, declared once.

    `path` has at most one parameter, at its end. The signature of `handler` says the rest: first the path parameter
    by its name (int or str, with msgspec constraints), then `query` (a msgspec Struct), then `request` (HotRequest);
    those that it needs. Its return annotation is the Struct of the answer. `errors` are what it raises, for the
    document. `cache_seconds` lets the edge keep an answer that long; 0: every request is answered anew. For
    `stale_seconds` more it is given out while it is made anew. `cache_tags` are what it depends on; `*` in one stands
    for the path parameter (see `CachePolicy`). A request counts as `cost` requests against its rate limit.
    """

    path: str
    handler: Handler
    summary: str
    method: str = "GET"
    tags: tuple[str, ...] = ()
    errors: tuple[type[RoadworthyError], ...] = ()
    cache_seconds: float = 0.0
    stale_seconds: float = 0.0
    cache_tags: tuple[str, ...] = ()
    cost: int = 1
    prefix: str = field(init=False)
    parameter: Parameter | None = field(init=False)
    query: Query[Any] = field(init=False)
    takes_query: bool = field(init=False)
    takes_request: bool = field(init=False)
    response: Any = field(init=False)

    def __post_init__(self) -> None:
        """Read the template and the signature.

        Raises:
            TypeError: either is not what a hot route can be; found when the service starts, not when it is asked.
        """
        match = TEMPLATE.match(self.path)
        if match is None:
            raise TypeError(f"{self.path}: a hot path is literal, or ends in one /{{parameter}}")
        hints = get_type_hints(self.handler, include_extras=True)
        names, parameter = list(inspect.signature(self.handler).parameters), match["parameter"]
        expected = [name for name in (parameter, "query", "request") if name and (name == parameter or name in hints)]
        if names != expected or "return" not in hints:
            raise TypeError(f"{self.path}: the handler takes {names}, not {expected}, or does not say what it returns")
        set_field = object.__setattr__  # frozen: fields that follow from the others are set here, once
        set_field(self, "prefix", match["prefix"])
        set_field(self, "parameter", path_parameter(parameter, hints[parameter]) if parameter else None)
        set_field(self, "query", Query(hints.get("query", NoQuery)))
        set_field(self, "takes_query", "query" in hints)
        set_field(self, "takes_request", "request" in hints)
        set_field(self, "response", hints["return"])

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Everything that a request may carry, path first."""
        return (*((self.parameter,) if self.parameter else ()), *self.query.parameters)

    def arguments(self, scope: Scope, given: str) -> list[Any]:
        """The handler's arguments for a request whose last path segment is `given`.

        Raises:
            InvalidParameters: naming each parameter that is wrong.
        """
        arguments = [self.parameter.parsed(given)] if self.parameter is not None else []
        query_string = scope["query_string"]
        if self.takes_query:
            arguments.append(self.query.parse(query_string))
        elif query_string:
            self.query.parse(query_string)
        if self.takes_request:
            arguments.append(HotRequest(scope))
        return arguments


class NoQuery(msgspec.Struct, frozen=True):
    """The query of a route that takes none."""


class HotApp:
    """An ASGI app that answers hot routes itself and hands everything else to `fallback`.

    Literal paths of `fallback` win over a hot parameter, and its other methods on a hot path stay reachable.
    """

    def __init__(
        self, routes: Sequence[HotRoute], fallback: ASGIApp, others: Iterable[tuple[str, Iterable[str]]] = ()
    ) -> None:
        """Take `others`, the path templates of `fallback` with their methods."""
        self.routes = tuple(routes)
        self.fallback = fallback
        self._literal: dict[str, dict[str, HotRoute]] = {}
        self._by_prefix: dict[str, dict[str, HotRoute]] = {}
        self._others: dict[str, frozenset[str]] = {}
        for route in self.routes:
            self._add(route)
        for template, methods in others:
            self._leave(template, frozenset(methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.fallback(scope, receive, send)
            return
        path: str = scope["path"]
        given = ""
        methods = self._literal.get(path)
        if methods is None:
            prefix, _, given = path.rpartition("/")
            methods = self._by_prefix.get(prefix)
        if methods:
            route = methods.get(scope["method"])
            if route is not None:
                await self._answer(route, scope, given, send)
                return
            if scope["method"] == "OPTIONS" or scope["method"] not in self._others.get(_template_of(methods), ()):
                await self._tell_methods(methods, scope, send)
                return
        await self._delegate(scope, receive, send)

    async def _answer(self, route: HotRoute, scope: Scope, given: str, send: Send) -> None:
        scope[ROUTE_KEY] = route.path
        status, content_type = 200, JSON
        extra: Sequence[Header] = ()
        try:
            body = encode(await route.handler(*route.arguments(scope, given)))
        except Exception as error:  # noqa: BLE001  # the last frame of ours: whatever happens becomes an answer
            status, body = _problem(error, scope)
            content_type, extra = PROBLEM, _extra_headers(status)
        await _send(scope, send, status, body, [content_type, (b"content-length", b"%d" % len(body)), *extra])

    async def _tell_methods(self, methods: Mapping[str, HotRoute], scope: Scope, send: Send) -> None:
        template = _template_of(methods)
        scope[ROUTE_KEY] = template
        allowed = ", ".join(sorted({*methods, *self._others.get(template, ()), "OPTIONS"}))
        allow: Header = (b"allow", allowed.encode())
        if scope["method"] == "OPTIONS":
            await _send(scope, send, HTTPStatus.NO_CONTENT, b"", [allow])
            return
        body = problems.of_status(HTTPStatus.METHOD_NOT_ALLOWED, f"{template} takes {allowed}.").encoded()
        headers = [PROBLEM, (b"content-length", b"%d" % len(body)), allow]
        await _send(scope, send, HTTPStatus.METHOD_NOT_ALLOWED, body, headers)

    async def _delegate(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[METHOD_KEY] = scope["method"]
        if scope["method"] != "HEAD":
            await self.fallback(scope, receive, send)
            return
        # Frameworks answer HEAD only where a handler says so; RFC 9110 wants it wherever GET is answered.
        scope["method"] = "GET"
        await self.fallback(scope, receive, _without_body(send))

    def _add(self, route: HotRoute) -> None:
        tables = [self._by_prefix.setdefault(route.prefix, {})] if route.parameter else []
        if not tables:
            tables = [self._literal.setdefault(path, {}) for path in (route.prefix, f"{route.prefix}/")]
        for methods in tables:
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                if method in methods:
                    raise TypeError(f"{method} {route.path} is declared twice")
                methods[method] = route

    def _leave(self, template: str, methods: frozenset[str]) -> None:
        prefix, _, last = template.rpartition("/")
        is_literal = not last.startswith("{")
        hot = self._literal.setdefault(template, {}) if is_literal else self._by_prefix.get(prefix, {})
        for route in hot.values():
            self._others[route.path] = self._others.get(route.path, frozenset()) | methods


def _template_of(methods: Mapping[str, HotRoute]) -> str:
    return next(iter(methods.values())).path


def _problem(error: Exception, scope: Scope) -> tuple[int, bytes]:
    problem = problems.problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        problems.log_unexpected(error, scope["method"], scope["path"])
    return problem.status, problem.encoded()


def _extra_headers(status: int) -> list[Header]:
    return [(name.encode(), value.encode()) for name, value in problems.headers_of(status).items()]


async def _send(scope: Scope, send: Send, status: int, body: bytes, headers: list[Header]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head

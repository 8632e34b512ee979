"""Apps' routes in, one ASGI app out: hot routes in front, Litestar behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from roadworthy.chassis.edge.asgi import ASGIApp, Receive, Scope, Send
from roadworthy.chassis.web import problems
from roadworthy.chassis.web.hot import ROUTE_KEY, HotApp, HotRoute
from roadworthy.chassis.web.openapi import openapi_config


def web_app(
    hot: Sequence[HotRoute],
    handlers: Sequence[ControllerRouterHandler],
    *,
    docs_on: bool,
    exception_handlers: ExceptionHandlersMap | None = None,
) -> HotApp:
    """The app that serves `hot` routes and Litestar `handlers`, and with `docs_on` tells about both at /docs.

    `exception_handlers` replace those that answer with problem documents, for pages that answer with pages.
    """
    litestar = Litestar(
        handlers,
        exception_handlers={**problems.exception_handlers(), **(exception_handlers or {})},
        openapi_config=openapi_config(hot) if docs_on else None,
        logging_config=None,
    )
    return HotApp(hot, _labelled(litestar), _methods(litestar))


def _methods(litestar: Litestar) -> Iterable[tuple[str, Iterable[str]]]:
    return [(route.path_format, route.methods) for route in litestar.routes if isinstance(route, HTTPRoute)]


def _labelled(litestar: Litestar) -> ASGIApp:
    inner = cast("ASGIApp", litestar)  # Litestar's words for ASGI are narrower than the protocol's

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await inner(scope, receive, send)
        finally:
            if template := scope.get("path_template"):
                scope[ROUTE_KEY] = template

    return app

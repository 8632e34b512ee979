"""What a person sees when a page can't be shown."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from roadworthy.chassis.errors import RoadworthyError
from roadworthy.chassis.pages.rendering import HTML, Pages

Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]
API_PREFIX = "/api"
NO_STORE = {"cache-control": "no-store"}

# Status -> heading, and what the visitor can do about it.
WORDS = {
    HTTPStatus.BAD_REQUEST: (
        "That address is not right",
        "Something in it could not be read. Check it, or start over.",
    ),
    HTTPStatus.NOT_FOUND: (
        "This page is not here",
        "It may have moved, or closed since you found the link.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("That does not work here", "This page can be read, but not written to."),
    HTTPStatus(413):  # its name differs between versions of Python
    ("That was too much at once", "Send less, and it will go through."),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "A little slower, please",
        "Your address has asked for many pages in the last minute. Wait a moment, then reload this one.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "We have our hands full",
        "More people are here than we can serve at once. Nothing is lost: reload in a few seconds.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Something broke on our side",
        "It is written in our log with the time and the page. Try again; if it stays broken, tell us the time.",
    ),
}


def error_page(pages: Pages, status: int) -> str:
    """The page that explains `status`, whatever the cause: of an error on our side it tells no details."""
    shown = HTTPStatus(status) if status in WORDS else _nearest(status)
    heading, advice = WORDS[shown]
    # Not from a CDN: what explains trouble should load while other things don't.
    asset = pages.assets.url
    return pages.render("chassis/error.html", status=status, heading=heading, advice=advice, asset=asset)


def error_pages(pages: Pages) -> dict[int, bytes]:
    """Every page of `error_page` by its status, for whoever answers before the app does."""
    return {int(status): error_page(pages, status).encode() for status in WORDS}


def page_handlers(pages: Pages, otherwise: ExceptionHandlersMap) -> ExceptionHandlersMap:
    """Exception handlers that answer browsers with a page, and everyone else as `otherwise` does."""
    return {kind: _for_browsers(pages, handler) for kind, handler in otherwise.items()}


def wants_page(path: str, accept: str) -> bool:
    """Whether the answer is for a person: not under /api, and the client does not ask for data instead.

    The path decides, for an answer that is kept for everybody is made without anyone's Accept.
    """
    asks_for_data = "json" in accept and "text/html" not in accept
    return path != API_PREFIX and not path.startswith(f"{API_PREFIX}/") and not asks_for_data


def _for_browsers(pages: Pages, otherwise: Handler) -> Handler:
    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        plain = otherwise(request, error)  # logs what nobody foresaw
        if not wants_page(request.url.path, request.headers.get("accept", "")):
            return plain
        status = plain.status_code or _status(error)
        headers = {name: value for name, value in plain.headers.items() if name.lower() != "content-type"}
        body = error_page(pages, status).encode()
        return Response(body, status_code=status, media_type=HTML, headers=headers | NO_STORE)

    return answer


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    return error.status if isinstance(error, RoadworthyError) else HTTPStatus.INTERNAL_SERVER_ERROR


def _nearest(status: int) -> HTTPStatus:
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.BAD_REQUEST

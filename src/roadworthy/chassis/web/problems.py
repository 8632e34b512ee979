"""Every error as a problem document (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from roadworthy.chassis.errors import RoadworthyError
from roadworthy.chassis.telemetry.context import trace_id
from roadworthy.chassis.web.parameters import InvalidParameters

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:roadworthy:problem:"
RETRY_AFTER_SECONDS = 1

logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for a program (`type`) and for its user (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: tuple[dict[str, Any], ...] = ()
    trace_id: str | None = None

    def encoded(self) -> bytes:
        """The document as JSON."""
        return msgspec.json.encode(self)


def problem_of(error: BaseException) -> Problem:
    """The problem document of any error; of an unexpected one it tells nothing but that there was one."""
    if isinstance(error, RoadworthyError) and error.status is not HTTPStatus.INTERNAL_SERVER_ERROR:
        violations = error.violations if isinstance(error, InvalidParameters) else ()
        return Problem(
            TYPE_PREFIX + error.slug(),
            error.title().rstrip("."),
            error.status.value,
            error.detail if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else None,  # ours to know, not theirs
            tuple(violation.as_dict() for violation in violations),
            trace_id.get() or None,
        )
    if isinstance(error, HTTPException):
        return _of_litestar(error)
    return of_status(HTTPStatus.INTERNAL_SERVER_ERROR, "The error has been logged under this answer's X-Request-ID.")


def of_status(status: HTTPStatus, detail: str | None = None) -> Problem:
    """A problem that its HTTP status names well enough."""
    return Problem("about:blank", status.phrase, status.value, detail, trace_id=trace_id.get() or None)


def headers_of(status: int) -> dict[str, str]:
    """What an answer with this status must say besides its body."""
    return {"retry-after": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def log_unexpected(error: BaseException, method: str, path: str) -> None:
    """Keep the trace of an error that no one foresaw, where operators look, not where clients do."""
    logger.error("unexpected error in %s %s", method, path, exc_info=error)


def exception_handlers() -> ExceptionHandlersMap:
    """What Litestar does with an error that a handler did not answer itself."""
    return {HTTPException: _answer, RoadworthyError: _answer, Exception: _answer}


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log_unexpected(error, request.method, request.url.path)
    headers = _own_headers(error) | headers_of(problem.status)
    return Response(problem.encoded(), media_type=CONTENT_TYPE, status_code=problem.status, headers=headers)


def _own_headers(error: Exception) -> dict[str, str]:
    own = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
    own.pop("content-type", None)
    if "GET" in own.get("allow", "").split(", "):
        own["allow"] += ", HEAD"  # HotApp answers HEAD wherever the framework answers GET
    return own


def _of_litestar(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return of_status(status)
    detail = error.detail if error.detail != status.phrase else None
    return msgspec.structs.replace(of_status(status, detail), errors=_errors_of(error))


def _errors_of(error: HTTPException) -> tuple[dict[str, Any], ...]:
    extra = error.extra if isinstance(error, ValidationException) else None
    if isinstance(extra, Mapping):
        extra = [extra]
    return tuple(dict(entry) for entry in extra if isinstance(entry, Mapping)) if isinstance(extra, list) else ()

"""One base class; a subclass a case; its docstring is the message."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class RoadworthyError(Exception):
    """Something went wrong inside the service."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str | None = None) -> None:
        """Take `detail`, what was wrong this time; without it the class's docstring is the whole message."""
        self.detail = detail
        super().__init__(detail or self.title())

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring: the same for every occurrence of the case."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    @classmethod
    def slug(cls) -> str:
        """`JobNotFound` -> `job-not-found`: the last part of the RFC 9457 `type`."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")


class InvalidParameter(RoadworthyError):
    """A parameter of the request is not valid."""

    status = HTTPStatus.BAD_REQUEST


class NotFound(RoadworthyError):
    """There is nothing here, or nothing that you may see."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(RoadworthyError):
    """This address does not take that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class BodyTooLarge(RoadworthyError):
    """The body of the request is larger than this service takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnknownHost(RoadworthyError):
    """This service does not answer to that name."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class DeadlineExceeded(RoadworthyError):
    """The answer took longer than this service waits for one."""

    status = HTTPStatus.GATEWAY_TIMEOUT


class RateLimited(RoadworthyError):
    """This address has asked more often than it may."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Overloaded(RoadworthyError):
    """The service has more work than it can take on; try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class StartupError(RoadworthyError):
    """The service cannot start."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Take `problem`, what is wrong, and `remedy`, the command or setting that mends it."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

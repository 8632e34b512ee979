"""What the edge itself answers when it does not let a request through, as RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from roadworthy.chassis.errors import RateLimited, RoadworthyError
from roadworthy.chassis.telemetry.context import trace_id

CONTENT_TYPE: Final = b"application/problem+json"
QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
TYPE_PREFIX: Final = "urn:roadworthy:problem:"


def problem_body(error: RoadworthyError, **more: Any) -> bytes:
    """The document of `error`; `more` are extension members."""
    document = {
        "type": TYPE_PREFIX + error.slug(),
        "title": error.title().rstrip("."),
        "status": error.status.value,
        **({"detail": error.detail} if error.detail else {}),
        **more,
        **_trace(),
    }
    return msgspec.json.encode(document)


def unexpected_body() -> bytes:
    """The document of an error that nobody foresaw: it tells that there was one, and where to find it."""
    return msgspec.json.encode(
        {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "The error has been logged under this answer's X-Request-ID.",
            **_trace(),
        }
    )


def rate_limited_body(violated: Sequence[str], retry_after_seconds: int) -> bytes:
    """The document of a 429, as draft-ietf-httpapi-ratelimit-headers-11 has it; `violated` are names of quotas."""
    return problem_body(
        RateLimited(f"Ask again in {retry_after_seconds} seconds."),
        **{"type": QUOTA_EXCEEDED, "violated-policies": violated, "retry_after_seconds": retry_after_seconds},
    )


def _trace() -> dict[str, str]:
    """The trace that the request belongs to, where somebody traces."""
    trace = trace_id.get()
    return {"trace_id": trace} if trace else {}

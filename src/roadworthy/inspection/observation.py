"""One look at a target, as evidence: bounded, redacted, digested without its times, harmless on a terminal."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from roadworthy.contracts.checks import Evidence
from roadworthy.inspection.redaction import redact

ANSWER_LIMIT_CHARACTERS = 2_000
READ_LIMIT_CHARACTERS = 8_000
"""More of an answer is not even searched for secrets: it is not kept either, and a target may answer without end."""
REQUESTS_A_CHECKLIST = 50
"""What the http probe grants outside provocations; design page, "polite client"."""
CONNECTIONS = 2

_MOMENTS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"  # 2026-01-02T03:04:05Z
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
    # "answered in 12.3 ms" was measured; "statement_timeout 500 ms" is a setting and counts
    r"|\b(?:in|took|within|after) \d+(?:\.\d+)? ?(?:ms|us|µs|s|seconds?|minutes?)\b"
)


def digest_of(text: str) -> str:
    """16 hexadecimal digits over `text` with moments and durations left out."""
    return hashlib.sha256(_MOMENTS.sub("~", text).encode()).hexdigest()[:16]


def observe(asked: str, answer: str, vantage: str, *, basis: str | None = None) -> Evidence:
    """One observation, redacted, bounded and digested.

    `vantage` says from where it was seen: "HTTP client on this machine", "PostgreSQL role app". `basis` is what the
    digest rests on where the answer holds figures that differ from run to run: "first 429 within the limit".
    """
    asked, answer = (printable(redact(part[:READ_LIMIT_CHARACTERS])) for part in (asked, answer))
    return Evidence(
        asked=bounded(asked),
        answer=bounded(answer),
        observed_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        vantage=printable(redact(vantage)),
        digest=digest_of(f"{asked}\n{basis if basis is not None else answer}"),
    )


def bounded(text: str, limit: int = ANSWER_LIMIT_CHARACTERS) -> str:
    """`text`, cut with a note about how much was left out."""
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text) - limit} more characters)"


def printable(text: str) -> str:
    """`text` without control characters: a header of a hostile target must not steer the reader's terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)

"""Keeps secrets out of logs: by the name of the field, and by what a secret looks like inside a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

REDACTED = "[redacted]"
DEPTH_MAX = 6

_WORDS = (
    "passw(?:or)?d|passphrase|secret|token|authorization|cookie|credential|api_?-?key|private_?-?key|dsn|session_?id"
)
SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_IN_TEXT = (
    # postgresql://user:password@host, whatever the scheme
    (re.compile(r"(?P<kept>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@]+(?=@)", re.IGNORECASE), rf"\g<kept>{REDACTED}"),
    (re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\g<kept>{REDACTED}"),
    # password=..., "token": "...", --api-key ...
    (
        re.compile(
            rf"(?P<kept>[\w-]*(?:{_WORDS})[\w-]*[\"']?\s*[=:]\s*[\"']?)(?!\[redacted)[^\s\"',;&)}}]+", re.IGNORECASE
        ),
        rf"\g<kept>{REDACTED}",
    ),
    # A JSON web token says what it is.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), REDACTED),
)


def redact_text(text: str) -> str:
    """`text` without what looks like a credential in it."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact(value: Any, depth: int = 0) -> Any:
    """`value` with secrets replaced, however deep they lie; deeper than `DEPTH_MAX` nothing is shown."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bool | int | float | None):
        return value
    if depth >= DEPTH_MAX:
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _redact_field(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner, depth + 1) for inner in value]
    return redact_text(str(value))


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor."""
    for name, value in event.items():
        event[name] = value if name.startswith("_") else _redact_field(name, value, 0)
    return event


def _redact_field(name: str, value: Any, depth: int) -> Any:
    if SECRET_NAME.search(name) and not isinstance(value, bool | None):
        return REDACTED
    return redact(value, depth)

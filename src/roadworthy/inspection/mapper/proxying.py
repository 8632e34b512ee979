"""Directives of a proxy that a sentence names: "client_max_body_size is 20M", "X-Forwarded-For is passed on"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadworthy.inspection.mapper.readers import Params

USUAL = ("X-Forwarded-For", "X-Forwarded-Proto")
"""What "proxy headers" are for everybody who names none: who asks, and whether over TLS."""
_HEADER = re.compile(r"\bX-(?:Forwarded-(?:For|Proto|Host|Port)|Real-IP)\b", re.IGNORECASE)
_DIRECTIVE = re.compile(
    r"\b(?P<name>(?:client|proxy|keepalive|send|large_client)_(?!set_header)[a-z_]+)`?"
    r"(?:\s+(?:is|are|set|to|of|at|configured|limited|raised)\b|\s?[:=])*\s*`?(?P<value>\d+[a-z]*|on|off)\b",
    re.IGNORECASE,
)


def directives(text: str) -> Iterator[Params]:
    """Every directive with its value, and every header that is to be passed on; without either the usual ones."""
    found = [(match["name"].lower(), match["value"]) for match in _DIRECTIVE.finditer(text)]
    headers = tuple(dict.fromkeys(_HEADER.findall(text))) or (() if found else USUAL)
    for directive, value in (*found, *(("proxy_set_header", header) for header in headers)):
        yield {"directive": directive, "value": value}

"""Packages and source files that a line names: "Install `slowapi`", "rate limiting active in main.py"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadworthy.inspection.mapper import values
from roadworthy.inspection.mapper.readers import Params
from roadworthy.inspection.model import Param

BEHAVIOURS = frozenset({
    "rl.on", "rl.values", "rl.headers", "sec.headers", "sec.cors", "srv.compress", "mon.metrics", "mon.latency",
    "cache.on", "log.structured", "log.reqid",
})  # fmt: skip
"""Requirements that are met by what the service does, whatever brings it about."""
LIBRARIES = re.compile(
    r"(?<![\w@/-])(?:slowapi|express-rate-limit|express-slow-down|flask-limiter|django-ratelimit|fastapi-limiter"
    r"|rack-attack|bucket4j|@nestjs/throttler|nest(?:js)?[ -]?throttler|throttlermodule|helmet(?:\.?js)?|flask-talisman"
    r"|django-csp|django-cors-headers|flask-cors|secure-headers|prom-client|prometheus[-_ ]client(?:[ -]library)?"
    r"|prometheus-fastapi-instrumentator|django-prometheus|fastapi-cache2?|flask-caching|django-redis|cache-manager"
    r"|winston|pino|structlog|serilog|lograge|gunicorn|whitenoise)(?![\w-]|/\w)",
    re.IGNORECASE,
)
_SPELT = {
    "helmetjs": "helmet", "helmet.js": "helmet", "throttlermodule": "nest-throttler", "prom-client": "prom-client",
}  # fmt: skip
_COMMAND = re.compile(
    r"\b(?:pip3? install|uv (?:pip install|add)|poetry add|npm (?:i|install)|yarn add|pnpm (?:add|install)|bundle add"
    r"|gem install|composer require|go get)\s+([^`;|&]+)"
)
_INSTALL = re.compile(r"\binstall(?:ed|ing)?\b", re.IGNORECASE)
_NAME = re.compile(r"@?[A-Za-z][\w.-]*(?:/[\w.-]+)?")
_QUOTED = re.compile(r"`(@?[a-z][\w.-]*(?:/[\w.-]+)?)`")
_HYPHENATED = re.compile(r"\binstall\s+(@?[a-z]\w*(?:[-/][\w.-]+)+)", re.IGNORECASE)
_IN_FILE = re.compile(
    r"\b(?:in|inside|within|by|from)\s+[`'\"]?((?:[\w.-]+/)*[\w-][\w.-]*\.(?:py|m?[jt]sx?|cjs|go|rb|java|kt|php|rs|cs))\b"
)
_ALTERNATIVE = re.compile(r"\bor\b|\w\s?/\s?\w", re.IGNORECASE)


def named(requirement: str, text: str) -> Params:
    """The packages and the file that the line names, for a requirement that behaviour alone would meet."""
    if requirement not in BEHAVIOURS:
        return {}
    meant = values.without_examples(text)
    found: dict[str, Param] = {}
    names = tuple(dict.fromkeys(_names(meant)))
    if names:
        found["packages"] = ("|".join(names),) if len(names) > 1 and _ALTERNATIVE.search(meant) else names
    file = _IN_FILE.search(meant)
    return {**found, "in_file": file[1]} if file else found


def _names(text: str) -> Iterator[str]:
    for command in _COMMAND.finditer(text):
        words = re.sub(r"\s-(?:r|c)\s+\S+|\s--?\S+", " ", f" {command[1]}").split()
        yield from (_bare(word) for word in words if _NAME.match(word))
    bare = _COMMAND.sub(" ", text)
    if _INSTALL.search(bare):
        yield from (name for name in (*_QUOTED.findall(bare), *_HYPHENATED.findall(bare)) if not values.files(name))
    yield from (_bare(match[0]) for match in LIBRARIES.finditer(bare))


def _bare(name: str) -> str:
    low = re.split(r"(?<=.)@|[=<>~!\[]", name.lower().strip("'\"` ,.)"))[0]
    if re.match(r"nest(?:js)?[ -]?throttler", low):
        return "nest-throttler"
    if re.match(r"prometheus[-_ ]client", low):
        return "prometheus-client"
    return _SPELT.get(low, low)

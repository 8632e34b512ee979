"""Asks each part of the target whether it is there at all, before anything else is concluded from its silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.results import Unreachable

LIMIT_SECONDS = 10.0


async def unreachable(probes: Probes, advice: str = "start it, or mend target.toml") -> tuple[Unreachable, ...]:
    """The parts that do not answer within ten seconds; what they are asked is asked once, and checks share the answer.

    `advice` is what mends it, as whoever named the target would type it.
    """
    found = await asyncio.gather(*(_silent(part, ask, hint) for part, ask, hint in _questions(probes)))
    return tuple(
        Unreachable(part, redact(problem, probes.secrets()), f"{advice}; this shows the same: {hint}")
        for part, problem, hint in found
        if problem
    )


def _questions(probes: Probes) -> list[tuple[str, Callable[[], Awaitable[object]], str]]:
    asked: list[tuple[str, Callable[[], Awaitable[object]], str]] = []
    if (http := probes.http) is not None:
        asked.append(("http", lambda: http.get("/"), f"curl -i {_without_login(http.url)}/"))
    if (postgres := probes.postgres) is not None:
        asked.append(
            ("postgres", lambda: postgres.value("select 1"), f"psql postgresql://{postgres.address} -c 'select 1'")
        )
    if (redis := probes.redis) is not None:
        asked.append(("redis", redis.ping, f"redis-cli -u redis://{redis.address} ping"))
    return asked


async def _silent(part: str, ask: Callable[[], Awaitable[object]], hint: str) -> tuple[str, str, str]:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await ask()
    except Unobservable as hidden:
        return part, hidden.problem, hint
    except TimeoutError:
        return part, f"it did not answer within {LIMIT_SECONDS:g} seconds", hint
    return part, "", hint


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")

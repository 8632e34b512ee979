"""Both sides must answer alike before either is measured."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx

from benchmarks.servers import Server
from benchmarks.stage import Stage

SAMPLE = 100
SEED = 2026
ASKED_AGAIN = 10
CHANGED = "Changed between two questions"
TIMEOUT_SECONDS = 30.0
MOMENTS = frozenset(("created_at", "expires_at"))
# Filters beyond those of the load, so that a side can't be fast by ignoring one.
MORE_LISTS = (
    "/api/jobs",
    "/api/jobs?limit=100",
    "/api/jobs?remote=true&salary_period=hour",
    "/api/jobs?remote=false&salary_min=150000&salary_period=year",
    "/api/jobs?featured=true&experience=lead",
    '/api/jobs?q="massage therapist" -licensed',
    "/api/jobs?state=CA&q=massage or facial&salary_min=30",
    "/api/jobs?q=nothingofthekind",
    "/api/jobs?state=ZZ",
    "/api/jobs/search?q=masage therapist",
    "/api/jobs/search?q=masage therapist&exact=true",
    '/api/jobs/search?q="deep tissue" -senior&state=CA',
    "/api/jobs/search?q=sauna or yoga&experience=lead&limit=7",
    "/api/jobs/search?q=nothingofthekind",
    "/api/jobs/search?q=austin&remote=false",
)


class AnswersDiffer(Exception):
    """The two sides answered the same request differently."""


def verify(ours: Server, reference: Server, stage: Stage) -> int:
    """Compare answers to random ids and filters, and the pages after them; returns how many were compared.

    Cursors are opaque, so each side follows its own. Answers are compared as values: the order of keys, and how a
    number or a time is written, don't matter.

    Raises:
        AnswersDiffer: naming the first request and both answers.
    """
    with _client(ours) as one, _client(reference) as other:
        compared = sum(_compare(one, other, path) for path in _sample(stage))
        for client in (one, other):
            status = client.get(f"/api/jobs/{stage.jobs + 1}").status_code
            if status != httpx.codes.NOT_FOUND:
                raise AnswersDiffer(f"{client.base_url} answers an unknown id with {status}")
    return compared


async def verify_fresh(servers: Iterable[Server], stage: Stage) -> None:
    """Change a job between two questions: a server that answers from a cache is found out. The change is undone.

    Raises:
        AnswersDiffer: naming the server that did not notice.
    """
    listed = stage.filters[0].path
    connection = await asyncpg.connect(stage.dsn)
    try:
        for server in servers:
            with _client(server) as client:
                job = _answer(client, listed)["items"][0]
                titles = partial(_titles, client, listed, job["id"])
                titles()
                transaction = "update hiring.jobs set title = $1 where id = $2"
                await connection.execute(transaction, CHANGED, job["id"])
                seen = titles()
                await connection.execute(transaction, job["title"], job["id"])
                if seen != {CHANGED}:
                    raise AnswersDiffer(f"{server.name} caches where it must not: {seen} after a change")
    finally:
        await connection.close()


def _titles(client: httpx.Client, listed: str, job_id: int) -> set[str]:
    """The title of one job, by its id and in a list; asked often enough to meet every web process."""
    answers = [_answer(client, path) for path in (f"/api/jobs/{job_id}", listed) * ASKED_AGAIN]
    jobs = (job for answer in answers for job in answer.get("items", [answer]))
    return {job["title"] for job in jobs if job["id"] == job_id}


def _client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=TIMEOUT_SECONDS)


def _sample(stage: Stage) -> Iterator[str]:
    draw = random.Random(SEED)
    yield from (f"/api/jobs/{draw.randint(1, stage.jobs)}" for _ in range(SAMPLE))
    yield from (each.path for each in draw.sample(stage.filters, SAMPLE))
    yield from (each.path for each in draw.sample(stage.searches, SAMPLE))
    yield from MORE_LISTS


def _compare(one: httpx.Client, other: httpx.Client, path: str) -> int:
    first, second = _answer(one, path), _answer(other, path)
    cursors = [answer.pop("next_cursor", None) for answer in (first, second)]
    if first != second or (cursors[0] is None) != (cursors[1] is None):
        raise AnswersDiffer(f"{path}\n{one.base_url}: {first} {cursors[0]}\n{other.base_url}: {second} {cursors[1]}")
    if cursors[0] is None:
        return 1
    join = "&" if "?" in path else "?"
    after = [
        _answer(client, f"{path}{join}cursor={quote(at)}") for client, at in zip((one, other), cursors, strict=True)
    ]
    if not after[0]["items"] or after[0]["items"] != after[1]["items"]:
        raise AnswersDiffer(f"the page after {path}\n{one.base_url}: {after[0]}\n{other.base_url}: {after[1]}")
    return 2


def _answer(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    if answer.status_code != httpx.codes.OK:
        raise AnswersDiffer(f"{client.base_url} answers {path} with {answer.status_code}: {answer.text[:500]}")
    value: dict[str, Any] = answer.json()
    for job in value.get("items", [value]):
        for name in MOMENTS & job.keys():
            job[name] = job[name] and datetime.fromisoformat(job[name])
    return value

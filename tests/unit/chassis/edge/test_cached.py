from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy

pytestmark = pytest.mark.anyio

# `making`, `ask` and `answering` stand in conftest.py.
Fixture = Callable[..., Any]

CACHED = (RoutePolicy("/api/jobs", cache=CachePolicy(60)),)


class Counting:
    """An app whose answers tell their number."""

    def __init__(self, *headers: tuple[bytes, bytes], status: int = 200, size: int = 0) -> None:
        self.calls = 0
        self.seen: list[dict[bytes, bytes]] = []
        self.headers = headers
        self.status = status
        self.size = size
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.calls += 1
        self.seen.append(dict(scope["headers"]))
        number = self.calls
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        scope["roadworthy.route"] = "/api/jobs"
        headers = [(b"content-type", b"application/json"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"call": %d}' % number + b" " * self.size})


async def test_what_is_declared_is_answered_again_with_its_age_and_everything_else_anew(
    making: Fixture, ask: Fixture
) -> None:
    app = Counting()
    edge = await making(app, policies=CACHED)
    first, second = await ask(edge, "/api/jobs"), await ask(edge, "/api/jobs")
    assert (first["x-cache"], second["x-cache"], app.calls) == ("miss", "hit", 1)
    assert (first.body, second.body, second["age"]) == (b'{"call": 1}', b'{"call": 1}', "0")
    assert second["cache-control"] == "no-cache"
    assert second["x-request-id"] != first["x-request-id"]
    assert int(second["x-ratelimit-remaining"]) == int(first["x-ratelimit-remaining"]) - 1
    assert {name for name, _ in first.headers} == {name for name, _ in second.headers}
    other = await ask(edge, "/api/other")
    assert other.get("x-cache") is None
    assert (await ask(edge, "/api/other")).body != other.body


async def test_the_query_matters_but_not_its_order(making: Fixture, ask: Fixture) -> None:
    edge = await making(Counting(), policies=CACHED)
    one = await ask(edge, "/api/jobs", query="a=1&b=2")
    same = [await ask(edge, "/api/jobs", query=query) for query in ("b=2&a=1", "b=2&a=1", "a=1&b=2")]
    other = await ask(edge, "/api/jobs", query="a=1&b=3")
    assert {answer.body for answer in same} == {one.body}
    assert [answer["x-cache"] for answer in same] == ["hit"] * 3
    assert other["x-cache"] == "miss"


async def test_another_host_is_another_answer(making: Fixture, ask: Fixture) -> None:
    edge = await making(Counting(), policies=CACHED)
    await ask(edge, "/api/jobs")
    assert (await ask(edge, "/api/jobs", headers=[("host", "evil.example")]))["x-cache"] == "miss"


async def test_a_very_long_query_is_not_kept(making: Fixture, ask: Fixture) -> None:
    edge = await making(Counting(), policies=CACHED)
    answers = [await ask(edge, "/api/jobs", query="q=" + "x" * 2000) for _ in range(2)]
    assert [answer["x-cache"] for answer in answers] == ["bypass", "bypass"]
    assert answers[0].body != answers[1].body


async def test_methods_other_than_get_and_head_go_through(making: Fixture, ask: Fixture) -> None:
    app = Counting()
    edge = await making(app, policies=CACHED)
    await ask(edge, "/api/jobs")
    head = await ask(edge, "/api/jobs", method="HEAD")
    assert (head["x-cache"], head.body, head["content-length"]) == ("hit", b"", "11")
    assert (await ask(edge, "/api/jobs", method="POST")).get("x-cache") is None
    assert app.calls == 2


@pytest.mark.parametrize("header", ["cookie", "authorization"])
async def test_who_shows_credentials_gets_an_answer_of_his_own(making: Fixture, ask: Fixture, header: str) -> None:
    app = Counting()
    edge = await making(app, policies=CACHED)
    await ask(edge, "/api/jobs")
    own = [await ask(edge, "/api/jobs", headers={header: "me"}) for _ in range(2)]
    assert [(answer["x-cache"], answer.body) for answer in own] == [
        ("bypass", b'{"call": 2}'),
        ("bypass", b'{"call": 3}'),
    ]
    assert app.seen[1][header.encode()] == b"me"
    assert (await ask(edge, "/api/jobs")).body == b'{"call": 1}'


async def test_what_is_the_same_for_all_is_made_without_anybodys_headers(making: Fixture, ask: Fixture) -> None:
    app = Counting()
    policy = RoutePolicy("/jobs", cache=CachePolicy(60, vary=("hx-request",), ignores_credentials=True))
    edge = await making(app, policies=(policy,))
    headers = {"cookie": "me", "authorization": "me", "x-forwarded-host": "evil", "accept-language": "de"}
    await ask(edge, "/jobs", headers=headers)
    assert (await ask(edge, "/jobs"))["x-cache"] == "hit"
    part = await ask(edge, "/jobs", headers={**headers, "hx-request": "true"})
    assert part["x-cache"] == "miss"
    assert app.seen == [{b"host": b"testserver"}, {b"host": b"testserver", b"hx-request": b"true"}]


@pytest.mark.parametrize(
    "header",
    [(b"set-cookie", b"id=1"), (b"cache-control", b"private"), (b"cache-control", b"no-store"), (b"vary", b"*")],
)
async def test_an_answer_that_says_it_is_somebodys_own_is_given_to_nobody_else(
    making: Fixture, ask: Fixture, header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    app = Counting(header)
    edge = await making(app, policies=CACHED)
    answers = await asyncio.gather(*(ask(edge, "/api/jobs") for _ in range(3)))
    assert len({answer.body for answer in answers}) == 3
    assert {answer["x-cache"] for answer in answers} == {"bypass"}
    assert (await ask(edge, "/api/jobs"))["x-cache"] == "bypass"
    assert "/api/jobs is declared cacheable, but" in caplog.text


async def test_a_header_sent_twice_says_both(making: Fixture, ask: Fixture) -> None:
    app = Counting((b"cache-control", b"no-store"), (b"cache-control", b"max-age=5"))
    edge = await making(app, policies=CACHED)
    assert {(await ask(edge, "/api/jobs"))["x-cache"] for _ in range(2)} == {"bypass"}


async def test_errors_are_shared_by_those_who_wait_and_kept_for_nobody(making: Fixture, ask: Fixture) -> None:
    app = Counting(status=503)
    app.gate = asyncio.Event()
    edge = await making(app, policies=CACHED)
    waiting = [asyncio.create_task(ask(edge, "/api/jobs")) for _ in range(5)]
    await asyncio.sleep(0.01)
    app.gate.set()
    answers = await asyncio.gather(*waiting)
    assert ({answer.status for answer in answers}, app.calls) == ({503}, 1)
    app.status = 200
    assert (await ask(edge, "/api/jobs")).status == 200


async def test_one_load_however_many_wait(making: Fixture, ask: Fixture) -> None:
    app = Counting()
    app.gate = asyncio.Event()
    edge = await making(app, policies=CACHED, RATE_LIMIT_ENABLED=False)
    waiting = [asyncio.create_task(ask(edge, "/api/jobs")) for _ in range(200)]
    await asyncio.sleep(0.01)
    app.gate.set()
    answers = await asyncio.gather(*waiting)
    assert ({answer.body for answer in answers}, app.calls) == ({b'{"call": 1}'}, 1)


async def test_whoever_leaves_takes_the_load_from_nobody(making: Fixture, ask: Fixture) -> None:
    app = Counting()
    app.gate = asyncio.Event()
    edge = await making(app, policies=CACHED)
    first, second = (asyncio.create_task(ask(edge, "/api/jobs")) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    app.gate.set()
    assert (await second).body == b'{"call": 1}'
    assert app.calls == 1


async def test_a_load_that_fails_poisons_nothing(
    making: Fixture, ask: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    app = Counting()
    app.error = ZeroDivisionError()
    edge = await making(app, policies=CACHED)
    answers = await asyncio.gather(*(ask(edge, "/api/jobs") for _ in range(3)))
    assert ([answer.status for answer in answers], app.calls) == ([500] * 3, 1)
    assert "ZeroDivisionError" in caplog.text
    app.error = None
    assert (await ask(edge, "/api/jobs")).status == 200


async def test_a_load_has_a_deadline(making: Fixture, ask: Fixture) -> None:
    app = Counting()
    app.gate = asyncio.Event()
    edge = await making(app, policies=CACHED, REQUEST_TIMEOUT_SECONDS=0.01)
    answers = await asyncio.gather(*(ask(edge, "/api/jobs") for _ in range(3)))
    assert [answer.status for answer in answers] == [504] * 3
    app.gate.set()
    assert (await ask(edge, "/api/jobs")).status == 200


async def test_an_answer_ends_with_its_time_and_the_declared_time_with_the_setting(
    making: Fixture, ask: Fixture
) -> None:
    app = Counting()
    short = (RoutePolicy("/api/jobs", cache=CachePolicy(0.02)), RoutePolicy("/api/long", cache=CachePolicy(3600)))
    edge = await making(app, policies=short, CACHE_TTL_SECONDS=300)
    await ask(edge, "/api/jobs")
    await asyncio.sleep(0.03)
    assert (await ask(edge, "/api/jobs"))["x-cache"] == "miss"
    assert edge._exact["/api/long"].cache.ttl_seconds == 300


async def test_memory_is_bounded(making: Fixture, ask: Fixture) -> None:
    limit = 200_000
    edge = await making(Counting(size=10_000), policies=CACHED, RESPONSE_CACHE_BYTES=limit, RATE_LIMIT_ENABLED=False)
    for number in range(100):
        await ask(edge, "/api/jobs", query=f"page={number}")
        await ask(edge, "/api/jobs", query=f"page={number}", headers={"accept-encoding": "gzip"})
        await ask(edge, "/api/jobs", query="page=0&popular=1")
    cache = edge._cache
    assert cache.size_bytes <= limit
    assert cache.evictions > 50
    assert len(cache.asked) <= limit / 10_000 * 2
    assert (await ask(edge, "/api/jobs", query="page=0&popular=1"))["x-cache"] == "hit", "what is used stays"


async def test_an_answer_too_large_to_keep_is_given_as_it_comes(making: Fixture, ask: Fixture) -> None:
    edge = await making(Counting(size=3 * 1024 * 1024), policies=CACHED, RESPONSE_CACHE_BYTES=1_000_000)
    answers = [await ask(edge, "/api/jobs") for _ in range(2)]
    assert [answer["x-cache"] for answer in answers] == ["bypass", "bypass"]
    assert len(answers[0].body) > 3 * 1024 * 1024


async def test_with_no_memory_for_it_there_is_no_cache(making: Fixture, ask: Fixture) -> None:
    edge = await making(Counting(), policies=CACHED, RESPONSE_CACHE_BYTES=0)
    answers = [await ask(edge, "/api/jobs") for _ in range(2)]
    assert [answer.get("x-cache") for answer in answers] == [None, None]
    assert answers[0].body != answers[1].body


async def test_each_coding_is_made_once_and_validated_by_one_etag(making: Fixture, ask: Fixture) -> None:
    app = Counting(size=5000)
    edge = await making(app, policies=CACHED)
    plain = await ask(edge, "/api/jobs")
    packed = [await ask(edge, "/api/jobs", headers={"accept-encoding": "gzip, br"}) for _ in range(2)]
    assert [answer["content-encoding"] for answer in packed] == ["br", "br"]
    assert len(packed[0].body) == int(packed[0]["content-length"]) < 100
    assert packed[0]["etag"] == f"W/{plain['etag']}"
    assert plain["vary"] == packed[0]["vary"] == "Accept-Encoding"
    for etag in (plain["etag"], packed[0]["etag"], f'"x", {plain["etag"]}', "*"):
        again = await ask(edge, "/api/jobs", headers={"if-none-match": etag, "accept-encoding": "br"})
        assert (again.status, again.body, again["etag"]) == (304, b"", packed[0]["etag"])
        assert again.get("content-length") is None
        assert (again["x-cache"], again["vary"]) == ("hit", "Accept-Encoding")
    assert (await ask(edge, "/api/jobs", headers={"if-none-match": '"other"'})).status == 200
    assert app.calls == 1


async def test_browsers_may_be_allowed_to_keep_it(making: Fixture, ask: Fixture) -> None:
    policies = (RoutePolicy("/api/jobs", cache=CachePolicy(60, browser_seconds=30)),)
    assert (await ask(await making(Counting(), policies=policies), "/api/jobs"))[
        "cache-control"
    ] == "public, max-age=30"

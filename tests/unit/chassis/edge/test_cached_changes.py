"""Kept answers that a change drops, that grow old, and that nobody may mistake for his own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.edge.edge import Edge
from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy

pytestmark = pytest.mark.anyio

# `making` and `ask` stand in conftest.py.
Fixture = Callable[..., Any]

signed_in: ContextVar[str] = ContextVar("signed_in", default="nobody")


class Telling:
    """An app that tells everybody everything that it can see of who asked, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if scope["method"] == "POST":
            consistency.note_write()
        seen = {
            "call": number,
            "headers": sorted(value.decode() for _, value in scope["headers"]),
            "client": scope["client"],
            "signed_in": signed_in.get(),
        }
        headers = [(b"content-type", b"application/json"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


def kept(**values: Any) -> tuple[RoutePolicy, ...]:
    return (RoutePolicy("/api/jobs/*", cache=CachePolicy(10, **values)),)


async def make(making: Fixture, app: Telling, *, cache: Cache | None = None, **values: Any) -> Edge:
    edge: Edge = await making(app, policies=kept(**values), cache=cache)
    return edge


async def test_a_dropped_tag_takes_the_answers_under_it(making: Fixture, ask: Fixture) -> None:
    app, cache = Telling(), Cache(0)
    edge = await make(making, app, cache=cache, tags=("jobs", "job:*"))
    for path in ("/api/jobs/7", "/api/jobs/07", "/api/jobs/8"):
        await ask(edge, path)
    await cache.changed("change-1", ["job:7"])
    found = {path: (await ask(edge, path))["x-cache"] for path in ("/api/jobs/7", "/api/jobs/07", "/api/jobs/8")}
    assert found == {"/api/jobs/7": "miss", "/api/jobs/07": "miss", "/api/jobs/8": "hit"}
    await cache.changed("change-2", ["jobs"])
    assert (await ask(edge, "/api/jobs/8"))["x-cache"] == "miss"


async def test_an_answer_that_a_change_overtook_is_kept_for_nobody(making: Fixture, ask: Fixture) -> None:
    app, cache = Telling(), Cache(0)
    edge = await make(making, app, cache=cache, tags=("jobs",))
    app.gate.clear()
    early = asyncio.create_task(ask(edge, "/api/jobs/7"))
    await asyncio.sleep(0.01)
    await cache.changed("change-1", ["jobs"])
    late = asyncio.create_task(ask(edge, "/api/jobs/7"))
    await asyncio.sleep(0.01)
    app.gate.set()
    assert [(await asked).json["call"] for asked in (early, late)] == [1, 2]
    assert (await ask(edge, "/api/jobs/7")).json["call"] == 2


def grow_old(edge: Edge, seconds: float) -> None:
    assert edge._cache is not None
    for entry in edge._cache._store.entries.values():
        entry.expires -= seconds
        entry.renew_at -= seconds
        entry.keep_until -= seconds


async def test_an_old_answer_is_given_while_it_is_made_anew_once(making: Fixture, ask: Fixture) -> None:
    app = Telling()
    edge = await make(making, app, stale_seconds=20)
    await ask(edge, "/api/jobs/7")
    grow_old(edge, 11)
    app.gate.clear()
    answers = await asyncio.gather(*(ask(edge, "/api/jobs/7") for _ in range(20)))
    assert {(answer["x-cache"], answer.json["call"]) for answer in answers} == {("stale", 1)}
    assert app.calls == 2
    app.gate.set()
    await asyncio.sleep(0.01)
    answer = await ask(edge, "/api/jobs/7")
    assert (answer["x-cache"], answer.json["call"]) == ("hit", 2)
    grow_old(edge, 31)
    assert (await ask(edge, "/api/jobs/7"))["x-cache"] == "miss", "its age is bounded"


async def test_an_old_answer_survives_an_app_that_fails_but_not_one_that_says_private(
    making: Fixture, ask: Fixture
) -> None:
    app = Telling()
    edge = await make(making, app, stale_seconds=20)
    await ask(edge, "/api/jobs/7")
    grow_old(edge, 11)
    app.status = 500
    for _ in range(3):
        assert (await ask(edge, "/api/jobs/7"))["x-cache"] == "stale"
        await asyncio.sleep(0)
    assert app.calls == 2, "no attempt a request"
    grow_old(edge, 2)
    app.status, app.headers = 200, [(b"cache-control", b"private")]
    await ask(edge, "/api/jobs/7")
    await asyncio.sleep(0.01)
    assert (await ask(edge, "/api/jobs/7"))["x-cache"] == "bypass"


async def test_whoever_wrote_is_answered_anew_for_a_moment(making: Fixture, ask: Fixture) -> None:
    app = Telling()
    edge = await make(making, app, ignores_credentials=True)
    await ask(edge, "/api/jobs/7")
    written = await ask(edge, "/api/jobs/7", method="POST")
    cookie = written["set-cookie"]
    assert cookie == "roadworthy_wrote=1; Max-Age=5; Path=/; HttpOnly; SameSite=Lax"
    over_tls = await ask(edge, "/api/jobs/7", method="POST", scheme="https")
    assert over_tls["set-cookie"].endswith("; Secure")
    bearing = {"cookie": f"theme=dark; {cookie.partition(';')[0]}"}
    assert (await ask(edge, "/api/jobs/7", headers=bearing))["x-cache"] == "bypass"
    assert (await ask(edge, "/api/jobs/7", headers={"cookie": "theme=dark"}))["x-cache"] == "hit"
    assert (await ask(edge, "/api/jobs/7"))["x-cache"] == "hit"


async def test_a_post_that_wrote_nothing_sets_no_cookie(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering())
    assert (await ask(edge, "/api/jobs", method="POST")).get("set-cookie") is None


SECRETS = {
    "cookie": "session=of-alice",
    "authorization": "Bearer of-alice",
    "accept-language": "language-of-alice",
    "user-agent": "agent-of-alice",
    "x-user": "header-of-alice",
    "x-forwarded-for": "203.0.113.77",
}


@pytest.mark.parametrize("ignores_credentials", [True, False])
@pytest.mark.parametrize("secret", SECRETS)
async def test_nobody_gets_what_was_made_for_somebody_else(
    making: Fixture, ask: Fixture, secret: str, *, ignores_credentials: bool
) -> None:
    app = Telling()
    app.headers = [(b"vary", secret.encode())]  # an app that says so as well, and is not asked
    edge = await make(making, app, ignores_credentials=ignores_credentials, stale_seconds=20)
    signed_in.set("alice")
    alice = await ask(edge, "/api/jobs/7", headers={secret: SECRETS[secret]}, client="203.0.113.5")
    signed_in.set("bob")
    answers = [await ask(edge, "/api/jobs/7", client="198.51.100.1")]
    grow_old(edge, 11)
    answers += [await ask(edge, "/api/jobs/7"), await ask(edge, "/api/jobs/7", headers={secret: "of bob"})]
    for answer in answers[:2]:
        assert "alice" not in answer.body.decode()
        assert "203.0.113" not in answer.body.decode()
        assert "bob" not in answer.body.decode()
    assert "alice" not in answers[2].body.decode()
    bypassed = secret in {"cookie", "authorization"} and not ignores_credentials
    assert (alice["x-cache"] == "bypass") == bypassed


async def test_an_answer_that_depends_on_a_header_is_kept_for_each_value_of_it(making: Fixture, ask: Fixture) -> None:
    edge = await make(making, Telling(), vary=("accept-language",))
    first = await ask(edge, "/api/jobs/7", headers={"accept-language": "de"})
    other = await ask(edge, "/api/jobs/7", headers={"accept-language": "fr"})
    again = await ask(edge, "/api/jobs/7", headers={"accept-language": "de"})
    assert [answer["x-cache"] for answer in (first, other, again)] == ["miss", "miss", "hit"]
    assert (again.body, again.json["headers"]) == (first.body, ["de", "testserver"])

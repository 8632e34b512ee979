"""Limits that were not met, and limits of other routes than those that can be asked."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.limits import _Limiter
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, pages, reply
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.model import Item

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
OPEN = pages({"/api/items": reply({"items": [1]})})
PROMISING = pages({"/api/items": reply({"items": [1]}, ratelimit_policy="20;w=60")})


@pytest.mark.parametrize(
    ("stage", "params", "status", "words"),
    [
        (Stage(site=OPEN), {}, UNKNOWN, "a higher limit may exist"),
        (Stage(site=OPEN), {"per_minute": 20}, FAIL, "none refused"),
        (Stage(site=OPEN), {"per_minute": 1000}, UNKNOWN, "a higher limit may exist"),
        (Stage(site=PROMISING), {}, FAIL, "none refused"),
        (Stage(site=OPEN, environment={"RATE_LIMIT_PER_MINUTE": "20"}), {}, FAIL, "none refused"),
        (Stage(site=_Limiter(20)), {}, PASS, "request 21"),
    ],
)
async def test_a_limit_is_missing_only_where_one_was_exceeded(
    stage: Stage, params: dict[str, int], status: Status, words: str
) -> None:
    verdict = await verdict_of("rl.on.exceeded", stage, path="/api/items", **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


@pytest.mark.parametrize(
    "params",
    [
        {"scope": "login", "per_minute": 20},
        {"scope": "uploads"},
        {"scope": "user", "per_minute": 20},
        {"name": "RATE_LIMIT_LOGIN_PER_MINUTE", "value": "20"},
    ],
)
@pytest.mark.parametrize("check", ["rl.on.exceeded", "rl.values.exceeded"])
async def test_another_route_does_not_stand_for_the_one_that_is_meant(check: str, params: dict[str, str | int]) -> None:
    document = reply({"openapi": "3.1.0", "paths": {"/api/items": {"get": {}}}})
    stage = Stage(site=pages({"/openapi.json": document, "/api/items": reply({"items": [1]})}))
    verdict = await verdict_of(check, stage, **params)
    assert (verdict.status, "another route" in verdict.summary) == (UNKNOWN, True), verdict.summary


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("Rate limiting on login endpoint (5 requests per minute)", "login"),
        ("Authentication endpoints are rate limited", "authentication"),
        ("Upload rate limit: 10 requests per minute", "upload"),
        ("Rate limit: 60 requests per minute", None),
        ("Rate limit: 60 requests per minute per IP", "ip"),
    ],
)
def test_a_line_says_what_its_limit_is_for(line: str, scope: str | None) -> None:
    only = Mapper().map_one(Item(1, (), line))
    scopes = {one.params.get("scope") for one in only.requirements if one.id in {"rl.on", "rl.values"}}
    assert scopes == {scope}


async def test_a_route_that_is_named_is_asked() -> None:
    asked = {"scope": "admin", "path": "/api/items", "per_minute": 20}
    assert (await verdict_of("rl.values.exceeded", Stage(site=_Limiter(20)), **asked)).status is PASS


async def test_too_few_requests_show_no_exemption() -> None:
    verdict = await verdict_of("rl.on.exceeded", Stage(site=exempting(110)), path="/health", exempt=True)
    assert verdict.status is UNKNOWN, verdict.summary
    verdict = await verdict_of("rl.on.exceeded", Stage(site=exempting(60)), path="/health", exempt=True)
    assert verdict.status is PASS, verdict.summary


def exempting(limit: int) -> Site:
    """Documented items are limited; health is not."""

    def make() -> Handler:
        limiter = _Limiter(limit)()
        document = reply({"openapi": "3.1.0", "paths": {"/api/items": {"get": {}}}})

        def answer(asked: Asked) -> Reply:
            if asked.path == "/openapi.json":
                return document
            if asked.path == "/api/items":
                found = limiter(asked)
                return found if found.status != 200 else reply({"items": [1]})
            return reply({"status": "ok"}) if asked.path == "/health" else reply("nothing", 404)

        return answer

    return make

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy
from roadworthy.chassis.limits.quota import UNLIMITED, LimitPolicy, Quota
from roadworthy.chassis.telemetry.health import Dependency, Need

pytestmark = pytest.mark.anyio

# `making`, `ask` and `answering` stand in conftest.py.
Fixture = Callable[..., Any]


async def test_the_61st_request_of_an_address_on_the_api_is_refused(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering())
    answers = [await ask(edge, "/api/jobs") for _ in range(62)]
    assert [answer.status for answer in answers] == [200] * 60 + [429] * 2
    refusal = answers[60]
    assert refusal["content-type"] == "application/problem+json"
    assert refusal.json["violated-policies"] == ["minute"]
    assert refusal.json["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    # Lists of strings with integer parameters (RFC 9651), and no Retry-After before the exhausted window ends.
    minute, hour = re.fullmatch(r'"minute";r=0;t=(\d+), "hour";r=940;t=(\d+)', refusal["ratelimit"]).groups()  # type: ignore[union-attr]  # None fails the test
    assert int(minute) <= int(refusal["retry-after"]) <= int(hour)
    assert refusal.json["retry_after_seconds"] == int(refusal["retry-after"])
    assert refusal["ratelimit-policy"] == '"minute";q=60;w=60, "hour";q=1000;w=3600'
    assert refusal["x-ratelimit-remaining"] == "0"
    assert refusal["x-content-type-options"] == "nosniff"
    assert refusal["x-request-id"]
    assert (await ask(edge, "/api/jobs", client="192.0.2.2")).status == 200
    assert (await ask(edge, "/page")).status == 200
    text = (await ask(edge, "/metrics")).body.decode()
    assert 'rate_limited_requests_total{policy="api"} 2.0' in text
    assert 'rate_limits_shared{policy="api"} 0.0' in text


async def test_pages_have_a_limit_of_their_own_and_files_none(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering(), RATE_LIMIT_PAGES_PER_MINUTE=3)
    assert [(await ask(edge, f"/{n}")).status for n in range(4)] == [200, 200, 200, 429]
    for path in ("/static/x.css", "/health", "/health/live", "/health/ready", "/metrics", "/favicon.ico"):
        for _ in range(5):
            answer = await ask(edge, path)
        assert answer.status == 200, path
        assert answer.get("ratelimit") is None


async def test_a_browser_that_is_refused_gets_a_page_where_there_is_one(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    edge = await making(
        answering(), error_pages={429: b"<h1>Slower</h1>"}, RATE_LIMIT_PAGES_PER_MINUTE=1, RATE_LIMIT_PER_MINUTE=1
    )
    for path in ("/jobs", "/api/jobs"):
        assert (await ask(edge, path)).status == 200
    refused = await ask(edge, "/jobs", headers=browser)
    assert (refused.status, refused.body) == (429, b"<h1>Slower</h1>")
    assert refused["content-type"] == "text/html; charset=utf-8"
    assert int(refused["retry-after"]) > 0
    assert "default-src 'self'" in refused["content-security-policy"]
    for path, headers in (("/jobs", {}), ("/api/jobs", browser)):
        refused = await ask(edge, path, headers=headers)
        assert (refused.status, refused["content-type"]) == (429, "application/problem+json")


async def test_limits_can_be_off_or_a_routes_own(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    off = await making(answering(), RATE_LIMIT_ENABLED=False)
    assert {(await ask(off, "/api/x")).status for _ in range(70)} == {200}
    assert (await ask(off, "/health")).json["rate_limits"] == "off"
    strict = LimitPolicy("login", (Quota("minute", 1, 60),))
    policies = (RoutePolicy("/api/auth/*", limit=strict), RoutePolicy("/api/free", limit=UNLIMITED))
    own = await making(answering(), policies=policies)
    assert [(await ask(own, "/api/auth/login")).status for _ in range(2)] == [200, 429]
    assert (await ask(own, "/api/free")).get("ratelimit") is None


async def test_a_kept_answer_counts_as_well(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    policies = (RoutePolicy("/api/jobs", cache=CachePolicy(60)),)
    edge = await making(answering(), policies=policies, RATE_LIMIT_PER_MINUTE=3)
    assert [(await ask(edge, "/api/jobs")).status for _ in range(4)] == [200, 200, 200, 429]


async def test_one_ipv6_customer_is_one_address(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering(), RATE_LIMIT_PER_MINUTE=2)
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2::3", "2001:db8:1:3::1"]
    assert [(await ask(edge, "/api/x", client=address)).status for address in addresses] == [200, 200, 429, 200]


async def test_an_ipv6_customer_uses_what_was_taken_in_advance(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering(), RATE_LIMIT_PER_MINUTE=8000, RATE_LIMIT_PER_HOUR=1_000_000)
    left = [(await ask(edge, "/api/x", client="2001:db8:1:2::1"))["x-ratelimit-remaining"] for _ in range(8)]
    assert left == ["7999"] * 4 + ["7995"] * 4


async def test_a_forwarded_address_is_believed_of_proxies_only(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering(), RATE_LIMIT_PER_MINUTE=2, TRUSTED_PROXIES="10.0.0.0/8")
    spoofed = [
        await ask(edge, "/api/x", headers={"x-forwarded-for": f"198.51.100.{n}"}, client="192.0.2.9") for n in range(3)
    ]
    assert [answer.status for answer in spoofed] == [200, 200, 429]
    behind = [
        await ask(edge, "/api/x", headers={"x-forwarded-for": f"1.2.3.4, 198.51.100.{n}"}, client="10.0.0.1")
        for n in range(3)
    ]
    assert [answer.status for answer in behind] == [200, 200, 200]


KEY = "0123456789abcdef0123456789abcdef0"


async def up() -> None:
    """Be there."""


async def down() -> None:
    raise ConnectionError


@pytest.mark.parametrize("path", ["/health", "/api/health", "/health/ready", "/metrics"])
async def test_what_the_edge_answers_itself_is_for_reading(
    making: Fixture, ask: Fixture, answering: Fixture, path: str
) -> None:
    edge = await making(answering())
    assert [(await ask(edge, path, method=method)).status for method in ("GET", "HEAD")] == [200, 200]
    for method in ("POST", "DELETE", "TRACE", "FOO", "OPTIONS"):
        refused = await ask(edge, path, method=method)
        assert (refused.status, refused["allow"]) == (405, "GET, HEAD"), method


async def test_an_address_with_a_nul_names_nothing(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering())
    assert [(await ask(edge, path)).status for path in ("/companies/\0", "/api/jobs/a\0b")] == [404, 404]


async def test_health_names_what_the_service_needs(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering(), dependencies=(Dependency("postgresql", Need.REQUIRED, up),))
    for path in ("/health", "/api/health"):
        answer = await ask(edge, path)
        assert (answer.status, answer["content-type"]) == (200, "application/json")
        assert answer.json["status"] == "ok"
        assert answer.json["dependencies"]["postgresql"]["status"] == "up"
        assert (answer.json["rate_limits"], answer.json["cache"]) == ("local", "local")
    assert (await ask(edge, "/health/ready")).body == b"ready\n"
    assert (await ask(edge, "/health", method="HEAD")).body == b""


async def test_without_what_it_needs_it_lives_but_is_not_ready(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering(), dependencies=(Dependency("postgresql", Need.REQUIRED, down),))
    assert (await ask(edge, "/health")).status == 503
    assert (await ask(edge, "/health/ready")).status == 503
    assert (await ask(edge, "/health/live")).status == 200


async def test_draining_turns_readiness_red_and_ends_connections(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering())
    assert (await ask(edge, "/api/x")).get("connection") is None
    edge.drain()
    ready = await ask(edge, "/health/ready")
    assert (ready.status, ready.body) == (503, b"draining\n")
    assert (await ask(edge, "/health")).json["draining"] is True
    served = await ask(edge, "/api/x")
    assert (served.status, served["connection"]) == (200, "close")


async def test_what_is_too_much_at_once_is_sent_away_before_it_waits(making: Fixture, ask: Fixture) -> None:
    free = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await free.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    edge = await making(app, REQUESTS_IN_FLIGHT_MAX="2")
    at_work = [asyncio.create_task(ask(edge, "/x")) for _ in range(2)]
    await asyncio.sleep(0)  # both have reached the app
    shed = await ask(edge, "/x")
    assert (shed.status, shed["retry-after"], shed.json["status"]) == (503, "1", 503)
    assert (await ask(edge, "/health/live")).status == 200
    free.set()
    assert [(await task).status for task in at_work] == [200, 200]
    assert (await ask(edge, "/x")).status == 200
    assert edge.shed == 1


async def test_metrics_are_not_for_the_public(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(
        answering(),
        ENVIRONMENT="production",
        SECRET_KEY="0123456789abcdef0123456789abcdef0",
        TRUSTED_PROXIES="10.0.0.1",
    )
    assert (await ask(edge, "/metrics", client="127.0.0.1")).status == 200
    assert (await ask(edge, "/metrics", client="10.1.2.3")).status == 200
    public = await ask(edge, "/metrics", client="10.0.0.1", headers={"x-forwarded-for": "8.8.8.8"})
    assert (public.status, public["content-type"]) == (404, "application/problem+json")


async def test_a_proxy_that_no_setting_names_opens_nothing_and_is_reported_once(
    making: Fixture, ask: Fixture, answering: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    edge = await making(answering(), ENVIRONMENT="production", SECRET_KEY="0123456789abcdef0123456789abcdef0")
    through_proxy = {"client": "127.0.0.1", "headers": {"x-forwarded-for": "8.8.8.8"}}
    assert (await ask(edge, "/metrics", **through_proxy)).status == 404
    assert (await ask(edge, "/metrics", client="127.0.0.1")).status == 200
    for path in ("/api/x", "/api/y"):
        assert (await ask(edge, path, **through_proxy)).status == 200
    told = [record.getMessage() for record in caplog.records if "TRUSTED_PROXIES=127.0.0.1" in record.getMessage()]
    assert len(told) == 1


async def test_without_the_shared_tier_everything_goes_on_and_says_so(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    tier = SharedTier("redis://127.0.0.1:1/0")
    policies = (RoutePolicy("/api/jobs", cache=CachePolicy(60)),)
    edge = await making(answering(), shared=tier, policies=policies, processes=4)
    answers = await asyncio.gather(*(ask(edge, "/api/jobs") for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 15 + [429] * 5
    assert (await ask(edge, "/api/jobs", client="192.0.2.7"))["x-cache"] == "hit"
    health = (await ask(edge, "/health")).json
    assert (health["rate_limits"], health["cache"]) == ("local", "local")
    await tier.close()


async def test_no_other_site_may_call_unless_named(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    closed = await ask(await making(answering()), "/api/x", headers={"origin": "https://evil.example"})
    assert closed.get("access-control-allow-origin") is None
    edge = await making(answering(), CORS_ORIGINS="https://app.example.org")
    named = await ask(edge, "/api/x", headers={"origin": "https://app.example.org"})
    assert named["access-control-allow-origin"] == "https://app.example.org"
    assert "RateLimit" in named["access-control-expose-headers"]
    assert (b"vary", b"Origin") in named.headers
    for origin in ("https://evil.example", "https://app.example.org.evil.example", "null", "http://app.example.org"):
        other = await ask(edge, "/api/x", headers={"origin": origin})
        assert other.get("access-control-allow-origin") is None
        assert (b"vary", b"Origin") in other.headers
    page = await ask(edge, "/jobs", headers={"origin": "https://app.example.org"})
    assert page.get("access-control-allow-origin") is None


async def test_preflights_are_answered_for_the_app(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering(status=405), CORS_ORIGINS="https://app.example.org")
    headers = {"origin": "https://app.example.org", "access-control-request-method": "PUT"}
    answer = await ask(edge, "/api/x", method="OPTIONS", headers=headers)
    assert answer.status == 204
    assert "PUT" in answer["access-control-allow-methods"]
    refused = await ask(edge, "/api/x", method="OPTIONS", headers={**headers, "origin": "https://evil.example"})
    assert refused.get("access-control-allow-origin") is None
    assert refused.get("access-control-allow-methods") is None
    assert (await ask(edge, "/api/x", method="OPTIONS")).status == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("jobs.example", 200),
        ("JOBS.example:8000", 200),
        ("jobs.example.", 200),
        ("spa.other.example", 200),
        ("other.example", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("jobs.example.evil.example", 421),
        ("anotherother.example", 421),
        ("", 421),
    ],
)
async def test_it_answers_to_its_own_names_only(
    making: Fixture, ask: Fixture, answering: Fixture, host: str, status: int
) -> None:
    edge = await making(answering(), ALLOWED_HOSTS="jobs.example, .other.example, [::1]")
    headers = {"host": host}
    assert (await ask(edge, "/api/x", headers=headers)).status == status
    assert (await ask(edge, "/health/live", headers=headers)).status == 200


async def test_in_production_the_sites_own_address_is_its_name(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(
        answering(),
        ENVIRONMENT="production",
        SECRET_KEY="0123456789abcdef0123456789abcdef0",
        SITE_URL="https://jobs.example",
    )
    assert (await ask(edge, "/x", headers={"host": "jobs.example"})).status == 200
    refused = await ask(edge, "/x", headers={"host": "evil.example"})
    assert (refused.status, refused.json["type"]) == (421, "urn:roadworthy:problem:unknown-host")


async def test_a_route_may_cost_more_kept_or_not(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    dear = (
        RoutePolicy("/api/reports/*", cost=25),
        RoutePolicy("/api/reports/kept", cache=CachePolicy(60)),
    )
    edge = await making(answering(), policies=dear)
    assert (await ask(edge, "/api/reports/1"))["x-ratelimit-remaining"] == "35"
    left = [(await ask(edge, "/api/reports/kept")).status for _ in range(2)]
    assert left == [200, 429]
    assert (await ask(edge, "/api/jobs"))["x-ratelimit-remaining"] == "9"


async def test_a_route_that_costs_more_than_anybody_has_is_admitted_once_a_window(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering(), policies=(RoutePolicy("/api/reports", cost=10),), RATE_LIMIT_PER_MINUTE=5)
    assert [(await ask(edge, "/api/reports")).status for _ in range(2)] == [200, 429]

"""Checks over HTTP and processes, in the cases that a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, compressed, pages, reply

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
HOME = reply("<html><head><title>Jobs</title></head><body><a href='/jobs'>Jobs</a><p>x</p></body></html>")
ITEMS = reply({"items": [1, 2, 3]})


def limiter(limit: int, *, exempt: str = "", policy: str = "") -> Site:
    def make() -> Handler:
        seen: dict[str, int] = {}

        def answer(asked: Asked) -> Reply:
            if asked.path == exempt:
                return reply({"status": "ok"})
            if asked.path != "/api/items":
                return reply("not found", 404)
            seen[asked.client] = seen.get(asked.client, 0) + 1
            if seen[asked.client] > limit:
                return reply({"title": "slow down"}, 429, retry_after="60")
            return reply({"items": [1]}, ratelimit_policy=policy) if policy else reply({"items": [1]})

        return answer

    return make


@pytest.mark.parametrize(
    ("site", "params", "status", "words"),
    [
        (limiter(20), {"per_minute": 20}, PASS, "20 per minute"),
        (limiter(40), {"per_minute": 20}, FAIL, "the line allows 20"),
        (limiter(10), {"per_minute": 20}, FAIL, "10 per minute are let through"),
        (limiter(20), {"per_minute": 20, "per_hour": 500}, UNKNOWN, "per hour"),
        (
            limiter(20, policy='"m";q=20;w=60, "h";q=500;w=3600'),
            {"per_minute": 20, "per_hour": 500},
            PASS,
            "500 per hour",
        ),
        (limiter(20, policy="20;w=60, 900;w=3600"), {"per_minute": 20, "per_hour": 500}, FAIL, "900 per hour"),
        (limiter(1000), {"per_minute": 20}, FAIL, "25 requests went through"),
    ],
)
async def test_limits(site: Site, params: dict[str, int], status: Status, words: str) -> None:
    verdict = await verdict_of("rl.values.exceeded", Stage(site=site), path="/api/items", **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_a_route_is_only_exempt_where_others_are_not() -> None:
    asked = {"path": "/health", "exempt": True, "paths": ("/api/items",)}
    limited = await verdict_of("rl.on.exceeded", Stage(site=limiter(20, exempt="/health")), **asked)
    free = await verdict_of("rl.on.exceeded", Stage(site=pages({"/health": ITEMS, "/api/": ITEMS})), **asked)
    assert (limited.status, free.status) == (UNKNOWN, UNKNOWN), "nothing documented is limited: /api/ is not there"
    everything = await verdict_of(
        "rl.on.exceeded", Stage(site=limiter(20, exempt="/none")), **{**asked, "path": "/api/items"}
    )
    assert everything.status is FAIL


@pytest.mark.parametrize(
    ("body", "code", "params", "status"),
    [
        ({"status": "ok", "database": "up"}, 200, {"dependency": "database"}, PASS),
        ({"status": "ok"}, 200, {"dependency": "redis"}, FAIL),
        ({"status": "ok", "valkey": "up"}, 200, {"dependency": "redis"}, PASS),
        ({"state": "broken"}, 200, {}, FAIL),
        ({"status": "ok"}, 503, {}, FAIL),
    ],
)
async def test_health(body: dict[str, object], code: int, params: dict[str, str], status: Status) -> None:
    stage = Stage(site=pages({"/health": reply(body, code)}))
    assert (await verdict_of("health.endpoint.answers", stage, path="/health", **params)).status is status


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (
            {"status": "ok", "dependencies": {"postgres": {"status": "up"}, "shared": {"status": "up"}}},
            "postgres, shared",
        ),
        ({"status": "UP", "components": {"db": {"status": "UP", "details": {"database": "PostgreSQL"}}}}, "db"),
        ({"status": "pass", "checks": {"redis:connections": [{"status": "pass"}]}}, "redis:connections"),
        (
            {"status": "ok", "checks": [{"name": "queue", "status": "ok"}, {"name": "primary", "ok": True}]},
            "primary, queue",
        ),
        ({"status": "ok", "redis": True, "database": "connected"}, "database, redis"),
        ({"status": "ok", "note": "cached by redis", "cache_control": "shared", "database": "shop"}, ""),
    ],
)
async def test_health_names_what_its_structure_names(body: dict[str, object], names: str) -> None:
    stage = Stage(site=pages({"/health": reply(body)}))
    verdict = await verdict_of("health.endpoint.answers", stage, path="/health")
    assert verdict.summary == f"/health answers 200{f', naming {names}' if names else ''}"
    speaks = await verdict_of("health.endpoint.answers", stage, "health.deps")
    assert speaks.status is (PASS if names else FAIL)


async def test_a_line_about_readiness_is_answered_by_the_readiness_path() -> None:
    well = {"/health": reply({"status": "ok", "database": "up"})}
    ready = {**well, "/health/ready": reply({"status": "ready"})}
    asked = {"readiness": True}
    for site, more, status in ((well, {}, FAIL), (ready, {}, PASS), (ready, {"dependency": "dependencies"}, FAIL)):
        stage = Stage(site=pages(site))
        verdict = await verdict_of("health.endpoint.answers", stage, "health.deps", **asked, **more)
        assert verdict.status is status, verdict.summary


async def test_health_that_every_address_gives_shows_nothing() -> None:
    stage = Stage(site=pages({}, reply({"status": "ok"})))
    assert (await verdict_of("health.endpoint.answers", stage, path="/health")).status is UNKNOWN


async def test_a_page_named_by_a_framework_is_no_health() -> None:
    stage = Stage(site=pages({"/health": reply("<html><body>ok</body></html>")}))
    assert (await verdict_of("health.endpoint.answers", stage, path="/health")).status is FAIL


async def test_short_answers_may_stay_as_they_are() -> None:
    def answer(asked: Asked) -> Reply:
        return compressed(asked, reply({"status": "ok"}), at_least=1024)

    plain = await verdict_of("srv.compress.asked", Stage(site=lambda: answer), below=True, min_bytes=1024)
    packed = await verdict_of(
        "srv.compress.asked", Stage(site=lambda: lambda asked: compressed(asked, reply({"status": "ok"}))), below=True
    )
    assert (plain.status, packed.status) == (PASS, FAIL)


@pytest.mark.parametrize(("origin", "status"), [("*", FAIL), ("null", FAIL), ("https://app.test", PASS)])
async def test_origins(origin: str, status: Status) -> None:
    site = pages({"/api/items": reply({"items": [1]}, access_control_allow_origin=origin)})
    assert (await verdict_of("sec.cors.foreign", Stage(site=site), path="/api/items")).status is status


async def test_a_policy_that_lets_any_script_run_is_none() -> None:
    headers = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}
    loose = Reply(200, HOME.body, {**headers, "content-security-policy": "default-src 'self' 'unsafe-inline' *"})
    strict = Reply(200, HOME.body, {**headers, "content-security-policy": "default-src 'self'; img-src *"})
    assert (await verdict_of("sec.headers.sent", Stage(site=pages({"/": loose})))).status is FAIL
    assert (await verdict_of("sec.headers.sent", Stage(site=pages({"/": strict})))).status is PASS


async def test_headers_sent_by_another_than_the_line_names() -> None:
    headers = {"x-content-type-options": "nosniff"}
    stage = Stage(
        site=pages({"/": Reply(200, HOME.body, headers)}), machine=Machine((Program("gunicorn app:app", listens=True),))
    )
    asked = {"headers": ("X-Content-Type-Options",)}
    assert (await verdict_of("sec.headers.sent", stage, **asked)).status is PASS
    verdict = await verdict_of("sec.headers.sent", stage, server="nginx", **asked)
    assert (verdict.status, "not by nginx" in verdict.summary) == (FAIL, True)


async def test_documents_of_a_silent_server_are_unknown() -> None:
    assert (await verdict_of("sec.docs_off.asked", Stage(site=pages({})))).status is UNKNOWN
    assert (await verdict_of("sec.docs_off.asked", Stage(site=pages({"/": HOME})))).status is PASS
    redirected = pages({"/": HOME, "/docs": reply("", 302, location="https://sso.example/")})
    assert (await verdict_of("sec.docs_off.asked", Stage(site=redirected))).status is UNKNOWN


@pytest.mark.parametrize(
    ("programs", "params", "status", "words"),
    [
        ((Program("granian app:app", listens=True),), {"server": "gunicorn"}, FAIL, "granian serves"),
        ((Program("node server.js", listens=True),), {}, PASS, "node serves"),
        ((Program("nodemon server.js", listens=True),), {}, FAIL, "development"),
        ((Program("python -m uvicorn app:app --reload", listens=True),), {"server": "uvicorn"}, FAIL, "development"),
        ((Program("php artisan serve", listens=True),), {}, UNKNOWN, "not a server known"),
        (
            (Program("gunicorn app:app", children=2, listens=True),),
            {"server": "gunicorn", "workers": 4},
            FAIL,
            "2 workers",
        ),
        ((Program("gunicorn app:app"),), {}, UNKNOWN, "no visible process listens"),
    ],
)
async def test_servers(programs: tuple[Program, ...], params: dict[str, str | int], status: Status, words: str) -> None:
    verdict = await verdict_of("srv.prodserver.process", Stage(site=pages({}), machine=Machine(programs)), **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_workers_of_another_server_than_the_line_names_do_not_count() -> None:
    stage = Stage(site=pages({}), machine=Machine((Program("granian app:app", children=4, listens=True),)))
    assert (await verdict_of("srv.workers.count", stage, workers=4)).status is PASS
    assert (await verdict_of("srv.workers.count", stage, workers=4, server="uvicorn")).status is FAIL


async def test_what_others_call_workers_is_no_task_worker() -> None:
    others = Machine(
        (Program("nginx: worker process"), Program("postgres: io worker 0"), Program("gunicorn: worker [app]"))
    )
    assert (await verdict_of("srv.async.workers", Stage(machine=others))).status is FAIL
    own = Machine((Program("python -m roadworthy worker"),))
    assert (await verdict_of("srv.async.workers", Stage(machine=own))).status is PASS
    named = await verdict_of("srv.async.workers", Stage(machine=own), tool="celery")
    assert (named.status, "another worker does" in named.summary) == (UNKNOWN, True)


@pytest.mark.parametrize(("folder", "expected"), [("/srv/shop", FAIL), ("/srv/blog", FAIL), ("", UNKNOWN)])
async def test_a_neighbours_worker_is_not_the_services_other_tool(folder: str, expected: Status) -> None:
    web = Program("gunicorn shop:app", listens=True, folder="/srv/shop")
    machine = Machine((web, Program("/venv/bin/dramatiq shop", folder=folder)))
    found = await verdict_of("srv.async.workers", Stage(site=pages({"/": HOME}), machine=machine), tool="celery")
    assert found.status is expected, found.summary
    assert ("another worker does" in found.summary) is (folder != "/srv/blog")


async def test_lines_for_a_built_frontend_do_not_apply_without_one() -> None:
    stage = Stage(site=pages({"/": HOME}), repo={"app/main.py": "x"})
    for check in ("fe.build.bundles", "fe.split.bundles"):
        verdict = await verdict_of(check, stage)
        assert (verdict.status, "no package.json among 1 files" in verdict.summary) == (NOT_APPLICABLE, True)


@pytest.mark.parametrize(
    ("scripts", "size", "status"),
    [
        (("app.js",), 4_000, NOT_APPLICABLE),
        (("vendor.4f9a1c2e.min.js",), 48_000, NOT_APPLICABLE),
        ((), 0, NOT_APPLICABLE),
        (("app.4f9a1c2e.js",), 300_000, FAIL),
        (("app.4f9a1c2e.js", "vendor.77ab12cd.js"), 90_000, PASS),
    ],
)
async def test_few_scripts_need_no_splitting(scripts: tuple[str, ...], size: int, status: Status) -> None:
    tags = "".join(f"<script src='/static/{name}'></script>" for name in scripts)
    home = reply(f"<html><head><title>Jobs</title>{tags}</head><body><p>x</p></body></html>")
    answers = {f"/static/{name}": reply("x" * size, content_type="text/javascript") for name in scripts}
    stage = Stage(site=pages({"/": home, **answers}), repo={"package.json": '{"scripts": {"build": "vite build"}}'})
    verdict = await verdict_of("fe.split.bundles", stage)
    assert verdict.status is status, verdict.summary


async def test_a_silent_cache_is_unknown_without_a_look_into_redis() -> None:
    stage = Stage(site=pages({"/api/items": ITEMS}))
    assert (await verdict_of("cache.on.twice", stage, path="/api/items")).status is UNKNOWN


async def test_a_switch_that_is_off_fails_before_anything_is_asked() -> None:
    stage = Stage(site=pages({"/api/items": ITEMS}), environment={"REDIS_ENABLED": "false"})
    assert (await verdict_of("cache.on.twice", stage, name="REDIS_ENABLED", value="true")).status is FAIL


async def test_too_few_requests_say_nothing_about_a_thousandth() -> None:
    text = '# TYPE http_requests_total counter\nhttp_requests_total{status="200"} 50\n'
    stage = Stage(site=pages({"/metrics": reply(text, content_type="text/plain")}))
    assert (await verdict_of("perf.errors.ratio", stage, max_ratio=0.001)).status is UNKNOWN
    assert (await verdict_of("perf.errors.ratio", stage, max_ratio=0.05)).status is PASS


@pytest.mark.parametrize(
    ("subject", "status", "words"),
    [
        ("Response times (< 500ms for 95th percentile)", PASS, "/api/items"),
        ("API response times < 500ms", PASS, "/api/items"),
        ("Health Check: < 50ms", PASS, "/health"),
        ("Item search: < 300ms", PASS, "/api/items"),
        ("Page load times < 3 seconds", PASS, "p95 of / is"),
        ("User Authentication: < 200ms", UNKNOWN, "signs in"),
        ("Job Creation: < 400ms", UNKNOWN, "writes"),
        ("Analytics Dashboard: < 500ms", UNKNOWN, "no readable route is called 'analytics dashboard'"),
    ],
)
async def test_a_time_is_measured_on_what_the_line_names(subject: str, status: Status, words: str) -> None:
    document = reply({"openapi": "3.1.0", "paths": {"/api/items": {"get": {}}, "/api/auth/login": {"post": {}}}})
    site = pages({"/": HOME, "/health": reply({"status": "ok"}), "/api/items": ITEMS, "/openapi.json": document})
    verdict = await verdict_of("perf.latency.measured", Stage(site=site), subject=subject, max_ms=2000)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_a_variable_that_is_no_switch_must_be_set() -> None:
    site = pages({"/api/items": reply({"items": [1]}, x_cache="HIT")})
    stage = Stage(site=site, environment={"OTHER": "1"})
    named = await verdict_of("cache.on.twice", stage, path="/api/items", name="CACHE_TYPE", value="redis")
    switch = await verdict_of("cache.on.twice", stage, path="/api/items", name="CACHE_ENABLED", value="true")
    assert (named.status, named.summary) == (FAIL, "CACHE_TYPE is not set")
    assert switch.status is PASS, "a switch may be on by default: the behaviour shows it"

"""Behaviour alone does not show the package, the file or the server that a line names."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages, reply
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.model import Item, Param

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HIT = pages({"/api/items": reply({"items": [1, 2, 3]}, x_cache="HIT")})
SECURE = {"x-content-type-options": "nosniff"}
PAGE = b"<html><head><title>Jobs</title></head><body><a href='/jobs'>Jobs</a><p>x</p></body></html>"


@pytest.mark.parametrize(
    ("params", "repo", "programs", "status"),
    [
        ({}, None, None, PASS),
        ({"packages": ("flask-caching",)}, None, None, UNKNOWN),
        ({"packages": ("flask-caching",)}, {"app.py": "x"}, None, UNKNOWN),
        ({"packages": ("flask-caching",)}, {"requirements.txt": "flask\n# flask-caching\n"}, None, FAIL),
        ({"packages": ("flask-caching",)}, {"requirements.txt": "Flask_Caching==2.3\n"}, None, PASS),
        ({"packages": ("slowapi",)}, {"pyproject.toml": '[project]\ndependencies = ["slowapi>=0.1"]\n'}, None, PASS),
        ({"packages": ("slowapi",)}, {"pyproject.toml": '[project]\ndescription = "no slowapi"\n'}, None, FAIL),
        ({"packages": ("slowapi",)}, {"pyproject.toml": '[dependency-groups]\ndev = ["slowapi"]\n'}, None, FAIL),
        ({"packages": ("helmet",)}, {"package.json": '{"dependencies": {"@fastify/helmet": "1"}}'}, None, PASS),
        ({"packages": ("helmet",)}, {"package.json": '{"devDependencies": {"helmet": "1"}}'}, None, FAIL),
        (
            {"packages": ("prometheus-client",)},
            {"go.mod": "require github.com/prometheus/client_golang v1.2\n"},
            None,
            PASS,
        ),
        ({"packages": ("slowapi|flask-limiter",)}, {"requirements.txt": "flask-limiter\n"}, None, PASS),
        ({"packages": ("slowapi", "flask-limiter")}, {"requirements.txt": "flask-limiter\n"}, None, FAIL),
        ({"packages": ("gunicorn",)}, {"requirements.txt": "flask\n"}, "gunicorn app:app", PASS),
        ({"in_file": "main.py"}, None, None, UNKNOWN),
        ({"in_file": "main.py"}, {"app.py": "cache = 1"}, None, FAIL),
        ({"in_file": "main.py"}, {"src/main.py": "cache = 1"}, None, PASS),
        ({"in_file": "main.py"}, {"src/main.py": "x = 1"}, None, UNKNOWN),
        ({"in_file": "main.py"}, {"tests/main.py": "cache = 1"}, None, FAIL),
    ],
)
async def test_what_a_line_names_must_be_there(
    params: dict[str, Param], repo: dict[str, str] | None, programs: str | None, status: Status
) -> None:
    machine = Machine((Program(programs),)) if programs else None
    verdict = await verdict_of(
        "cache.on.twice", Stage(site=HIT, repo=repo, machine=machine), path="/api/items", **params
    )
    assert verdict.status is status, verdict.summary
    assert status is PASS or "the behaviour is there" in verdict.summary


@pytest.mark.parametrize(
    ("said", "program", "status"),
    [("nginx", None, PASS), ("", "nginx: master process", PASS), ("cloudflare", None, FAIL), ("", None, UNKNOWN)],
)
async def test_headers_of_a_server_that_the_line_names(said: str, program: str | None, status: Status) -> None:
    site = pages({"/": Reply(200, PAGE, {**SECURE, **({"server": said} if said else {})})})
    machine = Machine((Program(program, listens=True),)) if program else None
    asked = {"headers": ("X-Content-Type-Options",), "server": "nginx"}
    verdict = await verdict_of("sec.headers.sent", Stage(site=site, machine=machine), **asked)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Install `slowapi` for rate limiting", {"packages": ("slowapi",)}),
        ("Rate limiting: `pip install slowapi[redis]==0.1 -q`", {"packages": ("slowapi",)}),
        ("Rate limiting with express-rate-limit", {"packages": ("express-rate-limit",)}),
        ("Rate limiting by slowapi or flask-limiter", {"packages": ("slowapi|flask-limiter",)}),
        ("Rate limiting (e.g. slowapi)", {}),
        ("Rate limiting enabled", {}),
        ("NestJS Throttler rate limiting configured", {"packages": ("nest-throttler",)}),
        ("Security headers set (helmet)", {"packages": ("helmet",)}),
        ("Prometheus client library exposes metrics", {"packages": ("prometheus-client",)}),
        ("Rate limit middleware active in main.py", {"in_file": "main.py"}),
        ("Rate limiting middleware installed", {}),
        ("Security headers in `next.config.ts`", {"in_file": "next.config.ts"}),
    ],
)
def test_what_lines_name(text: str, expected: dict[str, object]) -> None:
    (asked, *_) = Mapper().map_one(Item(line=1, section=("Security",), text=text)).requirements
    assert {name: asked.params[name] for name in ("packages", "in_file") if name in asked.params} == expected


@pytest.mark.parametrize(("headers", "status"), [({"x-powered-by": "Express"}, FAIL), ({}, PASS)])
async def test_a_header_that_tells_on_the_service_is_to_be_absent(headers: dict[str, str], status: Status) -> None:
    site = pages({"/": Reply(200, PAGE, headers)})
    verdict = await verdict_of("sec.headers.sent", Stage(site=site), headers=("X-Powered-By",))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("server", "status"), [("nginx/1.22.1", FAIL), ("Apache/2.4.57 (Debian)", FAIL), ("nginx", PASS), ("", PASS)]
)
async def test_a_server_may_give_its_name_and_no_version(server: str, status: Status) -> None:
    site = pages({"/": Reply(200, PAGE, {"server": server} if server else {})})
    verdict = await verdict_of("sec.headers.sent", Stage(site=site), headers=("Server",))
    assert verdict.status is status, verdict.summary
    assert "content-security-policy" not in verdict.summary


@pytest.mark.parametrize("text", ["`server_tokens off`", "Server version is hidden", "Server header removed"])
def test_a_line_about_the_servers_own_header_asks_for_no_other(text: str) -> None:
    (asked, *_) = Mapper().map_one(Item(line=1, section=("nginx",), text=text)).requirements
    assert asked.params["headers"] == ("Server",)

"""Images and containers count as production has them: not those of development, and not what is commented out."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.containers import HEAVY, SLIM
from roadworthy.inspection.fixtures.kubernetes import WEB
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
COMPOSE = "services:\n  web:\n    image: shop/web:1.2\n    healthcheck: {test: [CMD, curl, -f, x]}\n    mem_limit: 1g\n"


async def status(check: str, files: dict[str, str], **params: str | int) -> Status:
    return (await verdict_of(check, Stage(repo=files), **params)).status


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"Dockerfile": "FROM python:3.13-slim"}, PASS),
        ({"Dockerfile": "FROM python"}, FAIL),
        ({"Dockerfile": "FROM node:lts-alpine"}, FAIL),
        ({"Dockerfile": "FROM registry:5000/app"}, FAIL),
        ({"Dockerfile": "FROM python@sha256:" + "a" * 64}, PASS),
        ({"Dockerfile": "# FROM python:latest\nFROM python:3.13"}, PASS),
        ({"Dockerfile": "ARG V=latest\nFROM python:$V"}, FAIL),
        ({"Dockerfile": "ARG V\nFROM python:${V}"}, UNKNOWN),
        ({"Dockerfile": "FROM go:1.23 AS build\nFROM build"}, PASS),
        ({"Dockerfile.dev": "FROM python:3.13"}, UNKNOWN),
        ({"Dockerfile": "FROM python:3.13", "Dockerfile.dev": "FROM python:latest"}, PASS),
        ({"compose.yml": COMPOSE}, PASS),
        ({"compose.yml": COMPOSE.replace("web:1.2", "web")}, FAIL),
        ({"compose.yml": COMPOSE, "docker-compose.override.yml": COMPOSE.replace(":1.2", ":latest")}, PASS),
        ({"k8s/web.yaml": WEB.replace("1.4.2", "latest")}, FAIL),
        ({}, UNKNOWN),
    ],
)
async def test_pinned(files: dict[str, str], expected: Status) -> None:
    assert await status("img.tag.named", files) is expected


async def test_by_digest() -> None:
    assert await status("img.tag.named", {"Dockerfile": "FROM python:3.13"}, subject="pinned by digest") is FAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SLIM, PASS),
        (HEAVY, FAIL),
        (SLIM.replace("22.11-slim\n", "22.11-slim\nRUN apt-get install -y gcc\n"), FAIL),
        (HEAVY.replace("22.11", "22.11-slim"), FAIL),
        ('FROM node:22-slim\nCOPY . .\nCMD ["node"]\n', FAIL),
    ],
)
async def test_small(text: str, expected: Status) -> None:
    assert await status("img.small.stages", {"Dockerfile": text}) is expected


async def test_several_stages_where_the_line_asks_for_them() -> None:
    one = {"Dockerfile": "FROM python:3.13-slim\nCOPY app /app\n"}
    assert await status("img.small.stages", one) is PASS
    assert await status("img.small.stages", one, subject="multi-stage build") is FAIL
    assert await status("img.small.stages", one, bytes=100) is UNKNOWN


@pytest.mark.parametrize(
    ("check", "files", "expected"),
    [
        ("mon.health.declared", {"compose.yml": COMPOSE}, PASS),
        ("mon.health.declared", {"compose.yml": COMPOSE.replace("[CMD, curl, -f, x]", "[NONE]")}, FAIL),
        ("mon.health.declared", {"compose.yml": COMPOSE.replace("{test", "{disable: true, test")}, FAIL),
        ("mon.health.declared", {"compose.yml": COMPOSE.replace("    health", "    # health")}, FAIL),
        ("mon.health.declared", {"docker-compose.dev.yml": COMPOSE}, UNKNOWN),
        ("mon.health.declared", {"Dockerfile": "FROM a:1\nHEALTHCHECK CMD curl -f x"}, PASS),
        ("mon.health.declared", {"Dockerfile": "FROM a:1\nHEALTHCHECK NONE"}, FAIL),
        ("mon.health.declared", {"compose.yml": COMPOSE, "k8s/web.yaml": WEB.replace("livenessProbe", "x")}, FAIL),
        ("host.limits.declared", {"compose.yml": COMPOSE}, PASS),
        ("host.limits.declared", {"compose.yml": COMPOSE.replace("    mem_limit", "    # mem_limit")}, FAIL),
        ("host.limits.declared", {"Dockerfile": SLIM}, UNKNOWN),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1\nUSER app\nUSER root"}, FAIL),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1\n# USER app"}, FAIL),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1\nUSER 0:0"}, FAIL),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1 AS build\nUSER app\nFROM b:1"}, FAIL),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1 AS base\nUSER app\nFROM base"}, PASS),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1\nUSER $APP"}, UNKNOWN),
        ("sec.nonroot.image", {"Dockerfile": "FROM a:1\nRUN <<EOF\nUSER app\nEOF\n"}, FAIL),
        (
            "sec.nonroot.image",
            {"Dockerfile": SLIM, "compose.yml": "services: {web: {build: ., user: root}}\n"},
            FAIL,
        ),
    ],
)
async def test_containers(check: str, files: dict[str, str], expected: Status) -> None:
    assert await status(check, files) is expected


async def test_an_amount_is_seen_where_it_runs() -> None:
    assert await status("host.limits.declared", {"compose.yml": COMPOSE}, bytes=2**30) is UNKNOWN


async def test_limits_of_an_account_are_no_limits_of_containers() -> None:
    stage = Stage(repo={"compose.yml": COMPOSE})
    assert (await verdict_of("host.limits.declared", stage, subject="Memory limits are set")).status is Status.PASS
    found = await verdict_of("host.limits.declared", stage, subject="AWS service limits are high enough")
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        ({"Dockerfile": "FROM python:3.13\nCOPY --from=ghcr.io/tools/uv:latest /uv /bin/\n"}, "", FAIL),
        ({"Dockerfile": "FROM python:3.13\nRUN --mount=type=bind,from=tools/uv,source=/uv true\n"}, "", FAIL),
        ({"Dockerfile": "FROM python:3.13 AS build\nFROM python:3.13\nCOPY --from=build /a /a\n"}, "", PASS),
        ({"Dockerfile": "FROM python:3.13 AS build\nFROM python:3.13\nCOPY --from=0 /a /a\n"}, "", PASS),
        ({"Dockerfile": "FROM python:3"}, "Images pinned to specific versions", FAIL),
        ({"Dockerfile": "FROM python:3.13.1"}, "Images pinned to specific versions", PASS),
        ({"Dockerfile": "FROM python:3.13.1"}, "Image tagged correctly", UNKNOWN),
        (
            {
                "Dockerfile": "FROM ruby:3.4",
                "config/deploy.yml": "accessories:\n  db:\n    image: tool/stream:latest\n",
            },
            "",
            FAIL,
        ),
    ],
)
async def test_pinned_wherever_images_are_taken_from(files: dict[str, str], subject: str, expected: Status) -> None:
    assert await status("img.tag.named", files, subject=subject) is expected


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yml": COMPOSE.replace("[CMD, curl, -f, x]", '["CMD", "true"]')},
        {"compose.yml": COMPOSE.replace("[CMD, curl, -f, x]", '["CMD-SHELL", "curl -f x || true"]')},
        {"compose.yml": COMPOSE.replace("[CMD, curl, -f, x]", "exit 0")},
        {"Dockerfile": "FROM python:3.13\nHEALTHCHECK CMD exit 0\n"},
        {"Dockerfile": "FROM python:3.13\nHEALTHCHECK --interval=5s CMD echo fine\n"},
    ],
)
async def test_a_check_that_never_fails_watches_nothing(files: dict[str, str]) -> None:
    assert await status("mon.health.declared", files) is FAIL


async def test_a_check_that_may_fail() -> None:
    asked = "FROM python:3.13\nHEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1\n"
    assert await status("mon.health.declared", {"Dockerfile": asked}) is PASS


@pytest.mark.parametrize(("user", "expected"), [("runAsUser: 0", FAIL), ("runAsUser: 1000", PASS)])
async def test_the_workload_overrules_the_image(user: str, expected: Status) -> None:
    declared = WEB.replace("securityContext: {runAsNonRoot: true", f"securityContext: {{{user}")
    files = {"Dockerfile": "FROM python:3.13\nUSER app\n", "k8s/web.yaml": declared}
    assert await status("sec.nonroot.image", files) is expected


@pytest.mark.parametrize(
    ("resources", "subject", "expected"),
    [
        ("limits: {memory: 256Mi}", "Memory limits set", PASS),
        ("limits: {memory: 256Mi}", "CPU limits set", FAIL),
        ("limits: {memory: 256Mi}", "Resource limits set", PASS),
        ("limits: {memory: 256Mi}", "Resource requests and limits set (CPU and memory)", FAIL),
        ("limits: {memory: 256Mi, cpu: 500m}", "Resource requests and limits set (CPU and memory)", PASS),
    ],
)
async def test_amounts_that_a_line_names(resources: str, subject: str, expected: Status) -> None:
    text = WEB.replace("limits: {memory: 256Mi}", resources)
    assert await status("host.limits.declared", {"k8s/web.yaml": text}, subject=subject) is expected


CACHE = "services:\n  cache:\n    image: redis:7.4\n    healthcheck: {test: [CMD, redis-cli, ping]}\n"
PLAIN, CHECKED = "FROM python:3.13-slim\n", "FROM python:3.13-slim\nHEALTHCHECK CMD curl -f http://localhost/health\n"
HEALTHCHECK = "HEALTHCHECK in the Dockerfile"


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        ({"Dockerfile": PLAIN, "compose.yml": CACHE}, HEALTHCHECK, FAIL),
        ({"Dockerfile": CHECKED, "compose.yml": CACHE.replace("healthcheck", "x-health")}, HEALTHCHECK, PASS),
        ({"compose.yml": CACHE}, HEALTHCHECK, UNKNOWN),
        ({"Dockerfile": PLAIN, "compose.yml": CACHE}, "Containers have health checks", FAIL),
        ({"Dockerfile": CHECKED, "compose.yml": CACHE}, "Containers have health checks", PASS),
        ({"compose.yml": CACHE}, "Containers have health checks", PASS),
        ({"Dockerfile": PLAIN, "api/Dockerfile": CHECKED}, "Containers have health checks", FAIL),
    ],
)
async def test_health_is_watched_where_the_line_says(files: dict[str, str], subject: str, expected: Status) -> None:
    assert await status("mon.health.declared", files, subject=subject) is expected

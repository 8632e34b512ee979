"""How the service runs: what a wrong tick would come from."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.items import items
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.probes.config import ConfigProbe

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HOME = {"/": reply("<html><body><h1>Jobs</h1><p>x</p></body></html>")}
SPA = reply("<html><body><div id=app></div><p>x</p></body></html>")


@pytest.mark.parametrize(
    ("environment", "params", "status"),
    [
        ({"NODE_ENV": "production"}, {"name": "NODE_ENV", "value": "production"}, PASS),
        ({"NODE_ENV": "development"}, {"name": "NODE_ENV", "value": "production"}, FAIL),
        ({"OTHER": "1"}, {"name": "NODE_ENV", "value": "production"}, FAIL),
        (None, {"name": "NODE_ENV", "value": "production"}, UNKNOWN),
        ({"FLASK_DEBUG": "1"}, {}, FAIL),
        ({"OTHER": "1"}, {"name": "FLASK_DEBUG", "value": "False"}, PASS),
        ({"DEBUG": "0"}, {"name": "DEBUG", "value": "False"}, PASS),
        ({"ENVIRONMENT": "dev"}, {}, FAIL),
    ],
)
async def test_variables(environment: dict[str, str] | None, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("srv.debug.shown", Stage(site=pages(HOME), environment=environment), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/console", "<title>Interactive Console</title>EVALEX = true"),
        ("/actuator/env", '{"propertySources": []}'),
        ("/roadworthy-does-this-page-exist", "<h1>Routing Error</h1>Rails.root: /app"),
    ],
)
async def test_consoles(path: str, page: str) -> None:
    assert (await verdict_of("srv.debug.shown", Stage(site=pages({**HOME, path: reply(page)})))).status is FAIL


async def test_a_services_own_console_is_no_debugger() -> None:
    own = {"/console": reply("", 302, location="/console/today"), "/console/today": reply("<h1>Today's runs</h1>")}
    stage = Stage(site=pages({**HOME, **own}, reply("no", 404)), environment={"ENVIRONMENT": "production"})
    assert (await verdict_of("srv.debug.shown", stage)).status is PASS


async def test_switches_that_could_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("_read_file", "_read_process"):
        monkeypatch.setattr(ConfigProbe, source, lambda *_: None)
    verdict = await verdict_of("srv.debug.shown", Stage(site=pages(HOME), environment={"OTHER": "1"}))
    assert verdict.status is UNKNOWN, verdict.summary


async def test_a_development_server() -> None:
    machine = Machine((Program("uvicorn app:app --reload", listens=True),))
    assert (await verdict_of("srv.debug.shown", Stage(site=pages(HOME), machine=machine))).status is FAIL


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage(site=pages(HOME), environment={"REQUEST_TIMEOUT_SECONDS": "30"}), PASS),
        (Stage(site=pages(HOME), environment={"REQUEST_TIMEOUT_MS": "30000"}), PASS),
        (Stage(site=pages(HOME), environment={"REDIS_TIMEOUT": "30"}), UNKNOWN),
        (Stage(nginx="server { location / { proxy_pass http://a; } }"), FAIL),
        (Stage(nginx="server { location / { proxy_pass http://a; proxy_read_timeout 30s; } }"), PASS),
        (Stage(nginx="server { # proxy_read_timeout 30s;\n root /x; }"), UNKNOWN),
        (Stage(site=pages(HOME), machine=Machine((Program("gunicorn app:app", listens=True),))), PASS),
        (Stage(site=pages(HOME), machine=Machine((Program("gunicorn app:app --timeout 0", listens=True),))), FAIL),
        (Stage(site=pages(HOME), machine=Machine((Program("uvicorn app:app", listens=True),))), UNKNOWN),
        (Stage(site=pages(HOME), machine=Machine((Program("gunicorn other:app --timeout 30"),))), UNKNOWN),
    ],
)
async def test_time_limits(stage: Stage, status: Status) -> None:
    verdict = await verdict_of("srv.timeout.configured", stage, seconds=30)
    assert verdict.status is status, verdict.summary


async def test_containers_are_not_routes() -> None:
    verdict = await verdict_of("srv.up.routes", Stage(site=items()), subject="docker compose ps shows all healthy")
    assert verdict.status is UNKNOWN
    verdict = await verdict_of("srv.up.routes", Stage(site=items()), subject="API, worker and web start successfully")
    assert verdict.status is UNKNOWN
    assert (await verdict_of("srv.up.routes", Stage(site=items()), command="docker compose ps")).status is UNKNOWN


@pytest.mark.parametrize(
    ("site", "status"),
    [
        (pages({}, SPA), UNKNOWN),
        (pages({}, reply({}, 401)), UNKNOWN),
        (pages({"/api/items": reply({}, 401)}), PASS),
        (pages({"/api/items": reply({"items": []})}), PASS),
        (pages({"/api/items": reply("", 503)}), FAIL),
        (pages({}), UNKNOWN),
    ],
)
async def test_features(site: Any, status: Status) -> None:
    verdict = await verdict_of("feature.exists.routes", Stage(site=site), path="/api/items")
    assert verdict.status is status, verdict.summary


async def test_a_feature_without_a_path() -> None:
    assert (await verdict_of("feature.exists.routes", Stage(site=items()), subject="10 modules")).status is UNKNOWN

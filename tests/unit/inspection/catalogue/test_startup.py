"""Commands count as production starts the service: not development's, and not what is commented out."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.startup import RUNS
from roadworthy.inspection.fixtures.stage import Stage

START = '["npm", "start"]'
SHELL = '["./start.sh"]'
PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"Dockerfile": RUNS.format('["gunicorn", "shop.wsgi"]')}, PASS),
        ({"Dockerfile": RUNS.format("uvicorn app:app --reload")}, FAIL),
        ({"Dockerfile": RUNS.format("flask --app shop run")}, FAIL),
        ({"Dockerfile": RUNS.format(START), "package.json": '{"scripts": {"start": "node dist/main.js"}}'}, PASS),
        ({"Dockerfile": RUNS.format(START), "package.json": '{"scripts": {"start": "nodemon src/a.ts"}}'}, FAIL),
        ({"Dockerfile": RUNS.format(SHELL), "start.sh": "python manage.py migrate\ngunicorn shop.wsgi\n"}, PASS),
        ({"Dockerfile": RUNS.format(SHELL), "start.sh": "# gunicorn shop.wsgi\npython run.py\n"}, UNKNOWN),
        ({"Dockerfile.dev": RUNS.format("gunicorn shop.wsgi")}, UNKNOWN),
        ({"Procfile": "web: bundle exec puma -C config/puma.rb\n"}, PASS),
        ({"Procfile": "worker: gunicorn shop.wsgi\n"}, UNKNOWN),
        ({"docker-compose.override.yml": "services: {web: {build: ., command: gunicorn x}}\n"}, UNKNOWN),
        ({"compose.yml": "services: {web: {build: ., command: python manage.py runserver}}\n"}, FAIL),
        ({"README.md": "gunicorn shop.wsgi"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)  # fmt: skip
async def test_the_server(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("srv.prodserver.command", Stage(repo=files))
    assert verdict.status is expected, verdict.summary


async def test_the_server_that_the_line_names() -> None:
    stage = Stage(repo={"Procfile": "web: gunicorn shop.wsgi\n"})
    assert (await verdict_of("srv.prodserver.command", stage, server="uvicorn")).status is FAIL
    assert (await verdict_of("srv.prodserver.command", stage, server="gunicorn")).status is PASS


@pytest.mark.parametrize(
    ("files", "params", "expected"),
    [
        ({"Procfile": "web: gunicorn shop.wsgi --workers 4\n"}, {"workers": 4}, PASS),
        ({"Procfile": "web: gunicorn shop.wsgi -w 2\n"}, {"workers": 4}, FAIL),
        ({"gunicorn.conf.py": "workers = 4\n"}, {"workers": 4}, PASS),
        ({"gunicorn.conf.py": "# workers = 4\n"}, {"workers": 4}, UNKNOWN),
        ({"gunicorn.conf.py": "workers = multiprocessing.cpu_count() * 2 + 1\n"}, {}, PASS),
        ({"gunicorn.conf.py": "workers = multiprocessing.cpu_count() * 2 + 1\n"}, {"workers": 4}, UNKNOWN),
        ({"gunicorn.conf.py": "workers = int(os.environ['N'])\n"}, {}, UNKNOWN),
        ({"config/puma.rb": "workers 3\n"}, {}, PASS),
        ({"config/puma.rb": 'workers ENV.fetch("WEB_CONCURRENCY") { 2 }\n'}, {}, UNKNOWN),
        ({"ecosystem.config.js": "module.exports = {apps: [{instances: 'max'}]}\n"}, {}, PASS),
        ({"ecosystem.config.js": "module.exports = {apps: [{instances: 1}]}\n"}, {}, FAIL),
        ({"Dockerfile": RUNS.format("gunicorn shop.wsgi")}, {}, UNKNOWN),
        ({}, {}, UNKNOWN),
    ],
)
async def test_workers(files: dict[str, str], params: dict[str, int], expected: Status) -> None:
    verdict = await verdict_of("srv.workers.declared", Stage(repo=files), **params)
    assert verdict.status is expected, verdict.summary


DJANGO = "INSTALLED_APPS = []\nDATABASES = {{'default': {{'ENGINE': 'x', {}}}}}\n"


@pytest.mark.parametrize(
    ("files", "params", "expected"),
    [
        ({"config/database.yml": "production:\n  pool: 20\n"}, {"size": 20}, PASS),
        ({"config/database.yml": "development:\n  pool: 20\n"}, {"size": 20}, UNKNOWN),
        ({"config/database.yml": "default: &d\n  pool: 20\nproduction:\n  <<: *d\n"}, {"size": 20}, PASS),
        ({"config/database.yml": 'production:\n  pool: <%= ENV.fetch("POOL") { 5 } %>\n'}, {"size": 20}, UNKNOWN),
        ({"shop/settings.py": DJANGO.format("'CONN_MAX_AGE': 60")}, {}, PASS),
        ({"shop/settings.py": DJANGO.format("'CONN_MAX_AGE': 0")}, {}, FAIL),
        ({"shop/settings.py": DJANGO.format("'CONN_MAX_AGE': 60")}, {"size": 20}, UNKNOWN),
        ({"shop/settings.py": DJANGO.format("'OPTIONS': {'pool': {'max_size': 20}}")}, {"size": 20}, PASS),
        ({"shop/settings.py": DJANGO.format("") + "# CONN_MAX_AGE = 60\n"}, {}, UNKNOWN),
        ({"src/db.ts": "const p = new Pool({ host, max: 20 });\n"}, {"size": 20}, PASS),
        ({"src/db.test.ts": "const p = new Pool({ host, max: 20 });\n"}, {"size": 20}, UNKNOWN),
        ({"db.go": "db.SetMaxOpenConns(25)\n"}, {"size": 20}, FAIL),
        ({"application.yml": "spring: {datasource: {hikari: {maximum-pool-size: 20}}}\n"}, {"size": 20}, PASS),
        ({"src/db.ts": "const p = new Pool({ max: 20 });\n"}, {"size": 20, "max_overflow": 40}, UNKNOWN),
        ({}, {}, UNKNOWN),
    ],
)
async def test_pools(files: dict[str, str], params: dict[str, int], expected: Status) -> None:
    verdict = await verdict_of("db.pool.declared", Stage(repo=files), **params)
    assert verdict.status is expected, verdict.summary

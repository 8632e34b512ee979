"""Time limits of the database: whose they are, in which unit, and what is no limit at all."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.timeouts import seconds_of
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.mapper.readers import timeouts
from roadworthy.inspection.model import Param

PG = "const {{ Pool }} = require('pg');\nnew Pool({{ {} }});\n"


@pytest.mark.parametrize(
    ("repo", "environment", "params", "status"),
    [
        ({"db.js": PG.format("connectionTimeoutMillis: 30_000")}, {}, {"connect_seconds": 30}, Status.PASS),
        ({"db.js": PG.format("connectionTimeoutMillis: 3000")}, {}, {"connect_seconds": 30}, Status.FAIL),
        ({"db.js": PG.format("\n// connectionTimeoutMillis: 30000\n")}, {}, {"connect_seconds": 30}, Status.UNKNOWN),
        ({"test/db.js": PG.format("connectionTimeoutMillis: 30000")}, {}, {"connect_seconds": 30}, Status.UNKNOWN),
        ({"node_modules/pg/db.js": PG.format("query_timeout: 1")}, {}, {"statement_seconds": 10}, Status.UNKNOWN),
        ({"mail.js": "smtp({ connectTimeoutMS: 30000 })"}, {}, {"connect_seconds": 30}, Status.UNKNOWN),
        ({"db.js": PG.format("query_timeout: 10000")}, {}, {"statement_seconds": 10}, Status.PASS),
        ({"app/db.py": "create_async_engine(url, pool_timeout=30)"}, {}, {"pool_seconds": 30}, Status.PASS),
        ({"app/db.py": "# create_async_engine(url, pool_timeout=30)"}, {}, {"pool_seconds": 30}, Status.UNKNOWN),
        ({"app/db.py": "create_async_engine(url, pool_timeout=limit)"}, {}, {"pool_seconds": 30}, Status.UNKNOWN),
        ({"app/db.py": "create_engine(u, connect_args={'options': '-c statement_timeout=10000'})"}, {},
         {"statement_seconds": 10}, Status.PASS),
        ({"app/db.py": "create_engine(u, connect_args={'connect_timeout': 5})"}, {}, {"what": "connect"}, Status.PASS),
        ({"app/cache.py": "redis.ConnectionPool(url='redis://x', connect_timeout=5)"}, {}, {"what": "connect"},
         Status.UNKNOWN),
        ({}, {"DATABASE_POOL_TIMEOUT": "30"}, {"pool_seconds": 30}, Status.PASS),
        ({}, {"REDIS_DB_POOL_TIMEOUT": "30"}, {"pool_seconds": 30}, Status.UNKNOWN),
        ({}, {"DATABASE_STATEMENT_TIMEOUT_MS": "10000"}, {"statement_seconds": 10}, Status.PASS),
        ({}, {"DB_STATEMENT_TIMEOUT": "10000"}, {"statement_seconds": 10}, Status.PASS),
        ({}, {"DB_STATEMENT_TIMEOUT": "0"}, {"statement_seconds": 10}, Status.UNKNOWN),
        ({}, {"DATABASE_URL": "postgresql://a@b/c?connect_timeout=10"}, {"connect_seconds": 10}, Status.PASS),
        ({}, {"DATABASE_URL": "postgresql://a@b/c?options=-csearch_path%3Dx"}, {"what": "statement"}, Status.UNKNOWN),
        ({"config/database.yml": "production:\n  adapter: postgresql\n  checkout_timeout: 5\n"}, {},
         {"pool_seconds": 5}, Status.PASS),
        ({}, {"DATABASE_CONNECT_TIMEOUT": "10"}, {}, Status.UNKNOWN),
    ],
)  # fmt: skip
async def test_limits(
    repo: dict[str, str], environment: dict[str, str], params: dict[str, Param], status: Status
) -> None:
    verdict = await verdict_of("db.timeouts.stated", Stage(repo=repo, environment=environment), **params)
    assert verdict.status is status, (verdict.summary, verdict.evidence)


def test_durations_of_settings() -> None:
    assert [seconds_of(text) for text in ("10", "500ms", '"2s"', "1min", "soon", "")] == [10, 0.5, 2, 60, None, None]


def test_a_line_without_a_number_says_what_it_limits() -> None:
    assert timeouts("Query timeout configured") == {"what": "statement"}
    assert timeouts("Add 30-second connection timeout") == {"connect_seconds": 30}
    assert timeouts("Timeouts configured") == {}
    assert timeouts("lock_timeout set to 5s") == {"lock_seconds": 5}
    assert timeouts("idle_in_transaction_session_timeout is set") == {"what": "idle"}
    assert timeouts("Lockout timeout") == {}

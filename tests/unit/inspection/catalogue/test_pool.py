"""Whose pool a variable means, and whose sessions count."""

from __future__ import annotations

import re

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import pool
from roadworthy.inspection.fixtures.stage import Stage


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("DATABASE_POOL_SIZE", True),
        ("POOL_SIZE", True),
        ("SQLALCHEMY_POOL_SIZE", True),
        ("PG_POOL_MAX", True),
        ("REDIS_POOL_SIZE", False),
        ("THREAD_POOL_SIZE", False),
        ("CELERY_POOL_LIMIT", False),
        ("SESSION_DB_POOL_SIZE", False),
        ("IMAGE_POOL_SIZE", False),
    ],
)
async def test_a_pool_of_something_else_is_not_the_database_s(name: str, *, means: bool) -> None:
    async with Stage(environment={name: "20"}).open() as probes:
        assert (pool._setting(probes, pool.SIZE) is not None) is means


async def test_a_limit_of_other_connections_is_none_of_the_database() -> None:
    asked = {"seconds": 3600}
    for name, status in (("REDIS_CONN_MAX_AGE", Status.UNKNOWN), ("CONN_MAX_AGE", Status.PASS)):
        verdict = await verdict_of("db.pool_recycle.limit", Stage(environment={name: "3600"}), **asked)
        assert verdict.status is status, verdict.summary


@pytest.mark.parametrize("client", ["psql", "DBeaver 24.1 - Main", "pgAdmin 4 - CONN:1", "DataGrip 2024"])
def test_people_are_no_pool(client: str) -> None:
    found = re.search(r"!~\* '(.+)'", pool.SESSIONS_SQL)
    assert found
    assert re.search(found[1], client, re.IGNORECASE)

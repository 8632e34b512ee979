from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.settings import settings_from

from roadworthy.chassis.database.headroom import headroom_problem
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings


def settings_of(url: str, **changes: object) -> Settings:
    return settings_from(database_url=url, database_pool_size=10, **changes)


async def test_pools_that_fit_are_not_worth_a_word(database_url: str) -> None:
    assert await headroom_problem(settings_of(database_url), 2) is None


async def test_more_connections_than_the_server_has_are_told_with_both_figures(database_url: str) -> None:
    problem = await headroom_problem(settings_of(database_url), 1000)
    assert problem is not None
    assert "may ask for 11000" in problem
    assert "DATABASE_POOL_SIZE" in problem


async def test_a_limit_of_the_database_itself_counts(database_url: str, servers: dict[str, str]) -> None:
    name = urlsplit(database_url).path.lstrip("/")
    admin = await asyncpg.connect(servers["admin"])
    try:
        await admin.execute(f"alter database {name} connection limit 15")
    finally:
        await admin.close()
    problem = await headroom_problem(settings_of(database_url), 2)
    assert problem is not None
    assert "allows 15" in problem


async def test_behind_a_pooler_its_own_limits_hold(database_url: str) -> None:
    pooled = settings_of(database_url, database_direct_url=f"{database_url}?direct=1")
    assert await headroom_problem(pooled, 1000) is None


async def test_a_database_that_does_not_answer_is_explained() -> None:
    with pytest.raises(StartupError, match="can't be reached"):
        await headroom_problem(settings_of("postgresql://nobody@127.0.0.1:1/none"), 1)

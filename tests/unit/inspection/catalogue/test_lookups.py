"""Hit ratios and pools of the shared memory: whose counters count, and whose pool it is."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import BY_ID, verdict_of
from tests.unit.inspection.fakes import FakeProbes

from roadworthy.contracts.checks import Status
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement


class FakeRedis:
    vantage = "a test"

    def __init__(self, stats: dict[str, int] | None = None, clients: list[dict[str, str]] | None = None) -> None:
        self._stats, self._clients = stats or {}, clients or []

    async def info(self, _section: str) -> dict[str, int]:
        return self._stats

    async def clients(self) -> list[dict[str, str]]:
        return self._clients


METRICS = {
    "two counters": "cache_hits_total 900\ncache_misses_total 100\n",
    "a label": 'cache_requests_total{result="hit",tier="process"} 900\ncache_requests_total{result="miss"} 100\n',
    "few": "cache_hits_total 9\ncache_misses_total 1\n",
    "hits alone": "cache_hits_total 900\n",
    "another's": "buffer_hits_total 900\nbuffer_misses_total 100\n",
    "no cache": "http_requests_total 5\n",
    "bad": "cache_hits_total 100\ncache_misses_total 900\n",
}


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("two counters", Status.PASS),
        ("a label", Status.PASS),
        ("few", Status.UNKNOWN),
        ("hits alone", Status.UNKNOWN),
        ("another's", Status.UNKNOWN),
        ("no cache", Status.UNKNOWN),
        ("bad", Status.FAIL),
    ],
)
async def test_the_services_own_counters(what: str, status: Status) -> None:
    stage = Stage(site=pages({"/metrics": reply(METRICS[what], content_type="text/plain")}))
    verdict = await verdict_of("cache.hit.ratio", stage, min_ratio=0.8)
    assert verdict.status is status, verdict.summary


async def test_redis_of_many_users_counts_only_where_nothing_better_does() -> None:
    redis = FakeRedis({"keyspace_hits": 10, "keyspace_misses": 990})
    verdict = await BY_ID["cache.hit.ratio"].run(FakeProbes(redis=redis), Requirement("cache.hit"))
    assert (verdict.status, "Redis" in verdict.summary) == (Status.FAIL, True)


@pytest.mark.parametrize(
    ("repo", "environment", "params", "status"),
    [
        ({"q.py": "redis.from_url(u, max_connections=50)"}, {}, {"max_size": 50}, Status.PASS),
        ({"q.py": "redis.from_url(u)"}, {}, {"max_size": 50}, Status.UNKNOWN),
        ({"q.py": "# redis.from_url(u, max_connections=50)"}, {}, {"max_size": 50}, Status.UNKNOWN),
        ({"tests/q.py": "redis.from_url(u, max_connections=50)"}, {}, {"max_size": 50}, Status.UNKNOWN),
        ({"db.py": "ConnectionPool(dsn, max_connections=50)"}, {}, {"max_size": 50}, Status.UNKNOWN),
        ({"q.py": "redis.from_url(u, max_connections=50)"}, {"REDIS_MAX_CONNECTIONS": "10"}, {"max_size": 50},
         Status.FAIL),
        ({}, {"REDIS_POOL_SIZE": "50"}, {"max_size": 50}, Status.PASS),
        ({}, {"CELERY_REDIS_MAX_CONNECTIONS": "50"}, {"max_size": 50}, Status.UNKNOWN),
        ({}, {"REDIS_POOL_SIZE": "50"}, {}, Status.UNKNOWN),
    ],
)  # fmt: skip
async def test_sizes_of_pools(
    repo: dict[str, str], environment: dict[str, str], params: dict[str, int], status: Status
) -> None:
    verdict = await verdict_of("redis.pool.kept", Stage(repo=repo, environment=environment), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ({"age": "60", "idle": "1", "cmd": "get"}, Status.PASS),
        ({"age": "60", "idle": "60", "cmd": "get"}, Status.UNKNOWN),
        ({"age": "1", "idle": "0", "cmd": "get"}, Status.UNKNOWN),
        ({"age": "60", "idle": "0", "cmd": "client|list"}, Status.UNKNOWN),
        ({"age": "60", "idle": "0", "cmd": "replconf", "flags": "S"}, Status.UNKNOWN),
    ],
)
async def test_only_a_connection_that_is_used_again_shows_a_pool(client: dict[str, str], status: Status) -> None:
    run = BY_ID["redis.pool.kept"].run(FakeProbes(redis=FakeRedis(clients=[client])), Requirement("redis.pool"))
    if status is Status.UNKNOWN:
        with pytest.raises(Unobservable):
            await run
    else:
        assert (await run).status is status

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from redis.asyncio import Redis

from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.redis import RedisProbe


async def test_the_database_session_refuses_to_write(empty_database_url: str) -> None:
    probe = PostgresProbe(empty_database_url)
    try:
        with pytest.raises(Unobservable, match="read-only transaction"):
            await probe.rows("create table t (id int)")
        assert await probe.setting("default_transaction_read_only") == "on"
        assert await probe.setting("statement_timeout") == "5s"
        assert await probe.setting("no.such_setting") == ""
    finally:
        await probe.aclose()


async def test_questions_are_asked_once_and_rows_are_bounded(empty_database_url: str) -> None:
    probe = PostgresProbe(empty_database_url)
    try:
        first = await probe.value("select random()")
        assert await probe.value("select random()") == first
        probe.forget()
        assert await probe.value("select random()") != first
        assert len(await probe.rows("select generate_series(1, 1000000)")) == 2000
        with pytest.raises(Unobservable, match="no row"):
            await probe.row("select 1 where false")
    finally:
        await probe.aclose()


async def test_a_slow_question_ends(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roadworthy.inspection.probes.postgres.SESSION", {"statement_timeout": "100ms"})
    probe = PostgresProbe(empty_database_url)
    try:
        with pytest.raises(Unobservable, match="statement timeout"):
            await probe.value("select pg_sleep(5)")
        assert await probe.value("select 1") == 1, "the session goes on"
    finally:
        await probe.aclose()


async def test_a_wrong_password_is_not_a_refused_connection(servers: dict[str, str]) -> None:
    address = servers["template"].rpartition("@")[2]
    probe = PostgresProbe(f"postgresql://roadworthy:hunter2hunter2@{address}")
    with pytest.raises(Unobservable) as hidden:
        await probe.value("select 1")
    assert not isinstance(hidden.value, Refused)
    assert "hunter2hunter2" not in hidden.value.problem
    assert ProbeSet(postgres=probe).secrets() == {"hunter2hunter2"}


async def test_the_database_is_named_without_its_password() -> None:
    probe = PostgresProbe("postgresql://app:hunter2hunter2@db.internal:5433/jobs")
    assert probe.address == "app@db.internal:5433/jobs"
    assert "hunter2" not in probe.vantage


async def test_redis_is_read_by_many_at_once_over_two_connections(valkey_url: str) -> None:
    client, probe = Redis.from_url(valkey_url), RedisProbe(valkey_url)
    try:
        await client.mset({f"key:{number}": "x" for number in range(30)})
        await client.expire("key:1", 60)
        ttls = await asyncio.gather(*(probe.ttl(f"key:{number}".encode()) for number in range(20)))
        assert ttls[:3] == [-1, 60, -1]
        keys = await probe.keys()
        assert keys is not None
        assert len(keys) == 30
        assert await probe.ttl(b"none") == -2
        assert await probe.config("maxmemory-policy") == "volatile-lru"
        assert await probe.config("no-such-setting") is None
        assert (await probe.info("server"))["uptime_in_seconds"] >= 0
    finally:
        await probe.aclose()
        await client.aclose()


async def test_redis_that_may_not_say_is_none_not_an_error(valkey_url: str) -> None:
    client = Redis.from_url(valkey_url)
    await client.acl_setuser(
        "watcher", enabled=True, nopass=True, keys=["*"], commands=["+ping", "+select", "+info", "+scan", "+ttl"]
    )
    probe = RedisProbe(f"redis://watcher:any@{valkey_url.rpartition('@')[2]}")
    try:
        assert await probe.ping()
        assert await probe.config("save") is None
    finally:
        await probe.aclose()
        await client.acl_deluser("watcher")
        await client.aclose()


async def test_too_many_keys_are_not_looked_through(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roadworthy.inspection.probes.redis.SCAN_ROUNDS", 1)
    monkeypatch.setattr("roadworthy.inspection.probes.redis.SCAN_COUNT", 5)
    client, probe = Redis.from_url(valkey_url), RedisProbe(valkey_url)
    try:
        await client.mset({f"key:{number}": "x" for number in range(100)})
        assert await probe.keys() is None
    finally:
        await probe.aclose()
        await client.aclose()


async def test_the_pool_is_seen_with_its_names(empty_database_url: str) -> None:
    held = await asyncpg.connect(empty_database_url, server_settings={"application_name": "app"})
    probe = PostgresProbe(empty_database_url)
    try:
        rows = await probe.rows("select application_name from pg_stat_activity where datname = current_database()")
        assert {row["application_name"] for row in rows} == {"app", "roadworthy-inspect"}
    finally:
        await probe.aclose()
        await held.close()

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.settings import settings_from

from roadworthy.chassis.errors import StartupError
from roadworthy.ops.up.plan import DISK_NEEDED_FOR_DEMO_BYTES, Plan, available_cores, make_plan

OWN_DATABASE: dict[str, Any] = {"database_url": "postgresql://user@db/name"}
PRODUCTION: dict[str, Any] = {"environment": "production", "secret_key": "0123456789abcdef" * 4}


def plan(*, demo: bool | None = None, cores: int = 4, **changes: Any) -> Plan:
    return make_plan(settings_from(**changes), demo=demo, cores=cores)


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "POSTGRES_HOST", "SECRET_KEY", "ENVIRONMENT", "PORT", "WORKERS", "HOST"):
        monkeypatch.delenv(name, raising=False)


def test_with_nothing_set_everything_is_embedded_and_filled() -> None:
    found = plan()
    assert (found.embedded_database, found.embedded_shared, found.demo, found.generate_secret) == (True,) * 4
    assert found.processes == 4
    assert found.disk_needed_bytes == DISK_NEEDED_FOR_DEMO_BYTES


def test_servers_of_the_users_own_are_used_instead() -> None:
    found = plan(**OWN_DATABASE, redis_url="redis://cache")
    assert (found.embedded_database, found.embedded_shared) == (False, False)
    assert found.disk_needed_bytes == 0


@pytest.mark.parametrize(("asked", "loaded"), [(None, False), (True, True), (False, False)])
def test_a_database_of_the_users_own_gets_demo_data_only_when_asked(*, asked: bool | None, loaded: bool) -> None:
    assert plan(demo=asked, **OWN_DATABASE).demo is loaded


def test_demo_data_can_be_declined() -> None:
    assert not plan(demo=False).demo


def test_without_redis_no_shared_tier_is_started() -> None:
    assert not plan(redis_enabled=False).embedded_shared


def test_workers_may_be_set() -> None:
    assert plan(workers=3, cores=8).processes == 3


def test_a_secret_is_generated_in_development_only() -> None:
    assert not plan(secret_key="s3" * 20).generate_secret
    assert not plan(environment="staging", **OWN_DATABASE).generate_secret


@pytest.mark.parametrize(
    ("changes", "demo", "problem"),
    [(PRODUCTION, None, "brings its own PostgreSQL"), ({**PRODUCTION, **OWN_DATABASE}, True, "no demo data")],
)
def test_production_is_not_a_playground(*, changes: dict[str, Any], demo: bool | None, problem: str) -> None:
    with pytest.raises(StartupError, match=problem) as refusal:
        plan(demo=demo, **changes)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("board.test", "http://board.test:8000"),
    ],
)
def test_the_address_can_be_opened_on_this_machine(host: str, address: str) -> None:
    assert plan(host=host).address == address


@pytest.mark.parametrize(("quota", "cores"), [("50000 100000", 1), ("max 100000", None), ("not a quota", None)])
def test_a_containers_share_of_cores_counts(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    everything = available_cores(tmp_path / "missing")
    assert everything >= 1
    assert available_cores(tmp_path / "cpu.max") == (cores or everything)

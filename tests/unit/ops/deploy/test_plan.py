from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.settings import settings_from

from roadworthy.chassis.errors import StartupError
from roadworthy.ops.deploy.plan import DeployPlan, make_plan
from roadworthy.ops.deploy.run import environment_text, nginx_time, render, write_all

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "site_url": "https://jobs.example",
    "secret_key": "0123456789abcdef" * 4,
    "database_url": "postgresql://roadworthy:hunt%24r2@db:5432/roadworthy",
    "redis_url": "redis://cache:6379/0",
}


def plan(*, cores: int = 4, **changes: Any) -> DeployPlan:
    return make_plan(settings_from(**{**PRODUCTION, **changes}), program="/opt/rw/bin/roadworthy", cores=cores)


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENVIRONMENT", "PORT", "WORKERS", "HOST", "SITE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"environment": "development"}, "ENVIRONMENT"),
        ({"site_url": ""}, "SITE_URL"),
        ({"site_url": "http://jobs.example"}, "SITE_URL"),
        ({"database_url": None}, "DATABASE_URL"),
        ({"redis_url": None}, "REDIS_URL"),
    ],
)
def test_settings_that_are_not_of_production_are_refused_by_name(missing: dict[str, Any], named: str) -> None:
    with pytest.raises(StartupError) as refused:
        plan(**missing)
    assert named in refused.value.problem + refused.value.remedy


def test_processes_are_spread_over_the_instances() -> None:
    assert (plan(cores=4).settings.workers, plan(cores=4).ports) == (2, (8001, 8002))
    assert plan(cores=1).settings.workers == 1
    assert plan(workers=3).settings.workers == 3


def test_idle_connections_are_gone_before_an_instance_stops() -> None:
    assert plan().upstream_keepalive_seconds < plan().settings.unready_seconds == 5
    assert plan(readiness_wait_seconds=0).upstream_keepalive_seconds > 0


def test_nginx_waits_longer_and_lets_through_more_than_the_application_and_takes_the_same_bodies() -> None:
    written = render(plan(request_timeout_seconds=12.5, body_limit_bytes=4096), "nginx.conf.j2")
    assert "proxy_read_timeout 17500ms;" in written
    assert "client_max_body_size 4096;" in written
    assert plan().rate_per_second * 60 >= 4 * plan().allowed_per_minute
    assert "limit_req" not in render(plan(rate_limit_enabled=False), "nginx.conf.j2")


def test_a_stop_is_not_forced_before_it_may_have_ended() -> None:
    there = plan(readiness_wait_seconds=7, shutdown_timeout_seconds=20)
    assert there.stop_seconds > 27
    assert f"TimeoutStopSec={there.stop_seconds}\n" in render(there, "web.service.j2")


def test_times_are_written_as_nginx_reads_them() -> None:
    assert (nginx_time(35.0), nginx_time(2.5)) == ("35s", "2500ms")


def test_secrets_are_in_one_file_for_its_owner_alone(tmp_path: Path) -> None:
    written = write_all(plan(), (), tmp_path / "out")
    holding = [path for path in written if "hunt%24r2" in path.read_text() or "0123456789abcdef" in path.read_text()]
    assert [path.name for path in holding] == ["roadworthy.env"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600


def test_a_shell_reads_the_settings_as_they_were() -> None:
    there = plan(cors_origins="https://a.example,https://b.example", allowed_hosts=".jobs.example,$HOME x")
    script = environment_text(there) + 'printf "%s|%s|%s" "$ALLOWED_HOSTS" "$DATABASE_URL" "$INSTANCES"'
    told = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=10)
    assert told.stdout == f".jobs.example,$HOME x|{PRODUCTION['database_url']}|2"
    with pytest.raises(StartupError):
        environment_text(plan(allowed_hosts="it's"))


def test_another_folder_of_somebodys_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StartupError):
        write_all(plan(), (), tmp_path)
    assert write_all(plan(), (), tmp_path / "new") == write_all(plan(), (), tmp_path / "new")

"""The alert rules and the dashboard that we ship: Prometheus' own tool tries every rule, on series of ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.chassis.test_service import running

from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.output import LogOutput
from roadworthy.ops import monitoring
from roadworthy.ops.monitoring.dashboard import dashboard

pytestmark = [pytest.mark.prometheus, pytest.mark.anyio]

FOLDER = Path(monitoring.__file__).parent
GUIDE = Path(__file__).parents[3] / "docs/guide/monitoring.md"
INTERVAL_SECONDS = 60
LABELS = 'job="roadworthy", instance="a"'
WELL: Mapping[str, str] = {
    f"up{{{LABELS}}}": "1x450",
    f'dependency_up{{{LABELS}, dependency="postgresql", need="required"}}': "1x450",
    f'dependency_up{{{LABELS}, dependency="redis", need="degraded"}}': "1x450",
    f'http_requests_total{{{LABELS}, status="200"}}': "0+6000x450",
    f'http_requests_total{{{LABELS}, status="500"}}': "0+4x450",
    f'http_request_duration_seconds_bucket{{{LABELS}, le="0.5"}}': "0+6000x450",
    f'http_request_duration_seconds_bucket{{{LABELS}, le="2.5"}}': "0+6004x450",
    f'http_request_duration_seconds_bucket{{{LABELS}, le="+Inf"}}': "0+6004x450",
    f"http_requests_shed_total{{{LABELS}}}": "7x450",
    f"database_pool_waiting{{{LABELS}}}": " ".join(["3 0"] * 225),
    f"database_connections_held_total{{{LABELS}}}": "2x450",
    f"database_slow_statements_total{{{LABELS}}}": "0+4x450",
    f"event_loop_lag_seconds{{{LABELS}}}": " ".join(["0.4 0.01"] * 225),
    f"process_resident_memory_bytes{{{LABELS}}}": "300000000x450",
    f'rate_limits_shared{{{LABELS}, policy="api"}}': "1x450",
    f'rate_limited_requests_total{{{LABELS}, policy="api"}}': "0+40x450",
    f'response_cache_hits_total{{{LABELS}, tier="process"}}': "0+3600x450",
    f'response_cache_misses_total{{{LABELS}, tier="process"}}': "0+1200x450",
    f"access_log_dropped_total{{{LABELS}}}": "5x450",
    f'roadworthy_info{{{LABELS}, version="1.0"}}': "2x450",
}
"""Seven hours in which nothing is wrong; an error now and then, or a moment's wait, is no trouble."""
TROUBLE: Mapping[str, Mapping[str, str]] = {
    "RoadworthyInstanceDown": {f"up{{{LABELS}}}": "0x450"},
    "RoadworthyNoInstance": {f"up{{{LABELS}}}": "0x450"},
    "RequiredDependencyDown": {
        f'dependency_up{{{LABELS}, dependency="postgresql", need="required"}}': "1x400 0x50",
    },
    "DependencyDown": {f'dependency_up{{{LABELS}, dependency="redis", need="degraded"}}': "0x450"},
    "ErrorBudgetBurnsFast": {f'http_requests_total{{{LABELS}, status="500"}}': "0+120x450"},
    "ErrorBudgetBurns": {f'http_requests_total{{{LABELS}, status="500"}}': "0+40x450"},
    "RequestsSlow": {f'http_request_duration_seconds_bucket{{{LABELS}, le="2.5"}}': "0+6200x450",
                     f'http_request_duration_seconds_bucket{{{LABELS}, le="+Inf"}}': "0+6200x450"},
    "RequestsShed": {f"http_requests_shed_total{{{LABELS}}}": "0+60x450"},
    "DatabasePoolExhausted": {f"database_pool_waiting{{{LABELS}}}": "3x450"},
    "DatabaseConnectionsHeld": {f"database_connections_held_total{{{LABELS}}}": "2x412 3x38"},
    "SlowStatements": {f"database_slow_statements_total{{{LABELS}}}": "0+12x450"},
    "EventLoopBlocked": {f"event_loop_lag_seconds{{{LABELS}}}": "0.4x450"},
    "MemoryHigh": {f"process_resident_memory_bytes{{{LABELS}}}": "2500000000x450"},
    "RateLimitsLocal": {f'rate_limits_shared{{{LABELS}, policy="api"}}': "0x450"},
    "ManyRefusedByRateLimits": {f'rate_limited_requests_total{{{LABELS}, policy="api"}}': "0+2400x450"},
    "CacheUseless": {f'response_cache_hits_total{{{LABELS}, tier="process"}}': "0+36x450"},
    "AccessLogDropped": {f"access_log_dropped_total{{{LABELS}}}": "5x412 6x38"},
    "SeveralVersions": {f'roadworthy_info{{{LABELS}, version="1.1"}}': "2x450"},
}  # fmt: skip
NOW = "7h"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]


def promtool(*arguments: str, folder: Path) -> str:
    command = [shutil.which("promtool") or "promtool", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(series: Mapping[str, str], firing: frozenset[str]) -> dict[str, Any]:
    """A test for promtool: these series, and which of all alerts must fire on them."""
    return {
        "interval": f"{INTERVAL_SECONDS}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": NOW,
                "exp_samples": [{"labels": "{}", "value": float(name in firing)}],
            }
            for name in NAMES
        ],
    }


def test_every_rule_fires_on_its_own_trouble_and_is_silent_without_it(tmp_path: Path) -> None:
    assert set(TROUBLE) == set(NAMES), "a rule without its trouble here"
    together = {
        "RoadworthyInstanceDown": {"RoadworthyNoInstance"},
        "RoadworthyNoInstance": {"RoadworthyInstanceDown"},
        "ErrorBudgetBurnsFast": {"ErrorBudgetBurns"},
    }
    tests = [asked(WELL, frozenset())]
    for name, trouble in TROUBLE.items():
        tests.append(asked({**WELL, **trouble}, frozenset({name, *together.get(name, ())})))
    (tmp_path / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text())
    (tmp_path / "tests.yml").write_text(
        yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": f"{INTERVAL_SECONDS}s", "tests": tests})
    )
    promtool("check", "rules", "alerts.yml", folder=tmp_path)
    promtool("test", "rules", "tests.yml", folder=tmp_path)


async def test_rules_and_dashboard_read_only_series_that_the_service_publishes(
    settings: Settings, tmp_path: Path
) -> None:
    output = LogOutput(tmp_path / "access.log")
    async with running(settings, output=output) as client:
        published = await series(client)
    for where, expression in expressions():
        for name, labels in selectors(expression):
            assert name in published, f"{where}: {name} is not published"
            assert labels <= published[name] | {"job", "instance"}, f"{where}: {name} has no labels {labels}"


async def series(client: httpx.AsyncClient) -> dict[str, frozenset[str]]:
    """Names of the published series, with their labels; `up` is Prometheus' own."""
    await client.get("/api/answer")
    await client.get("/health")
    found: dict[str, frozenset[str]] = {"up": frozenset()}
    for family in text_string_to_metric_families((await client.get("/metrics")).text):
        for name in {family.name, f"{family.name}_total", *(sample.name for sample in family.samples)}:
            labels = frozenset(label for sample in family.samples for label in sample.labels)
            found[name] = labels | {"method", "route", "status", "le"} if name.startswith("http_request") else labels
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Every series that the expression names, with the labels that it selects by."""
    for name, chosen in re.findall(r"\b(up|[a-z]+(?:_[a-z]+)+)\b(?!\s*\()(?:\{([^}]*)\})?", expression):
        if f"by ({name}" not in expression:
            yield name, frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))


def test_prometheus_can_read_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked_for = [
        expression.replace("$__rate_interval", "5m").replace("$job", ".*").replace("$instance", ".*")
        for _, expression in expressions()
    ]
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(asked_for)]
    (tmp_path / "asked.yml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    assert f"{len(asked_for)} rules found" in promtool("check", "rules", "asked.yml", folder=tmp_path)


def test_every_alert_says_what_to_do() -> None:
    headings = re.findall(r"^### (\w+)$", GUIDE.read_text(), re.MULTILINE)
    assert headings == NAMES, "the guide has every alert, in the order of the rules"
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook"] == f"docs/guide/monitoring.md#{rule['alert'].lower()}"

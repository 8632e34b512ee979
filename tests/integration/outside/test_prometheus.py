"""Against the real Prometheus and Alertmanager: their answers have the shapes that the probe reads."""

from __future__ import annotations

import asyncio
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.processes import free_port, started, wait_until

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.prometheus import PrometheusProbe

pytestmark = pytest.mark.prometheus

CONFIGURATION = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs:
- {{job_name: shop, metrics_path: /prom/metrics, static_configs: [{{targets: ['127.0.0.1:{prometheus}']}}]}}
- {{job_name: gone, static_configs: [{{targets: ['127.0.0.1:1']}}]}}
"""
RULES = """\
groups:
- name: shop
  rules:
  - {alert: HighErrorRate, expr: 'rate(prometheus_http_requests_total{code=~"5.."}[5m]) > 1', labels: {severity: page}}
  - {alert: SlowApi, expr: 'histogram_quantile(0.95, rate(prometheus_http_request_duration_seconds_bucket[5m])) > 1'}
  - {alert: HighApi, expr: 'rate(http_requests_total{code=~"5.."}[5m]) > 1'}
  - {alert: Stopped, expr: 'up{job="gone"} == 0', labels: {severity: info}}
"""
ROUTES = """\
route:
  receiver: team
  routes: [{receiver: 'null', matchers: ['severity="info"']}]
receivers:
- {name: 'null'}
- {name: team, slack_configs: [{api_url: 'https://hooks.slack.test/services/T0/B0/k3jH92mQz71p', channel: '#alerts'}]}
"""


def answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
        return bool(answer.status == 200)
    return False


@pytest.fixture
def monitored(open_folder: Path) -> Iterator[PrometheusProbe]:
    prometheus, alertmanager = free_port(), free_port()
    (open_folder / "prometheus.yml").write_text(CONFIGURATION.format(prometheus=prometheus, alertmanager=alertmanager))
    (open_folder / "rules.yml").write_text(RULES)
    (open_folder / "alertmanager.yml").write_text(ROUTES)
    commands = [
        [
            shutil.which("prometheus") or "prometheus",
            f"--config.file={open_folder}/prometheus.yml",
            f"--storage.tsdb.path={open_folder}/data",
            f"--web.listen-address=127.0.0.1:{prometheus}",
            "--web.external-url=http://127.0.0.1/prom",
        ],
        [
            shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or "alertmanager",
            f"--config.file={open_folder}/alertmanager.yml",
            f"--storage.path={open_folder}/am",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        ],
    ]
    url = f"http://127.0.0.1:{prometheus}/prom"
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            stack.enter_context(started(command, os.environ, open_folder / f"log{number}", open_folder))
        wait_until(lambda: answers(f"{url}/-/ready"), (open_folder / "log0").read_text, 30)
        wait_until(lambda: answers(f"http://127.0.0.1:{alertmanager}/-/ready"), (open_folder / "log1").read_text, 30)
        yield PrometheusProbe(url, f"http://127.0.0.1:{alertmanager}", ("shop",))


async def fresh(probe: PrometheusProbe) -> PrometheusProbe:
    """A probe with nothing kept, once rules were evaluated and series exist."""
    for _ in range(60):
        alertmanager = probe._alertmanager.http.url if probe._alertmanager else ""
        again = PrometheusProbe(f"{probe._prometheus.http.url}{probe._prometheus.prefix}", alertmanager, probe.jobs)
        evaluated = all(rule.health == "ok" for rule in await again.rules())
        evaluated &= all(target.health != "unknown" for target in await again.targets())
        if (
            evaluated
            and await again.count('prometheus_http_requests_total{job="shop"}')
            and await again.alertmanagers()
        ):
            return again
        await again.aclose()
        await asyncio.sleep(0.5)
    pytest.fail("Prometheus never evaluated its rules")


async def test_what_the_probe_reads_is_what_they_answer(monitored: PrometheusProbe) -> None:
    probe = await fresh(monitored)
    try:
        rules = {rule.name: rule for rule in await probe.rules()}
        assert set(rules) == {"HighErrorRate", "SlowApi", "HighApi", "Stopped"}
        assert rules["HighErrorRate"].labels == {"alertname": "HighErrorRate", "severity": "page"}
        assert {(one.job, one.health) for one in await probe.targets()} == {("shop", "up"), ("gone", "down")}
        assert await probe.count("up") == 2
        assert await probe.count("no_such_series") == 0
        assert "prometheus_http_requests_total" in await probe.names('{job="shop"}')
        routing = await probe.routing()
        assert routing is not None
        assert [one.name for one in routing.reached(rules["HighErrorRate"].labels)] == ["team"]
        assert [one.reaches for one in routing.reached(rules["Stopped"].labels)] == [False]
        assert list(await probe.silences()) == []
    finally:
        await probe.aclose()


async def test_verdicts_on_the_real_ones(monitored: PrometheusProbe) -> None:
    probe = await fresh(monitored)
    by_id = {check.id: check for check in CHECKS}
    try:
        probes = ProbeSet(prometheus=probe)
        receivers = await by_id["alert.on.receivers"].run(probes, Requirement("alert.on"))
        errors = await by_id["alert.errors.loaded"].run(probes, Requirement("alert.errors"))
        disk = await by_id["alert.disk.loaded"].run(probes, Requirement("alert.disk"))
    finally:
        await probe.aclose()
    assert receivers.status is Status.PASS, receivers.summary
    # Prometheus' own counters are nobody's service; the rule about http_requests_total has no series here
    assert (errors.status, "don't exist" in errors.summary) == (Status.FAIL, True), errors.summary
    assert disk.status is Status.FAIL
    assert "k3jH92mQz71p" not in repr(receivers)

"""An alert counts when it is loaded, alive, the service's own, and reaches somebody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.monitoring import NOBODY, PLACE, Monitoring
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.probes.promql import selectors

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
RATIO = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'
GOOD = Monitoring(rules={"HighErrorRate": RATIO}, series=[("http_requests_total", {"job": "shop", "status": "200"})])
EXAMPLE = "route: {receiver: hook}\nreceivers:\n- name: hook\n  webhook_configs: [{url: 'http://127.0.0.1:5001/'}]\n"
BRANCHES = """route:
  receiver: 'null'
  routes:
  - {receiver: pager, matchers: ['severity="page"']}
receivers:
- {name: 'null'}
- {name: pager, pagerduty_configs: [{routing_key: <secret>}]}
"""
BY_NAMESPACE = BRANCHES.replace('severity="page"', 'namespace="shop"')


@pytest.mark.parametrize(
    ("monitoring", "status", "words"),
    [
        (GOOD, PASS, "HighErrorRate"),
        (replace(GOOD, rules={}), FAIL, "none of 0"),
        (replace(GOOD, series=[]), FAIL, "don't exist"),
        (replace(GOOD, down=True), FAIL, "don't exist"),
        (replace(GOOD, series=[("http_requests_total", {"job": "other"})]), FAIL, "others only"),
        (replace(GOOD, rules={"E": RATIO.replace("{", '{job="other",')}), FAIL, "don't exist"),
        (replace(GOOD, broken=True), FAIL, "can't be evaluated"),
        (replace(GOOD, sends=False), FAIL, "nowhere"),
        (replace(GOOD, config=""), UNKNOWN, "alertmanager_url"),
        (replace(GOOD, config=NOBODY), FAIL, "tells nobody"),
        (replace(GOOD, config=EXAMPLE), FAIL, "machine itself"),
        (replace(GOOD, config=BRANCHES), PASS, "HighErrorRate"),
        (replace(GOOD, config=BRANCHES, labels={"severity": "info"}), FAIL, "null"),
        (replace(GOOD, config=BY_NAMESPACE), UNKNOWN, "null"),
        (replace(GOOD, config="just text"), UNKNOWN, "no route"),
        (replace(GOOD, silenced={"alertname": "HighErrorRate"}), FAIL, "silenced"),
        (replace(GOOD, silenced={"alertname": "HighErrorRate", "instance": "one"}), PASS, "HighErrorRate"),
        (replace(GOOD, rules={"Targets": "up == 0"}), FAIL, "none of 1"),
        (replace(GOOD, rules={"Kube": 'rate(apiserver_request_total{code=~"5.."}[5m]) > 1'}), FAIL, "none of 1"),
        (replace(GOOD, rules={"Ok": 'http_requests_total{status=~"2.."} > 1'}), FAIL, "none of 1"),
        (replace(GOOD, rules={"Comment": "# http_errors_total\nvector(1)"}), FAIL, "none of 1"),
        (replace(GOOD, rules={"Gone": 'absent(http_errors_total{job="shop"})'}), UNKNOWN, "absent"),
    ],
)
async def test_errors(monitoring: Monitoring, status: Status, words: str) -> None:
    verdict = await verdict_of("alert.errors.loaded", Stage(monitoring=monitoring))
    assert verdict.status is status, verdict.summary
    assert words in verdict.summary


@pytest.mark.parametrize(
    ("scraped", "status"),
    [
        (None, PASS),
        ({"shop": "http://10.0.0.9:8000/metrics"}, UNKNOWN),
        ({"node": "http://127.0.0.1:9100/metrics"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
async def test_without_jobs_only_what_is_scraped_from_the_service_counts(
    scraped: dict[str, str] | None, status: Status
) -> None:
    series = [("http_requests_total", {"instance": PLACE})]
    monitoring = replace(GOOD, jobs=(), scraped=scraped, series=series)
    verdict = await verdict_of("alert.errors.loaded", Stage(site=pages({"/": reply("shop")}), monitoring=monitoring))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("Error rate > 5% alert configured", PASS),
        ("Error rate above 5 percent", PASS),
        ("Error rate > 1% alert configured", FAIL),
        ("Alerts on errors", PASS),
    ],
)
async def test_a_threshold_of_the_line_is_the_rules(subject: str, status: Status) -> None:
    assert (await verdict_of("alert.errors.loaded", Stage(monitoring=GOOD), subject=subject)).status is status


@pytest.mark.parametrize(
    ("subject", "params", "status"),
    [
        ("Configure alerts", {}, PASS),
        ("Set up alert notifications via Slack", {}, PASS),
        ("Set up PagerDuty integration", {"tool": "pagerduty"}, FAIL),
        ("Alerts for high-risk transactions", {}, UNKNOWN),
        ("Dashboards linked from alerts are useful", {}, UNKNOWN),
        ("Alert on http requests", {}, PASS),
    ],
)
async def test_a_line_about_alerts_is_held_to_its_words(subject: str, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("alert.on.loaded", Stage(monitoring=GOOD), subject=subject, **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("check", "expression", "status"),
    [
        ("alert.disk.loaded", "node_filesystem_avail_bytes < 1e9", PASS),
        ("alert.disk.loaded", "rate(node_disk_io_time_seconds_total[5m]) > 1", FAIL),
        ("alert.db.loaded", 'up{job="postgres"} == 0', PASS),
        ("alert.db.loaded", 'up{job="shop"} == 0', FAIL),
        ("alert.jobs.loaded", "rq_jobs_failed > 0", PASS),
        ("alert.jobs.loaded", 'dramatiq_messages{state="dead"} > 0', FAIL),
        ("alert.jobs.loaded", 'bullmq_jobs{state="failed"} > 0', PASS),
        ("alert.jobs.loaded", "kube_job_status_failed > 0", FAIL),
        ("alert.latency.loaded", "histogram_quantile(0.9, rate(http_request_duration_seconds_bucket[5m])) > 1", PASS),
        ("alert.latency.loaded", "rate(pg_stat_statements_seconds_total[5m]) > 1", FAIL),
        ("alert.sec.loaded", 'rate(http_requests_total{code="401"}[5m]) > 1', PASS),
        ("alert.sec.loaded", 'rate(http_requests_total{code="500"}[5m]) > 1', FAIL),
    ],
)
async def test_what_alerts_are_about(check: str, expression: str, status: Status) -> None:
    name = selectors(expression)[0].name
    labels = {"state": "failed", "code": "401"} | {"job": "shop"}
    series = [(name, labels), (name, {**labels, "job": "postgres"})]
    monitoring = Monitoring(rules={"One": expression}, series=series, jobs=("shop", "postgres"))
    verdict = await verdict_of(check, Stage(monitoring=monitoring))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("check", "expression", "subject", "status"),
    [
        ("alert.disk.loaded", "node_filesystem_avail_bytes < 1e9", "Configure disk space alerts", PASS),
        ("alert.disk.loaded", "node_filesystem_avail_bytes < 1e9", "On-call load and alert volume", UNKNOWN),
        ("alert.errors.loaded", "rate(http_errors_total[5m]) > 1", "Check error logs and alerts", UNKNOWN),
        ("alert.latency.loaded", "http_request_duration_seconds > 1", "Performance Metrics: response time", UNKNOWN),
        ("alert.db.loaded", "pg_stat_user_tables_n_dead_tup > 9", "Database connection failure alert configured", FAIL),
        ("alert.db.loaded", "pg_stat_activity_count > 9", "Database connection failure alert configured", PASS),
        ("alert.db.loaded", "pg_stat_user_tables_n_dead_tup > 9", "Alerts for the database", PASS),
    ],
)  # fmt: skip
async def test_a_line_that_speaks_of_something_else_is_not_ticked(
    check: str, expression: str, subject: str, status: Status
) -> None:
    series = [(selectors(expression)[0].name, {"job": "shop"})]
    monitoring = Monitoring(rules={"One": expression}, series=series)
    verdict = await verdict_of(check, Stage(monitoring=monitoring), subject=subject)
    assert verdict.status is status, verdict.summary


async def test_a_rule_in_a_file_is_not_a_rule_that_is_loaded() -> None:
    text = "groups:\n- name: g\n  rules:\n  - {alert: Errors, expr: 'rate(http_errors_total[5m]) > 1'}\n"
    verdict = await verdict_of("alert.errors.loaded", Stage(repo={"monitoring/alerts.yml": text}))
    assert verdict.status is UNKNOWN
    assert "Errors (monitoring/alerts.yml) stands in a file" in verdict.summary


async def test_who_is_on_call_only_people_know() -> None:
    reached = await verdict_of("alert.on.receivers", Stage(monitoring=GOOD), "oncall")
    nobody = await verdict_of("alert.on.receivers", Stage(monitoring=replace(GOOD, config=NOBODY)), "oncall")
    assert (reached.status, nobody.status) == (UNKNOWN, FAIL)


async def test_another_server_on_that_address_is_no_prometheus() -> None:
    class Silent(Monitoring):
        def site(self, place: str):  # type: ignore[no-untyped-def] # noqa: ANN202, ARG002 - a fixture's twin
            return pages({}, reply({"status": "ok"}))

    verdict = await verdict_of("alert.errors.loaded", Stage(monitoring=Silent()))
    assert verdict.status is UNKNOWN

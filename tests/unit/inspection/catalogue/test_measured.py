"""What the monitoring system shows is the service's own, of that name, with data, and over long enough."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.monitoring import SERVICE, Monitoring
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


def publishing(text: str) -> Stage:
    return Stage(site=pages({"/metrics": reply(text, content_type="text/plain")}))


@pytest.mark.parametrize(
    ("subject", "text", "status"),
    [
        ("Active users tracked", "active_users 3\n", PASS),
        ("Active users tracked", "active_connections 3\nusers_created_total 9\n", FAIL),
        ("Uploads per hour tracked", "upload_files_total 3\n", PASS),
        ("Monitor file upload success/failure rates", "file_uploads_total 3\n", UNKNOWN),
        ("Monitor file upload success/failure rates", "file_uploads_total 3\nfile_uploads_failed_total 0\n", PASS),
        ("Set up custom business metrics", "orders_total 3\n", UNKNOWN),
        ("User retention tracked", "process_cpu_seconds_total 3\n", FAIL),
        ("User retention tracked", "<html>not found</html>", UNKNOWN),
        ("", "orders_total 3\n", UNKNOWN),
    ],
)
async def test_business_figures(subject: str, text: str, status: Status) -> None:
    verdict = await verdict_of("mon.business.series", publishing(text), subject=subject)
    assert verdict.status is status, verdict.summary


async def test_figures_of_another_job_are_not_this_services() -> None:
    other = Monitoring(series=[("active_users", {"job": "other"}), ("up", {"job": SERVICE})])
    own = replace(other, series=[("active_users", {"job": SERVICE})])
    assert (await verdict_of("mon.business.series", Stage(monitoring=other), subject="Active users")).status is FAIL
    assert (await verdict_of("mon.business.series", Stage(monitoring=own), subject="Active users")).status is PASS


def board(*expressions: str) -> dict[str, str]:
    panels = [{"title": f"Panel {n}", "targets": [{"expr": text}]} for n, text in enumerate(expressions)]
    return {"grafana/shop.json": json.dumps({"dashboard": {"title": "Shop", "panels": [{"panels": panels}]}})}


KNOWN = Monitoring(series=[("http_requests_total", {"job": SERVICE})])


@pytest.mark.parametrize(
    ("repo", "monitoring", "subject", "status"),
    [
        (board("rate(http_requests_total[5m])"), KNOWN, "", PASS),
        (board("rate(http_requests_total[5m])", "gone_total"), KNOWN, "", FAIL),
        (board("rate(http_requests_total[5m])"), replace(KNOWN, down=True), "", FAIL),
        (board("rate(http_requests_total[5m])"), None, "", UNKNOWN),
        (board("vector(1)"), KNOWN, "", UNKNOWN),
        ({"grafana/shop.json": "[[["}, KNOWN, "", UNKNOWN),
        ({"dashboard.tsx": "export"}, KNOWN, "", UNKNOWN),
        (board("rate(http_requests_total[5m])"), KNOWN, "Monitoring dashboards bookmarked", UNKNOWN),
    ],
)
async def test_dashboards(repo: dict[str, str], monitoring: Monitoring | None, subject: str, status: Status) -> None:
    stage = Stage(repo=repo, monitoring=monitoring)
    verdict = await verdict_of("mon.dash.panels", stage, **({"subject": subject} if subject else {}))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"count_over_time": 8640, "avg_over_time": 0.9999}, PASS),
        ({"count_over_time": 8640, "avg_over_time": 0.998}, FAIL),
        ({"count_over_time": 200, "avg_over_time": 1.0}, UNKNOWN),
        ({"count_over_time": 200, "avg_over_time": 0.5}, FAIL),
        ({}, UNKNOWN),
    ],
)
async def test_uptime(values: dict[str, float], status: Status) -> None:
    verdict = await verdict_of("perf.uptime.scraped", Stage(monitoring=Monitoring(values=values)), min_ratio=0.999)
    assert verdict.status is status, verdict.summary


async def test_uptime_of_somebody_elses_targets_says_nothing() -> None:
    monitoring = Monitoring(values={"count_over_time": 8640, "avg_over_time": 1.0}, jobs=())
    assert (await verdict_of("perf.uptime.scraped", Stage(monitoring=monitoring))).status is UNKNOWN

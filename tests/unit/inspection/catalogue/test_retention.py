"""Old data, refusals, drills without a cache: what only looks like them brings no tick."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.refusals import refusals
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.probes.exposition import parse

BEAT = "app.conf.beat_schedule = {'x': {'task': 'TASK', 'schedule': crontab(hour=4)}}\n"
PROSE = "word " * 60


@pytest.mark.parametrize(
    ("tree", "status"),
    [
        ({"app/tasks.py": BEAT.replace("TASK", "purge_sessions")}, Status.PASS),
        ({"app/tasks.py": "# " + BEAT.replace("TASK", "purge_sessions")}, Status.FAIL),
        ({"app/tasks.py": BEAT.replace("TASK", "cleanup_logs")}, Status.FAIL),
        ({"tests/tasks.py": BEAT.replace("TASK", "purge_sessions"), "app.py": ""}, Status.FAIL),
        ({"app/tasks.py": "def purge_sessions(): ...\n" + "\n" * 30 + BEAT.replace("TASK", "send_mail")}, Status.FAIL),
        ({"src/jobs.ts": "cron.schedule('0 4 * * *', () => deleteOld());\nawait purgeExpired();\n"}, Status.PASS),
        ({"infra/s3.tf": 'resource "aws_s3_bucket_lifecycle_configuration" "x" {}\n'}, Status.PASS),
        ({"infra/s3.tf": "# lifecycle_rule {\n", "app.py": ""}, Status.FAIL),
        ({"docs/data.md": f"# Data\n\n## Data retention\n\n{PROSE}\n"}, Status.PASS),
        ({"docs/data.md": f"# Data\n\n## Log retention\n\n{PROSE}\n"}, Status.FAIL),
        ({"docs/data.md": f"# Data\n\n## Retention of backups\n\n{PROSE}\n"}, Status.FAIL),
        ({"docs/data.md": "# Data\n\n## Data retention\n\nTBD\n"}, Status.FAIL),
        ({}, Status.UNKNOWN),
    ],
)
async def test_what_removes_old_data(tree: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("data.retention.rule", Stage(repo=tree))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ('http_requests_total{status="429"} 3', 1),
        ('http_requests_total{code="429"} 3', 1),
        ('http_requests_total{status="200"} 3', 0),
        ('http_request_seconds_bucket{status="429",le="1"} 3', 0),
        ("rate_limit_refused_total 3", 1),
        ('rate_limit_requests_total{outcome="allowed"} 3', 0),
        ("throttled_total 1", 1),
        ("rate_limit_window_seconds 60", 0),
        ("disk_throttle_seconds 3", 0),
    ],
)
def test_which_series_count_refusals(line: str, counted: int) -> None:
    assert len(refusals(parse(line))) == counted


async def test_where_nothing_is_refused_or_nothing_published_nothing_is_known() -> None:
    document = reply({"paths": {"/api/items": {"get": {}}}})
    items = reply({"items": [1, 2, 3]})
    metrics = reply('http_requests_total{status="429"} 3\n', content_type="text/plain")
    open_site = pages({"/openapi.json": document, "/api/items": items, "/metrics": metrics})
    assert (await verdict_of("rl.monitor.counted", Stage(site=open_site))).status is Status.UNKNOWN
    everything = pages({}, reply("<h1>slow down</h1>", 429))
    assert (await verdict_of("rl.monitor.counted", Stage(site=everything))).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("changed", "days", "status"),
    [
        ({}, 1, Status.PASS),
        ({}, 200, Status.UNKNOWN),
        ({"passed": None}, 1, Status.UNKNOWN),
        ({"passed": False}, 1, Status.FAIL),
        ({"figures": {"error_ratio": 0.2}}, 1, Status.FAIL),
        ({"scenario": "primary database stopped"}, 1, Status.UNKNOWN),
        ({"kind": "load"}, 1, Status.UNKNOWN),
    ],
)
async def test_drills_without_the_cache(changed: dict[str, object], days: int, status: Status) -> None:
    ended = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    drill = {"kind": "failover", "finished_at": ended, "scenario": "Redis stopped", "passed": True, **changed}
    verdict = await verdict_of("cache.fallback.drill", Stage(drills={"d.json": json.dumps(drill)}))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize("subject", ["Registry lifecycle policy keeps five images", "CloudWatch retention of 30 days"])
async def test_what_a_provider_keeps_is_not_the_trees_to_tell(subject: str) -> None:
    tree = {"app.py": "x = 1\n", "docs/data.md": f"# Data\n\n## Data retention\n\n{PROSE}\n"}
    assert (await verdict_of("data.retention.rule", Stage(repo=tree), subject=subject)).status is Status.UNKNOWN
    assert (await verdict_of("data.retention.rule", Stage(repo=tree), subject="Old orders go")).status is Status.PASS

"""Times that one client can not show, and limits of zero."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement

SITE = Stage(site=pages({"/api/items": reply({"items": [1]})}))


@pytest.mark.parametrize(
    "subject",
    [
        "p95 under 500 ms with 1,000 concurrent users",
        "Response times < 500ms under load",
        "p95 < 300 ms at peak traffic",
        "API answers in 200ms for 500 users",
        "p99 < 1 s at 100 rps",
    ],
)
async def test_a_time_under_load_is_seen_under_load(subject: str) -> None:
    verdict = await verdict_of("perf.latency.measured", SITE, path="/api/items", max_ms=5000, subject=subject)
    assert (verdict.status, "under load" in verdict.summary) == (Status.UNKNOWN, True), verdict.summary


async def test_pages_that_load_are_not_under_load() -> None:
    subject = "`/api/items` loads in under 2 seconds for all users"
    verdict = await verdict_of("perf.latency.measured", SITE, path="/api/items", max_ms=5000, subject=subject)
    assert verdict.status is Status.PASS, verdict.summary


def test_a_stated_zero_is_not_the_default() -> None:
    assert Requirement("x", {"max_ratio": 0}).number("max_ratio", 0.01) == 0
    assert Requirement("x").number("max_ratio", 0.01) == 0.01


@pytest.mark.parametrize(
    ("good", "bad", "allowed", "status"),
    [
        (5000, 1, 0, Status.FAIL),
        (20, 1, 0, Status.FAIL),
        (20, 0, 0, Status.UNKNOWN),
        (5000, 0, 0, Status.PASS),
        (5000, 1, 0.01, Status.PASS),
    ],
)
async def test_no_errors_means_none(good: int, bad: int, allowed: float, status: Status) -> None:
    lines = [f'http_requests_total{{status="{code}"}} {number}' for code, number in ((200, good), (500, bad))]
    text = "\n".join(["# TYPE http_requests_total counter", *lines, ""])
    stage = Stage(site=pages({"/metrics": reply(text, content_type="text/plain")}))
    verdict = await verdict_of("perf.errors.ratio", stage, max_ratio=allowed)
    assert verdict.status is status, verdict.summary


async def test_writing_is_not_timed_by_reading() -> None:
    stage = Stage(site=pages({"/": reply({"x": 1})}))
    found = await verdict_of("perf.latency.measured", stage, subject="p95 < 100 ms for write operations", max_ms=100)
    assert found.status is Status.UNKNOWN, found.summary

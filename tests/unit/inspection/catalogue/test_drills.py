"""A drill counts when it is recent, of this service, about what the line asks, and its figures reach the line's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages
from roadworthy.inspection.model import Param

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


def result(days_ago: float = 1, kind: str = "load", **more: Any) -> str:
    ended = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    figures = more.pop("figures", {"users": 1000, "rps": 600, "requests": 9000, "error_ratio": 0.001})
    return json.dumps({"kind": kind, "finished_at": ended, "figures": figures, **more})


@pytest.mark.parametrize(
    ("drills", "params", "status"),
    [
        ({"a.json": result()}, {}, PASS),
        ({"a.json": result(45)}, {}, FAIL),
        ({"a.json": result(-2)}, {}, FAIL),
        ({"a.json": result(passed=False)}, {}, FAIL),
        ({"a.json": result(figures={"users": 9, "requests": 9000})}, {}, UNKNOWN),
        ({"a.json": result(figures={"requests": 9000, "error_ratio": 0.3})}, {}, FAIL),
        ({"a.json": result(figures={"requests": 3, "error_ratio": 0})}, {}, FAIL),
        ({"a.json": result(target="https://other.example/")}, {}, FAIL),
        ({"a.json": result(target="http://localhost:1/")}, {}, PASS),
        ({"a.json": "{}", "notes.txt": "1000 users, all fine"}, {}, FAIL),
        ({"old.json": result(9), "new.json": result(1, figures={"requests": 9000, "error_ratio": 0.5})}, {}, FAIL),
        ({"a.json": result()}, {"subject": "Test queue under load"}, UNKNOWN),
        ({"a.json": result(scenario="queue burst")}, {"subject": "Test queue under load"}, PASS),
        ({"a.json": result()}, {"subject": "Create `load-tests/` directory"}, UNKNOWN),
        ({"a.json": result()}, {"subject": "Install K6 load testing tool"}, UNKNOWN),
        ({"a.json": result()}, {"users": 5000}, FAIL),
        ({"a.json": result()}, {"command": "ab -n 10000 -c 5000 https://x/"}, FAIL),
        ({"a.json": result()}, {"path": "/api/jobs"}, UNKNOWN),
        ({"a.json": result(target="http://127.0.0.1:1/api/jobs")}, {"path": "/api/jobs"}, PASS),
        ({"a.json": result(8)}, {"subject": "Weekly load test"}, FAIL),
    ],
)
async def test_load(drills: dict[str, str], params: dict[str, Param], status: Status) -> None:
    verdict = await verdict_of("load.test.result", Stage(site=pages({}), drills=drills), **params)
    assert verdict.status is status, verdict.summary


async def test_a_line_without_a_number_is_held_to_none() -> None:
    stage = Stage(drills={"a.json": result()})
    assert (await verdict_of("perf.users.result", stage)).status is UNKNOWN
    assert (await verdict_of("perf.rps.result", stage)).status is UNKNOWN
    assert (await verdict_of("perf.rps.result", stage, min_rps=500)).status is PASS


@pytest.mark.parametrize(
    ("figures", "params", "passed", "status"),
    [
        ({"tables": 3}, {}, True, PASS),
        ({"tables": 3}, {}, None, UNKNOWN),
        ({"tables": 3, "differences": 0}, {}, None, PASS),
        ({"tables": 3, "differences": 2}, {}, True, FAIL),
        ({"restore_seconds": 9}, {}, True, UNKNOWN),
        ({"tables": 3}, {"subject": "Volume restore tested"}, True, UNKNOWN),
        ({"tables": 3}, {"subject": "Restore procedure documented"}, True, UNKNOWN),
    ],
)
async def test_restore(figures: dict[str, float], params: dict[str, str], passed: bool | None, status: Status) -> None:
    drills = {"r.json": result(5, "restore", figures=figures, passed=passed)}
    assert (await verdict_of("bk.restore.result", Stage(drills=drills), **params)).status is status


async def test_recovery_time_is_measured_and_a_recovery_point_is_another_thing() -> None:
    stage = Stage(drills={"r.json": result(5, "restore", figures={"tables": 1, "restore_seconds": 600})})
    said = {"RTO < 1 hour": PASS, "RPO < 24 hours": UNKNOWN}
    for subject, status in said.items():
        assert (await verdict_of("dr.rto.result", stage, hours=1, subject=subject)).status is status
    assert (await verdict_of("dr.rto.result", stage)).status is UNKNOWN


async def test_a_stop_with_nothing_in_flight_shows_nothing() -> None:
    stage = Stage(drills={"s.json": result(1, "shutdown", figures={"in_flight": 0, "lost": 0})})
    assert (await verdict_of("srv.shutdown.result", stage)).status is UNKNOWN


SCRIPT = "import http from 'k6/http';\n"


@pytest.mark.parametrize(
    ("subject", "repo", "status"),
    [
        ("Create `load-tests/` directory", {"load-tests/a.js": SCRIPT}, PASS),
        ("Create `load-tests/` directory", {"src/load-tests.js": SCRIPT}, FAIL),
        ("Write soak test (2 hours stability)", {"load/soak.js": SCRIPT}, PASS),
        ("Write soak test (2 hours stability)", {"load/soak.md": SCRIPT}, FAIL),
        ("Write soak test (2 hours stability)", {"load/soak.js": "export const soak = 1"}, FAIL),
        ("Generate test PDF fixtures", {"load/soak.js": SCRIPT}, UNKNOWN),
        ("Run soak test", {"load/soak.js": SCRIPT}, UNKNOWN),
        ("Install K6 load testing tool", {"load/soak.js": SCRIPT}, UNKNOWN),
    ],
)
async def test_what_a_load_test_needs(subject: str, repo: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("load.test.scripts", Stage(repo=repo), subject=subject)
    assert verdict.status is status, verdict.summary


async def test_preparation_is_not_shown_by_a_result() -> None:
    stage = Stage(drills={"a.json": result()})
    assert (await verdict_of("load.test.result", stage, subject="Write spike test")).status is UNKNOWN

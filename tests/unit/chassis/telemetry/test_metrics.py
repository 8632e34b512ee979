from __future__ import annotations

import random
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from roadworthy.chassis.telemetry import metrics as module
from roadworthy.chassis.telemetry.metrics import BUCKETS_SECONDS, Histogram, Metrics
from roadworthy.chassis.telemetry.store import clear

pytestmark = pytest.mark.anyio


async def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = (await metrics.render()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


OTHER_PROCESS = """
import sys
from pathlib import Path
from roadworthy.chassis.telemetry.metrics import Metrics

metrics = Metrics(Path(sys.argv[1]))
metrics.requests("GET", "/jobs", "200").pending += [0.002, 7.0]
metrics.gauge("in_flight", "Now.", (), lambda: {(): 5.0})
metrics.flush()
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_histogram_counts_as_one_bisection_each_would() -> None:
    source = random.Random(1)
    seconds = [source.expovariate(10) for _ in range(1000)] + list(BUCKETS_SECONDS)
    expected = [0] * (len(BUCKETS_SECONDS) + 1)
    for value in seconds:
        expected[bisect_left(BUCKETS_SECONDS, value)] += 1
    histogram = Histogram()
    histogram.fold(seconds)
    assert histogram.counts == expected
    assert histogram.total_seconds == pytest.approx(sum(seconds))


async def test_requests_are_counted_by_status_and_timed_by_route(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.requests("GET", "/jobs", "200").pending += [0.002, 0.3]
    metrics.requests("GET", "/jobs", "404").pending += [0.002]
    found = await samples(metrics)
    labels = (("method", "GET"), ("route", "/jobs"))
    assert found["http_requests_total", (*labels, ("status", "200"))] == 2
    assert found["http_requests_total", (*labels, ("status", "404"))] == 1
    assert found["http_request_duration_seconds_count", labels] == 3
    assert found["http_request_duration_seconds_bucket", (("le", "0.0025"), *labels)] == 2
    assert found["http_request_duration_seconds_sum", labels] == pytest.approx(0.304)
    metrics.close()


async def test_any_process_answers_for_all_and_the_dead_keep_their_counts_but_not_their_gauges(
    tmp_path: Path, other_process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(module, "RENDER_FRESH_SECONDS", 0.0)
    metrics = Metrics(tmp_path)
    metrics.requests("GET", "/jobs", "200").pending += [0.002]
    metrics.gauge("in_flight", "Now.", (), lambda: {(): 2.0})
    labels = (("method", "GET"), ("route", "/jobs"), ("status", "200"))
    alive = await samples(metrics)
    assert (alive["http_requests_total", labels], alive["in_flight", ()]) == (3, 7)
    other_process.kill()
    other_process.wait()
    for _ in range(2):  # the second time there is nothing left to sweep
        dead = await samples(metrics)
        assert (dead["http_requests_total", labels], dead["in_flight", ()]) == (3, 2)
        assert dead["http_request_duration_seconds_sum", labels[:2]] == pytest.approx(7.004)
    assert metrics._store.sweep() == 0
    metrics.close()


async def test_a_process_killed_while_it_made_its_file_does_no_harm(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    (tmp_path / "123-dead.alive").touch()
    (tmp_path / "counter_123-dead.db").touch()
    metrics.requests("GET", "/jobs", "200").pending.append(0.1)
    assert metrics._store.sweep() == 1
    assert ("http_request_duration_seconds_count", (("method", "GET"), ("route", "/jobs"))) in await samples(metrics)
    metrics.close()


async def test_the_number_of_series_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERIES_MAX", 3)
    metrics = Metrics(tmp_path)
    for number in range(10):
        metrics.requests("GET", f"/{number}", "200").pending.append(0.1)
    counter = metrics.counter("views_total", "Views.", ("page",))
    for number in range(10):
        counter.add(1, str(number))
    found = await samples(metrics)
    assert found["http_requests_total", (("method", "(other)"), ("route", "(other)"), ("status", "200"))] == 7
    assert found["views_total", (("page", "(other)"),)] == 7
    metrics.close()


async def test_a_fresh_start_forgets_the_counts_of_the_last(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.requests("GET", "/jobs", "200").pending.append(0.1)
    metrics.close()
    clear(tmp_path)
    metrics = Metrics(tmp_path)
    assert not any(name == "http_requests_total" for name, _ in await samples(metrics))
    metrics.close()

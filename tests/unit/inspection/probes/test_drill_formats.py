"""What load generators write, as they write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from roadworthy.contracts.drills import DrillKind
from roadworthy.inspection.probes.drill_formats import read

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
K6_EXPORT = json.dumps(
    {
        "metrics": {
            "http_reqs": {"count": 3000, "rate": 99.5},
            "http_req_duration": {
                "avg": 20,
                "med": 18.5,
                "p(90)": 30,
                "p(95)": 41.2,
                "thresholds": {"p(95)<500": False},
            },
            "http_req_failed": {"passes": 3, "fails": 2997, "value": 0.001},
            "vus_max": {"value": 100, "min": 100, "max": 100},
        },
        "root_group": {},
    }
)
K6_SUMMARY = json.dumps(
    {
        "state": {"testRunDurationMs": 30000},
        "metrics": {
            "http_reqs": {"type": "counter", "values": {"count": 3000, "rate": 99.5}},
            "http_req_duration": {"values": {"med": 18.5, "p(95)": 41.2}, "thresholds": {"p(95)<5": {"ok": False}}},
            "http_req_failed": {"values": {"rate": 0.001}},
            "vus_max": {"values": {"max": 100}},
        },
    }
)
LOCUST = """Type,Name,Request Count,Failure Count,Median Response Time,Requests/s,Failures/s,50%,95%,99%
GET,/api,900,9,20,90.0,0.9,20,44,80
,Aggregated,1000,10,20,100.0,1.0,20,45,81
"""
HISTORY = "Timestamp,User Count,Type,Name\n1,10,,Aggregated\n2,500,,Aggregated\n"
WRK = """Running 30s test @ http://127.0.0.1:8000/api/jobs
  2 threads and 1000 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    12.34ms    2.00ms  90.00ms   90.00%
  Latency Distribution
     50%   11.00ms
     75%   13.00ms
     99%    1.20s
  30000 requests in 30.10s, 12.00MB read
  Socket errors: connect 0, read 30, write 0, timeout 20
  Non-2xx or 3xx responses: 250
Requests/sec:    996.68
Transfer/sec:    408.24KB
"""
AB = """Server Software:        nginx
Server Hostname:        shop.example
Server Port:            443
SSL/TLS Protocol:       TLSv1.3,TLS_AES_256_GCM_SHA384,256,256
Document Path:          /api/jobs/
Concurrency Level:      1000
Time taken for tests:   20.5 seconds
Complete requests:      10000
Failed requests:        40
Non-2xx responses:      60
Requests per second:    487.80 [#/sec] (mean)
Percentage of the requests served within a certain time (ms)
  50%   1000
  95%   1900
  99%   2400
"""
HEY = """Summary:
  Total:        10.0 secs
  Requests/sec: 500.25

Latency distribution:
  50% in 0.0200 secs
  95% in 0.0500 secs
  99% in 0.0900 secs

Status code distribution:
  [200] 4900 responses
  [502] 50 responses

Error distribution:
  [50]  Get "http://x": dial tcp: connection refused
"""
JTL = """timeStamp,elapsed,label,responseCode,success,allThreads
1772366400000,100,home,200,true,50
1772366401000,200,home,500,false,60
1772366402000,300,home,200,true,60
"""


@pytest.mark.parametrize(
    ("name", "text", "beside", "tool", "figures"),
    [
        ("l.json", K6_EXPORT, "", "k6", {"users": 100, "rps": 99.5, "p95_ms": 41.2, "error_ratio": 0.001}),
        ("l.json", K6_SUMMARY, "", "k6", {"users": 100, "duration_seconds": 30, "error_ratio": 0.001}),
        ("x_stats.csv", LOCUST, HISTORY, "locust", {"users": 500, "rps": 100, "p95_ms": 45, "error_ratio": 0.01}),
        ("wrk.txt", WRK, "", "wrk", {"users": 1000, "rps": 996.68, "p99_ms": 1200, "error_ratio": 0.01}),
        ("ab.log", AB, "", "ab", {"users": 1000, "rps": 487.8, "p95_ms": 1900, "error_ratio": 0.01}),
        ("hey.txt", HEY, "", "hey", {"rps": 500.25, "p95_ms": 50, "requests": 5000, "error_ratio": 0.02}),
        ("r.jtl", JTL, "", "jmeter", {"users": 60, "requests": 3, "p50_ms": 200, "error_ratio": 1 / 3}),
    ],
)
def test_figures(name: str, text: str, beside: str, tool: str, figures: dict[str, float]) -> None:
    found = read(name, text, NOW, beside=beside)
    assert found is not None
    assert (found.kind, found.tool) == (DrillKind.LOAD, tool)
    for figure, value in figures.items():
        assert found.figures[figure] == pytest.approx(value), figure


def test_thresholds_of_k6() -> None:
    export, summary = read("l.json", K6_EXPORT, NOW), read("l.json", K6_SUMMARY, NOW)
    assert export is not None
    assert summary is not None
    assert (export.passed, summary.passed) == (True, False)


def test_addresses_are_kept() -> None:
    found = [read("a.txt", text, NOW) for text in (AB, WRK)]
    assert [one.target for one in found if one] == [
        "https://shop.example:443/api/jobs/",
        "http://127.0.0.1:8000/api/jobs",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[]"),
        ("a.json", '{"metrics": {}}'),
        ("a.json", '{"kind": "party", "finished_at": "2026-01-01T00:00:00Z"}'),
        ("a.json", '{"kind": "load", "finished_at": "2026-01-01T00:00:00Z", "figures": {"rps": "many"}}'),
        ("a.json", "[" * 100_000),
        ("a.csv", "a,b\n1,2\n"),
        ("a.jtl", "timeStamp,elapsed,success\n,,\n"),
        ("a.txt", "Requests/sec: 99999"),
        ("a.txt", ""),
    ],
)
def test_what_is_no_result(name: str, text: str) -> None:
    assert read(name, text, NOW) is None


def test_unknown_figures_and_numbers_that_are_none_are_left_out() -> None:
    text = '{"kind": "load", "finished_at": "2026-01-01T00:00:00Z", "figures": {"rps": 5, "joy": 1, "users": 1e999}}'
    found = read("a.json", text, NOW)
    assert found is not None
    assert found.figures == {"rps": 5}

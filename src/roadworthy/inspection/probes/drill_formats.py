"""Reads what load generators write: k6, Locust, wrk, hey, ab, JMeter; and our own JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from roadworthy.contracts.drills import FIGURES, DrillKind, DrillResult

MILLISECONDS = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1_000.0, "secs": 1_000.0, "m": 60_000.0}
_TIME = r"([\d.]+) ?(us|µs|ms|secs|s|m)\b"


def read(name: str, text: str, modified: datetime, *, beside: str = "") -> DrillResult | None:
    """The result in a file called `name`, last written at `modified`; None where it holds none.

    `beside` is Locust's history of the same run, which alone tells the users.
    """
    finished_at = modified.isoformat(timespec="seconds")
    if name.endswith(".json"):
        return _json(text, finished_at)
    if name.endswith((".csv", ".jtl")):
        return _locust(text, beside, finished_at) or _jmeter(text)
    return next((one for reader in (_wrk, _ab, _hey) if (one := reader(text, finished_at)) is not None), None)


def moment(text: str) -> datetime | None:
    """A date and time with its offset; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _json(text: str, finished_at: str) -> DrillResult | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("metrics"), dict):
        return _k6(document, finished_at)
    return _own(document)


def _own(document: Mapping[str, Any]) -> DrillResult | None:
    try:
        found = msgspec.convert(document, DrillResult)
    except msgspec.ValidationError:
        return None
    figures = {name: value for name, value in found.figures.items() if name in FIGURES and math.isfinite(value)}
    return replace(found, figures=figures)


def _k6(document: Mapping[str, Any], finished_at: str) -> DrillResult | None:
    """`--summary-export`, or the object that handleSummary gets (figures under "values")."""
    metrics = document["metrics"]

    def figure(metric: str, *names: str) -> float | None:
        found = metrics.get(metric)
        values = found.get("values", found) if isinstance(found, dict) else {}
        return next((float(values[name]) for name in names if isinstance(values.get(name), int | float)), None)

    if figure("http_reqs", "count") is None:
        return None
    state = document.get("state")
    lasted = state.get("testRunDurationMs") if isinstance(state, dict) else None
    figures = {
        "users": figure("vus_max", "max", "value"),
        "requests": figure("http_reqs", "count"),
        "rps": figure("http_reqs", "rate"),
        "p50_ms": figure("http_req_duration", "med"),
        "p95_ms": figure("http_req_duration", "p(95)"),
        "p99_ms": figure("http_req_duration", "p(99)"),
        "error_ratio": figure("http_req_failed", "rate", "value"),
        "duration_seconds": lasted / 1000 if isinstance(lasted, int | float) else None,
    }
    return _load("k6", finished_at, figures, passed=_thresholds(metrics))


def _thresholds(metrics: Mapping[str, Any]) -> bool | None:
    """Whether the run held its own thresholds; None where it set none.

    The export writes `true` for one that was crossed, handleSummary an object that says `ok`.
    """
    held = [
        outcome.get("ok") is True if isinstance(outcome, dict) else outcome is False
        for metric in metrics.values()
        if isinstance(metric, dict) and isinstance(metric.get("thresholds"), dict)
        for outcome in metric["thresholds"].values()
    ]
    return all(held) if held else None


def _rows(text: str) -> Iterator[Mapping[str, str]]:
    try:
        yield from csv.DictReader(io.StringIO(text))
    except csv.Error:
        return


def _locust(text: str, history: str, finished_at: str) -> DrillResult | None:
    """`--csv`: the row that sums up all others."""
    if "Request Count" not in text[:1_000] or "Failure Count" not in text[:1_000]:
        return None
    total = next((row for row in _rows(text) if row.get("Name") == "Aggregated"), None)
    if total is None:
        return None
    requests = _number(total.get("Request Count"))
    users = max((_number(row.get("User Count")) or 0 for row in _rows(history)), default=0)
    figures = {
        "users": users or None,
        "requests": requests,
        "rps": _number(total.get("Requests/s")),
        "p50_ms": _number(total.get("50%")),
        "p95_ms": _number(total.get("95%")),
        "p99_ms": _number(total.get("99%")),
        "error_ratio": (_number(total.get("Failure Count")) or 0) / requests if requests else None,
    }
    return _load("locust", finished_at, figures)


def _jmeter(text: str) -> DrillResult | None:
    """A log of samples as CSV: a line a request, with the moment in it."""
    if not {"timeStamp", "elapsed", "success"} <= set(text[:1_000].partition("\n")[0].strip().split(",")):
        return None
    samples = [
        (began, elapsed, row.get("success") == "true", _number(row.get("allThreads")) or 0)
        for row in _rows(text)
        if (began := _number(row.get("timeStamp"))) and (elapsed := _number(row.get("elapsed"))) is not None
    ]
    if not samples:
        return None
    first, last = min(one[0] for one in samples), max(one[0] + one[1] for one in samples)
    times = sorted(one[1] for one in samples)
    seconds = (last - first) / 1000
    figures = {
        "users": max(one[3] for one in samples) or None,
        "requests": float(len(samples)),
        "rps": len(samples) / seconds if seconds > 0 else None,
        "p50_ms": _percentile(times, 50),
        "p95_ms": _percentile(times, 95),
        "p99_ms": _percentile(times, 99),
        "error_ratio": sum(not one[2] for one in samples) / len(samples),
        "duration_seconds": seconds,
    }
    return _load("jmeter", datetime.fromtimestamp(last / 1000, UTC).isoformat(timespec="seconds"), figures)


def _wrk(text: str, finished_at: str) -> DrillResult | None:
    begun = re.search(r"^Running (\S+) test @ (\S+)", text, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    if begun is None or rate is None:
        return None
    connections = re.search(r"threads and (\d+) connections", text)
    done = re.search(r"^[ \t]+(\d+) requests in ([\d.]+)(m?s|m)\b", text, re.MULTILINE)
    requests = float(done[1]) if done else None
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = sum(float(one) for found in (refused, sockets) if found for one in found.groups())
    figures = {
        "users": float(connections[1]) if connections else None,
        "requests": requests,
        "rps": float(rate[1]),
        **_latencies(text, r"^[ \t]+{}%\s+" + _TIME),
        "error_ratio": errors / requests if requests else None,
        "duration_seconds": float(done[2]) * MILLISECONDS[done[3]] / 1000 if done else None,
    }
    return _load("wrk", finished_at, figures, target=begun[2])


def _ab(text: str, finished_at: str) -> DrillResult | None:
    host = _said(text, "Server Hostname")
    complete, failed = _number(_said(text, "Complete requests")), _number(_said(text, "Failed requests"))
    rate = re.search(r"^Requests per second:\s+([\d.]+)", text, re.MULTILINE)
    if not host or not complete or rate is None:
        return None
    refused = _number(_said(text, "Non-2xx responses")) or 0
    scheme = "https" if _said(text, "SSL/TLS Protocol") else "http"
    figures = {
        "users": _number(_said(text, "Concurrency Level")),
        "requests": complete,
        "rps": float(rate[1]),
        **{
            f"p{n}_ms": float(found[1]) if (found := re.search(rf"^[ \t]+{n}%\s+(\d+)", text, re.MULTILINE)) else None
            for n in (50, 95, 99)
        },
        "error_ratio": ((failed or 0) + refused) / complete,
        "duration_seconds": _number(_said(text, "Time taken for tests").partition(" ")[0]),
    }
    target = f"{scheme}://{host}:{_said(text, 'Server Port')}{_said(text, 'Document Path')}"
    return _load("ab", finished_at, figures, target=target)


def _hey(text: str, finished_at: str) -> DrillResult | None:
    rate = re.search(r"^[ \t]*Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    if rate is None or "Status code distribution" not in text:
        return None
    answered = [(int(code), float(count)) for code, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", text)]
    lost = sum(
        float(count)
        for count in re.findall(r"^[ \t]+\[(\d+)\]\s+\D", text.partition("Error distribution")[2], re.MULTILINE)
    )
    total = sum(count for _, count in answered) + lost
    wrong = sum(count for code, count in answered if code >= 400) + lost  # noqa: PLR2004 - HTTP: an error from here on
    figures = {
        "requests": total,
        "rps": float(rate[1]),
        **_latencies(text, r"^[ \t]+{}%+ in " + _TIME),
        "error_ratio": wrong / total if total else None,
    }
    return _load("hey", finished_at, figures)


def _load(
    tool: str,
    finished_at: str,
    figures: Mapping[str, float | None],
    *,
    passed: bool | None = None,
    target: str = "",
) -> DrillResult:
    known = {name: value for name, value in figures.items() if value is not None and math.isfinite(value)}
    return DrillResult(DrillKind.LOAD, finished_at, known, passed, target=target, tool=tool)


def _latencies(text: str, pattern: str) -> Mapping[str, float | None]:
    def one(percent: int) -> float | None:
        found = re.search(pattern.format(percent), text, re.MULTILINE)
        return float(found[1]) * MILLISECONDS[found[2]] if found else None

    return {f"p{percent}_ms": one(percent) for percent in (50, 95, 99)}


def _said(text: str, label: str) -> str:
    found = re.search(rf"^{re.escape(label)}:\s+(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _number(text: str | None) -> float | None:
    try:
        found = float(text) if text else None
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]

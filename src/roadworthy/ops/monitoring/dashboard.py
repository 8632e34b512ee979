"""The Grafana dashboard over the service's metrics, as the JSON that Grafana imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 39
WIDTH, HEIGHT = 8, 8
COLUMNS = 24 // WIDTH
SOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = 'job=~"$job", instance=~"$instance"'
SERVER_ERRORS = 'status=~"5.."'


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture: `series` maps legends (Grafana's {{label}} syntax) to PromQL; CHOSEN narrows it to what is chosen."""

    title: str
    series: Mapping[str, str]
    unit: str
    about: str
    kind: str = "timeseries"
    stacked: bool = False
    most: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _quantile(share: float, by: str = "") -> str:
    rate = f"rate(http_request_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le{by}) ({rate}))"


def _rate(name: str, by: str = "", labels: str = "") -> str:
    chosen = f"{CHOSEN}, {labels}" if labels else CHOSEN
    return f"sum{f' by ({by})' if by else ''} (rate({name}{{{chosen}}}[$__rate_interval]))"


PANELS: Sequence[Panel] = (
    Panel(
        "Requests",
        {"{{status}}": _rate("http_requests_total", "status")},
        "reqps",
        "Answers a second, by status.",
        stacked=True,
    ),
    Panel(
        "Errors",
        {
            "5xx": f"{_rate('http_requests_total', labels=SERVER_ERRORS)} / {_rate('http_requests_total')}",
            "429": f"{_rate('rate_limited_requests_total')} / {_rate('http_requests_total')}",
        },
        "percentunit",
        "Share of requests that end in a server error, or are refused by rate limits. The objective is 0.1% of errors.",
    ),
    Panel(
        "Time of an answer",
        {f"p{round(share * 100)}": _quantile(share) for share in (0.5, 0.95, 0.99)},
        "s",
        "From the request's head to its answer's end.",
    ),
    Panel(
        "Routes by time spent",
        {"{{route}}": f"topk(10, {_rate('http_request_duration_seconds_sum', 'route')})"},
        "s",
        "Seconds of answering a second: what it would pay to make faster.",
        stacked=True,
    ),
    Panel(
        "Slowest routes",
        {"{{route}}": f"topk(10, {_quantile(0.99, ', route')})"},
        "s",
        "The time within which 99 of 100 answers came, of the ten slowest routes.",
    ),
    Panel(
        "Under way",
        {
            "answered now": f"sum (http_requests_in_flight{{{CHOSEN}}})",
            "sent away a second": _rate("http_requests_shed_total"),
        },
        "short",
        "Requests being answered, and those refused with 503 because too many were.",
    ),
    Panel(
        "Dependencies",
        {"{{dependency}} ({{need}})": f"min by (dependency, need) (dependency_up{{{CHOSEN}}})"},
        "short",
        "1 where every process of every instance reaches it.",
        kind="state-timeline",
        options={"showValue": "never"},
    ),
    Panel(
        "Database connections",
        {
            "{{state}}": f'sum by (state) (database_pool_connections{{{CHOSEN}, state!="limit"}})',
            "limit": f'sum (database_pool_connections{{{CHOSEN}, state="limit"}})',
            "waiting callers": f"sum (database_pool_waiting{{{CHOSEN}}})",
        },
        "short",
        "Connections of the pools by state, their limit, and callers who wait for one.",
    ),
    Panel(
        "Database trouble",
        {
            "slow statements": _rate("database_slow_statements_total"),
            "connections held too long": _rate("database_connections_held_total"),
        },
        "ops",
        "Both are in the log: statements with their plans, connections with the line that took them.",
    ),
    Panel(
        "Answers from the cache",
        {
            "{{tier}}": f"{_rate('response_cache_hits_total', 'tier')} / "
            f"({_rate('response_cache_hits_total', 'tier')} + {_rate('response_cache_misses_total', 'tier')})"
        },
        "percentunit",
        "Share of what was looked for in each tier that was there.",
        most=1,
    ),
    Panel(
        "Cache memory",
        {
            "kept": f"sum (response_cache_bytes{{{CHOSEN}}})",
        },
        "bytes",
        "What the processes keep of answers, together.",
    ),
    Panel(
        "Evictions",
        {"made room": _rate("response_cache_evictions_total")},
        "ops",
        "Answers dropped for others: many of them want a larger RESPONSE_CACHE_BYTES.",
    ),
    Panel(
        "Event loop lag",
        {"{{instance}}": f"max by (instance) (event_loop_lag_seconds{{{CHOSEN}}})"},
        "s",
        "How late the worst process was: whatever blocks it makes every request of it wait.",
    ),
    Panel(
        "Memory",
        {"{{instance}}": f"sum by (instance) (process_resident_memory_bytes{{{CHOSEN}}})"},
        "bytes",
        "Resident memory of an instance's processes.",
    ),
    Panel(
        "Processor",
        {"{{instance}}": _rate("process_cpu_seconds_total", "instance")},
        "short",
        "Cores at work.",
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as a JSON object: pictures in rows of three, with a choice of data source, job and instance."""
    return {
        "uid": "roadworthy",
        "title": "Roadworthy",
        "tags": ["roadworthy"],
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "graphTooltip": 1,
        "templating": {"list": [_sources(), _choice("job", "roadworthy_info"), _choice("instance", "roadworthy_info")]},
        "annotations": {"list": []},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _sources() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _choice(label: str, metric: str) -> dict[str, Any]:
    narrowed = metric if label == "job" else f'{metric}{{job=~"$job"}}'
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({narrowed}, {label})", "refId": label},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    drawn: dict[str, Any] = {"lineWidth": 1, "fillOpacity": 20 if panel.stacked else 5, "showPoints": "never"}
    if panel.stacked:
        drawn["stacking"] = {"mode": "normal"}
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "custom": drawn if panel.kind == "timeseries" else {}}
    if panel.most is not None:
        defaults["max"] = panel.most
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}, **panel.options},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for place, (legend, expression) in enumerate(panel.series.items())
        ],
    }

"""What the service publishes about itself as metrics, and what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.schedules import keeps_data
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.servers import SharedMemory
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.exposition import Exposition, Sample
from roadworthy.inspection.probes.host import programs
from roadworthy.inspection.probes.http import VANTAGE, Answer

REQUESTS = re.compile(r"request|http", re.IGNORECASE)
DATABASE = re.compile(
    r"^pg_|postgres|(?:^|_)(?:db|database)_.*(?:connection|pool|up|session)|(?:connection|pool)s?_.*(?:db|database)",
    re.IGNORECASE,
)
REDIS_MEMORY = re.compile(r"(?:redis|valkey).{0,200}memory|memory.{0,200}(?:redis|valkey)", re.IGNORECASE)
EXPORTERS = {
    "database": ("postgres_exporter", "pgbouncer_exporter", "pgwatch", "pganalyze-collector"),
    "redis": ("redis_exporter",),
}
AGENTS = (
    "datadog-agent",
    "telegraf",
    "netdata",
    "newrelic-infra",
    "zabbix_agentd",
    "collectd",
    "alloy",
    "otelcol",
    "vector",
)
ANSWERED = re.compile(r"(?:requests?|responses?)(?:_\w+)?_(?:total|count)$")
STATUS_LABELS = ("status", "code", "status_code", "http_status")
MAX_RATIO = 0.001


async def _published(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    answer, page = await surface.metrics(probes, requirement)
    evidence = _page_evidence(answer, page, http.vantage)
    counters, histograms = page.typed("counter"), page.typed("histogram")
    if not page.valid:
        wrong = f"{len(page.errors)} unreadable lines" if page.errors else f"{answer.status}, no metrics"
        return failed(f"{answer.path}: {wrong}", evidence, mend="publish Prometheus metrics: requests, latency, errors")
    missing = [
        kind
        for kind, found in (("counter", counters), ("histogram", histograms))
        if not any(map(REQUESTS.search, found))
    ]
    if missing:
        return failed(
            f"{answer.path} has no {' and no '.join(missing)} of requests among {len(page.names)} series",
            evidence,
            mend="count requests by status, and measure their time in a histogram",
        )
    return passed(f"{answer.path} publishes {len(page.names)} series: {listed([*counters, *histograms], 6)}", evidence)


def _page_evidence(answer: Answer, page: Exposition, vantage: str) -> Evidence:
    text = f"{answer.status}, {len(page.samples)} samples of {len(page.names)} series: {listed(page.names, 40)}"
    return observe(f"GET {answer.path}", text, vantage, basis=f"{answer.status} {listed(page.names, 400)}")


async def _database(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    return await _watched(probes, "database", DATABASE, "connections of the database")


async def _redis(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    return await _watched(probes, "redis", REDIS_MEMORY, "memory of Redis")


async def _watched(probes: Probes, what: str, series: re.Pattern[str], words: str) -> Verdict:
    """A series about it is published, or an exporter or agent runs beside it."""
    evidence: list[Evidence] = []
    found: Sequence[Sample] = ()
    told = False
    with if_seen():
        answer, page = await surface.metrics(probes)
        found, told = page.find(series), True
        text = f"{len(page.names)} series looked at; about it: {listed(sorted({one.name for one in found}))}"
        evidence.append(observe(f"GET {answer.path}", text, VANTAGE, basis=listed(sorted({one.name for one in found}))))
    watchers = probes.host.running(*EXPORTERS[what], *AGENTS) if probes.host else ()
    if probes.host is not None:
        seen = listed(sorted({one.name for one in watchers}))
        evidence.append(
            observe(
                "exporters and agents",
                f"{seen}; {len(probes.host.processes())} processes looked at",
                probes.host.vantage,
                basis=seen,
            )
        )
    if found:
        values = ", ".join(f"{one.name} {one.value:g}" for one in found[:3])
        return passed(f"{words} are published: {values}", *evidence)
    exporter = [one for one in watchers if set(EXPORTERS[what]) & set(programs(one))]
    if exporter:
        return passed(f"{exporter[0].name} watches it", *evidence)
    if watchers or not evidence:
        return unknown(
            f"{listed({one.name for one in watchers})} runs; whether it watches the {what} was not seen",
            *evidence,
            mend="offer the monitoring system's address",
        )
    if not told and (what != "database" or not keeps_data(probes)):
        return unknown(
            f"no exporter shows the {words} here; the service's own series, or what watches elsewhere, was not seen",
            *evidence,
            mend="[http] url of a service that publishes /metrics, or attest to it",
        )
    return failed(
        f"no series and no exporter shows the {words}", *evidence, mend=f"run {EXPORTERS[what][0]}, or publish a gauge"
    )


async def _error_ratio(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    answer, page = await surface.metrics(probes)
    samples = [(one, _status(one)) for one in page.find(ANSWERED)]
    counted = [(one, status) for one, status in samples if status]
    name = counted[0][0].name if counted else ""
    total = sum(one.value for one, _ in counted if one.name == name)
    broken = sum(one.value for one, status in counted if one.name == name and status.startswith("5"))
    allowed = requirement.number("max_ratio", MAX_RATIO)
    enough = 1 / (allowed or MAX_RATIO)
    if not counted or (total < enough and (allowed or not broken)):
        raise Unobservable(
            f"{total:.0f} requests are counted by status: too few to say anything about {allowed:.2%}",
            f"inspect after {enough:.0f} requests or more, counted by status in {answer.path}",
        )
    evidence = observe(
        f"GET {answer.path}: {name}",
        f"{broken:.0f} of {total:.0f} answers are 5xx",
        http.vantage,
        basis=f"{name} above the limit: {broken / total > allowed}",
    )
    if broken / total > allowed:
        return failed(
            f"{broken / total:.3%} of {total:.0f} answers are errors, the line allows {allowed:.2%}",
            evidence,
            mend="look at the error log, by route",
        )
    return passed(f"{broken / total:.3%} of {total:.0f} answers are errors", evidence)


def _status(sample: Sample) -> str:
    return next((sample.labels[name] for name in STATUS_LABELS if name in sample.labels), "")


GOOD_PAGE = """# TYPE http_requests_total counter
http_requests_total{route="/api/items",status="200"} 4999
http_requests_total{route="/api/items",status="500"} 1
# TYPE http_request_seconds histogram
http_request_seconds_bucket{le="0.1"} 5000
http_request_seconds_bucket{le="+Inf"} 5000
http_request_seconds_sum 12.5
http_request_seconds_count 5000
# TYPE db_pool_connections gauge
db_pool_connections{state="idle"} 4
# TYPE redis_memory_used_bytes gauge
redis_memory_used_bytes 1048576
"""
BAD_PAGE = """# TYPE http_requests_total counter
http_requests_total{status="200"} 4000
http_requests_total{status="500"} 1000
"""


def _metrics(text: str) -> Site:
    return pages({"/metrics": reply(text, content_type="text/plain; version=0.0.4")})


PUBLISHED = Check(
    id="mon.metrics.page",
    requirements=("mon.metrics", "mon.latency"),
    title="Metrics are published, with requests counted and timed",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_published,
    documentation=Documentation(
        what="A page of metrics that a scraper takes, with a counter and a histogram of requests.",
        why="Without them the first sign of trouble is a user's letter.",
        how_verified="Asks /metrics or the line's path and parses every line of the exposition format.",
        how_to_mend="A Prometheus client library; mind several processes (its multiprocess mode, or one aggregator).",
        not_applicable_when="Never.",
    ),
    fixtures=twins("mon.metrics", must_fail=Stage(site=_metrics(BAD_PAGE)), mended=Stage(site=_metrics(GOOD_PAGE))),
)

DATABASE_WATCHED = Check(
    id="mon.db.series",
    requirements=("mon.db",),
    title="The database's connections are monitored",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_database,
    documentation=Documentation(
        what="A series about the database's connections is published, or an exporter for it runs.",
        why="Connections run out slowly, and then all at once.",
        how_verified="Names of the series in /metrics; processes of this machine.",
        how_to_mend="postgres_exporter, or gauges of the pool.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.db",
        must_fail=Stage(site=_metrics(BAD_PAGE), machine=Machine((Program("gunicorn app:app", listens=True),))),
        mended=Stage(site=_metrics(GOOD_PAGE), machine=Machine((Program("gunicorn app:app", listens=True),))),
    ),
)

REDIS_WATCHED = Check(
    id="redis.monitor.series",
    requirements=("redis.monitor",),
    title="Redis' memory is monitored",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_redis,
    documentation=Documentation(
        what="A series about Redis' memory is published, or redis_exporter runs.",
        why="A full Redis evicts sessions or refuses writes; both look like bugs elsewhere.",
        how_verified="Names of the series in /metrics; processes of this machine.",
        how_to_mend="redis_exporter, or a gauge of used_memory.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "redis.monitor",
        must_fail=Stage(site=_metrics(BAD_PAGE), redis=SharedMemory()),
        mended=Stage(site=_metrics(GOOD_PAGE), redis=SharedMemory()),
    ),
)

ERROR_RATIO = Check(
    id="perf.errors.ratio",
    requirements=("perf.errors",),
    title="Few answers are errors",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_error_ratio,
    documentation=Documentation(
        what="The share of 5xx among the answers counted since the start is under the line's number.",
        why="A thousandth of a thousand users is one person with a broken page.",
        how_verified="Counters by status in /metrics; too few requests for the number are unknown.",
        how_to_mend="Look at the error log, by route.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "perf.errors",
        {"max_ratio": 0.001},
        must_fail=Stage(site=_metrics(BAD_PAGE)),
        mended=Stage(site=_metrics(GOOD_PAGE)),
    ),
)

CHECKS = (PUBLISHED, DATABASE_WATCHED, REDIS_WATCHED, ERROR_RATIO)

"""What the monitoring system shows: business figures, dashboards with data, uptime over weeks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.alerting import JOBS_REMEDY, own_series
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.monitoring import SERVICE, Monitoring
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.promql import selectors
from roadworthy.inspection.probes.repo import RepoProbe

PLAIN = frozenset(
    re.findall(
        r"\w+",
        "a add all an analytics and application are as business capture collect collected configure "
        "configured count counter counters create custom daily dashboard data define defined each enable "
        "enabled event events every figures for gauge have health hour implement in indicators instrument key "
        "kpi kpis log logged measure measured metric metrics minute monitor monitored monitoring month number "
        "of on over per period production prometheus rate rates record recorded set setup show so system "
        "telemetry that the time to track tracked tracking up verify via week with ",
    )
)
"""Words of such lines that say nothing about what is counted."""
OUTCOME = frozenset({"success", "failure", "succeeded", "failed", "failures", "errors"})
ASIDE = re.compile(r"bookmark|test(?:ed|ing)|annotat|linked|alert|review|distinguish|useful|healthy", re.IGNORECASE)
PANELS_LIMIT, FILES_LIMIT, ASKED_LIMIT = 60, 20, 12
WINDOW, STEP_SECONDS = "30d:5m", 300
DAYS_MIN = 7
DAY_SECONDS = 86_400
MIN_RATIO = 0.999


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A Grafana dashboard in the tree: its title, and the PromQL of its panels by their titles."""

    path: str
    title: str
    queries: Sequence[tuple[str, str]]


async def _business(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    words = [one for one in re.findall(r"[a-z]{3,}", subject.lower().replace("prc", "")) if one not in PLAIN]
    if not words:
        raise Unobservable("the line does not say which figure it means", 'name it: "uploads per hour"')
    names, where = await _series(probes)
    wanted = [one for one in words if one not in OUTCOME]
    fitting = [name for name in names if all(_stem(one) in name.lower() for one in wanted)] if wanted else []
    evidence = observe(
        f"series about {listed(wanted)}",
        f"{listed(fitting)}; {len(names)} series looked at",
        where,
        basis=listed(fitting),
    )
    if (
        fitting
        and set(words) & OUTCOME
        and not any(re.search(r"fail|error|success|outcome|result", one) for one in fitting)
    ):
        return unknown(f"{fitting[0]} counts; whether by outcome was not seen", evidence, mend="a label: outcome")
    if fitting:
        return passed(f"{listed(fitting, 4)}: measured", evidence)
    return failed(f"none of {len(names)} series is about {listed(wanted)}", evidence, mend="count it where it happens")


async def _series(probes: Probes) -> tuple[Sequence[str], str]:
    """Names of the service's series, by its own page or by Prometheus.

    Raises:
        Unobservable: neither shows any.
    """
    if probes.prometheus is not None:
        own = await own_series(probes, probes.prometheus, wide=False)
        names = await probes.prometheus.names(f"{{{own}}}") if own else []
        if names:
            return names, probes.prometheus.vantage
    with if_seen():
        answer, page = await surface.metrics(probes)
        if page.valid:
            return page.names, f"GET {answer.path}"
    raise Unobservable("no metrics of this service can be seen", f"publish /metrics, or {JOBS_REMEDY}")


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ies", "ed", "es", "s", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:  # noqa: PLR2004 - shorter stems are in everything
            return word[: -len(ending)]
    return word


async def _dashboard(probes: Probes, requirement: Requirement) -> Verdict:
    repo, prometheus = offered(probes.repo, "repo"), probes.prometheus
    if ASIDE.search(requirement.text("subject")):
        raise Unobservable("the line asks more than that a dashboard shows the service", "ask for that alone")
    found = list(_dashboards(repo))
    if not found:
        raise Unobservable("no dashboard is in the source tree", "keep it there as JSON, or attest where it is")
    if prometheus is None:
        raise Unobservable(
            f"{found[0].title} ({found[0].path}) is there; whether its panels show data was not seen",
            '[prometheus] url = "http://prometheus:9090"',
        )
    best = max(found, key=lambda one: len(one.queries))
    empty = [panel for panel, query in best.queries[:ASKED_LIMIT] if not await _shows(probes, query)]
    asked = min(len(best.queries), ASKED_LIMIT)
    evidence = observe(
        f"dashboard {best.title} ({best.path})",
        f"{asked} of {len(best.queries)} queries asked; empty: {listed(empty)}",
        prometheus.vantage,
    )  # fmt: skip
    if empty:
        return failed(
            f"{best.title}: no data in {listed(empty, 4)}", evidence, mend="mend the queries, or scrape what they need"
        )
    return passed(f"{best.title} shows data in all {asked} panels asked", evidence)


async def _shows(probes: Probes, query: str) -> bool:
    """Whether every series that a panel needs exists; what it is given by variables is left out."""
    prometheus = offered(probes.prometheus, "prometheus")
    plain = re.sub(r"\$\{?\w+(?::\w+)?\}?", "5m", query)
    needed = [one for one in selectors(plain) if one.name]
    variables = frozenset(label for label in re.findall(r"\b(\w{1,200})\s{0,9}=~?\s{0,9}\"[^\"]{0,200}\$", query))
    counts = [await prometheus.count(one.without(variables).text()) for one in needed[:3]]
    return bool(counts) and all(counts)


def _dashboards(repo: RepoProbe) -> Iterator[Dashboard]:
    for path in repo.find("*dashboard*.json", "grafana/*.json", "*/grafana/*.json", aside=False)[:FILES_LIMIT]:
        try:
            document = json.loads(repo.read(path))
        except (ValueError, RecursionError):
            continue
        inner = document.get("dashboard", document) if isinstance(document, dict) else {}
        panels = inner.get("panels") if isinstance(inner, dict) else None
        queries = list(_queries(panels if isinstance(panels, list) else []))
        if queries:
            yield Dashboard(path, str(inner.get("title") or path), queries)


def _queries(panels: Sequence[object]) -> Iterator[tuple[str, str]]:
    waiting = list(panels)
    for _ in range(PANELS_LIMIT):
        if not waiting:
            return
        panel = waiting.pop(0)
        if not isinstance(panel, dict):
            continue
        inner, targets = panel.get("panels"), panel.get("targets")
        waiting += inner if isinstance(inner, list) else []
        for target in targets if isinstance(targets, list) else ():
            if isinstance(target, dict) and isinstance(target.get("expr"), str) and selectors(target["expr"]):
                yield str(panel.get("title", "")), target["expr"]


async def _uptime(probes: Probes, requirement: Requirement) -> Verdict:
    prometheus = offered(probes.prometheus, "prometheus")
    own = await own_series(probes, prometheus, wide=False)
    if not own:
        raise Unobservable("which of Prometheus' targets are this service was not seen", JOBS_REMEDY)
    points = await prometheus.value(f"count_over_time(max(up{{{own}}})[{WINDOW}])")
    ratio = await prometheus.value(f"avg_over_time(max(up{{{own}}})[{WINDOW}])")
    wanted = requirement.number("min_ratio", MIN_RATIO)
    if points is None or ratio is None:
        raise Unobservable("Prometheus holds no samples of this service's up", JOBS_REMEDY)
    days = points * STEP_SECONDS / DAY_SECONDS
    above = ratio >= wanted
    evidence = observe(
        f"up of {own}", f"{ratio:.4%} over {days:.1f} days", prometheus.vantage, basis=f"{above} {wanted}"
    )
    if not above:
        return failed(
            f"up {ratio:.3%} of {days:.0f} days, the line asks {wanted:.3%}", evidence, mend="see when it was down"
        )
    if days < DAYS_MIN:
        return unknown(
            f"up {ratio:.3%}, but only {days:.1f} days are known", evidence, mend=f"inspect after {DAYS_MIN} days"
        )
    return passed(f"up {ratio:.3%} of {days:.0f} days, as Prometheus scraped it", evidence)


def _page(text: str) -> Stage:
    return Stage(site=pages({"/metrics": reply(text, content_type="text/plain")}))


def _grafana(expression: str) -> Mapping[str, str]:
    panel = {"title": "Requests", "targets": [{"expr": expression}]}
    return {"monitoring/dashboard.json": json.dumps({"title": "Shop", "panels": [panel]})}


SCRAPED = Monitoring(series=[("http_requests_total", {"job": SERVICE})])
BUSINESS = Check(
    id="mon.business.series",
    requirements=("mon.business",),
    title="The figure that the line names is measured",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_business,
    documentation=Documentation(
        what="A series of this service is called as the line calls the figure.",
        why="Requests may all succeed while nobody can buy anything.",
        how_verified="Names of the series in /metrics or, of this service's jobs, in Prometheus: one must hold every "
        "word of the line that says what is counted.",
        how_to_mend="A counter where it happens.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.business",
        {"subject": "Uploads per hour tracked"},
        must_fail=_page("http_requests_total 12\n"),
        mended=_page("file_uploads_total 12\n"),
    ),
)
DASHBOARD = Check(
    id="mon.dash.panels",
    requirements=("mon.dash",),
    title="A dashboard shows the service",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"repo"}),
    run=_dashboard,
    documentation=Documentation(
        what="A Grafana dashboard is in the source tree, and the series that its panels need exist.",
        why="Dashboards are imported once and go empty with the next rename.",
        how_verified="JSON of the dashboard with most queries; up to twelve of its panels are asked of Prometheus.",
        how_to_mend="Keep the dashboard beside the code that names the series.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.dash",
        must_fail=Stage(repo=_grafana("rate(requests_total[5m])"), monitoring=SCRAPED),
        mended=Stage(repo=_grafana('rate(http_requests_total{job="$job"}[$__rate_interval])'), monitoring=SCRAPED),
    ),
)
UPTIME = Check(
    id="perf.uptime.scraped",
    requirements=("perf.uptime",),
    title="The service was up long enough",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"prometheus"}),
    run=_uptime,
    documentation=Documentation(
        what="The share of time in which Prometheus reached the service, over up to 30 days, is at least the line's.",
        why="A percentage without a measurement is a slogan.",
        how_verified="up of the service's own targets; less than a week of samples is unknown.",
        how_to_mend="See when it was down, and why.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "perf.uptime",
        {"min_ratio": 0.999},
        must_fail=Stage(monitoring=Monitoring(values={"count_over_time": 8640, "avg_over_time": 0.99})),
        mended=Stage(monitoring=Monitoring(values={"count_over_time": 8640, "avg_over_time": 0.9995})),
    ),
)

CHECKS = (BUSINESS, DASHBOARD, UPTIME)

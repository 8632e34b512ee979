"""Alert rules of the tree against the series that exist: a rule about nothing never fires."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.exposition import Exposition
from roadworthy.inspection.probes.prometheus import PrometheusProbe
from roadworthy.inspection.probes.promql import Selector, selectors
from roadworthy.inspection.probes.repo import RepoProbe

FILES = ("*rule*.yml", "*rule*.yaml", "*alert*.yml", "*alert*.yaml", "prometheus/*.yml", "prometheus/*.yaml")
ASKED_MAX = 30
OTHERS = re.compile(
    r"^(?:up$|ALERTS|scrape_|node_|pg_|postgres_|redis_|kube_|container_|probe_|nginx_|process_|blackbox_|machine_"
    r"|cadvisor_|rabbitmq_|haproxy_|traefik_|mysql_|elasticsearch_|prometheus_|alertmanager_|windows_|jvm_|aws_|pushgateway_)"
)
"""Published by exporters and by Prometheus: a service's own page of metrics says nothing about them."""
SUFFIX = re.compile(r"_(?:bucket|count|sum|total|created)$")


@dataclass(frozen=True, slots=True)
class Rule:
    """An alerting rule of a file, and the series that it is about."""

    name: str
    path: str
    series: tuple[str, ...]


async def _exist(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    rules, recorded = await asyncio.to_thread(rules_of, repo)
    if not rules:
        raise Unobservable(
            f"no file of {len(repo.files)} holds an alerting rule with a series",
            "keep the rules in the tree: *.rules.yml",
        )
    wanted = sorted({name for rule in rules for name in rule.series} - recorded)
    there, unseen, vantage = await _there(probes, wanted)
    missing = [name for name in wanted if name not in there and name not in unseen]
    mute = [rule for rule in rules if set(rule.series) & set(missing)]
    evidence = observe(
        f"series of {len(rules)} alerting rules",
        f"there: {listed(sorted(there))}; missing: {listed(missing)}; not to be seen here: {listed(unseen)}",
        vantage,
        basis=f"missing: {listed(missing, 50)}; unseen: {listed(unseen, 50)}",
    )
    if mute:
        words = [
            f"{rule.name} ({rule.path}) rests on {listed(sorted(set(rule.series) & set(missing)))}" for rule in mute
        ]
        return failed(
            f"{len(mute)} of {len(rules)} alerts can never fire: {listed(words, 3)}, which does not exist",
            evidence,
            mend="publish the series, or mend its name in the rule",
        )
    if unseen:
        return unknown(
            f"{len(there)} of {len(wanted)} series exist; of others this page says nothing: {listed(unseen, 4)}",
            evidence,
            mend='[prometheus] url = "http://prometheus:9090"',
        )
    return passed(f"all {len(wanted)} series of {len(rules)} alerting rules exist", evidence)


async def _there(probes: Probes, wanted: Sequence[str]) -> tuple[frozenset[str], Sequence[str], str]:
    """Which of the series exist, of which nothing is known, and who says so."""
    if probes.prometheus is not None:
        there = await _counted(probes.prometheus, wanted[:ASKED_MAX])
        return there, wanted[ASKED_MAX:], probes.prometheus.vantage
    answer, page = await surface.metrics(probes)
    if not page.valid:
        raise Unobservable(
            f"{answer.path} answers {answer.status} with no metrics: which series exist is not known",
            '[prometheus] url = "http://prometheus:9090"',
        )
    names = _names(page)
    there = frozenset(name for name in wanted if name in names)
    return there, [name for name in wanted if name not in there and OTHERS.match(name)], f"GET {answer.path}"


async def _counted(prometheus: PrometheusProbe, wanted: Sequence[str]) -> frozenset[str]:
    return frozenset([name for name in wanted if await prometheus.count(name) > 0])


def _names(page: Exposition) -> frozenset[str]:
    """Names of samples and of families: a counter with labels is declared before its first sample."""
    families = set(page.types)
    made = {f"{name}{suffix}" for name in families for suffix in ("", "_total", "_bucket", "_count", "_sum")}
    return frozenset(set(page.names) | made)


def rules_of(repo: RepoProbe) -> tuple[Sequence[Rule], frozenset[str]]:
    """Alerting rules with the series that they name, and the names that recording rules make."""
    rules: list[Rule] = []
    recorded: set[str] = set()
    for path, rule in _written(repo):
        if "record" in rule:
            recorded.add(str(rule["record"]))
        names = tuple(dict.fromkeys(one.name for one in selectors(str(rule.get("expr", ""))) if _needed(one)))
        if "alert" in rule and names:
            rules.append(Rule(str(rule["alert"]), path, names))
    return rules, frozenset(recorded)


def _needed(selector: Selector) -> bool:
    """absent() fires just where there is no series."""
    return bool(selector.name) and not selector.absent


def _documents(text: str) -> Sequence[object]:
    try:
        return yaml_files.documents(text)
    except yaml_files.NotYaml:
        return ()


def _written(repo: RepoProbe) -> Iterator[tuple[str, dict[str, object]]]:
    for path in repo.find(*FILES, aside=False):
        for document in _documents(repo.read(path)):
            spec = document.get("spec") if isinstance(document, dict) else None  # a PrometheusRule of Kubernetes
            holder = spec if isinstance(spec, dict) and "groups" in spec else document
            groups = holder.get("groups") if isinstance(holder, dict) else None
            for group in groups if isinstance(groups, list) else ():
                found = group.get("rules") if isinstance(group, dict) else None
                yield from (
                    (path, rule) for rule in (found if isinstance(found, list) else ()) if isinstance(rule, dict)
                )


RULES = """groups:
- name: shop
  rules:
  - alert: ManyErrors
    expr: rate(http_requests_total{status=~"5.."}[5m]) > 0.1
"""


def _publishing(name: str) -> Site:
    return pages({"/metrics": reply(f"# TYPE {name} counter\n{name} 3\n", content_type="text/plain")})


EXIST = Check(
    id="cross.alerts.series",
    requirements=("cross.alerts",),
    title="Alert rules rest on series that exist",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"repo"}),
    run=_exist,
    timeout_seconds=60.0,
    documentation=Documentation(
        what="Every series that an alerting rule of the tree names exists, or is made by a recording rule.",
        why="A rule about a series that was renamed is silent for ever, and silence looks like health.",
        how_verified="Rules in YAML files (also PrometheusRule of Kubernetes), their expressions read; each series is "
        "counted in Prometheus where it is offered, else looked for on the service's page of metrics, which says "
        "nothing about those of exporters.",
        how_to_mend="Publish the series, or mend the rule; promtool test rules keeps them together.",
        not_applicable_when="Never; without rules in the tree it is unknown.",
    ),
    fixtures=twins(
        "cross.alerts",
        must_fail=Stage(repo={"deploy/alerts.yml": RULES}, site=_publishing("http_responses_total")),
        mended=Stage(repo={"deploy/alerts.yml": RULES}, site=_publishing("http_requests_total")),
    ),
)

CHECKS = (EXIST,)

"""When an alert counts: it is loaded, its series exist, they are the service's, and it reaches somebody."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Evidence, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import PROBE_REMEDIES, Probes
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.alertmanager import Routing, Silence, load_yaml
from roadworthy.inspection.probes.prometheus import LOOPBACK, AlertRule, PrometheusProbe, ScrapeTarget, quoted
from roadworthy.inspection.probes.promql import Selector, selectors, thresholds
from roadworthy.inspection.probes.repo import RepoProbe

CANDIDATES_LIMIT = 8
STATUS_LABELS = frozenset(
    {"status", "code", "status_code", "http_status", "http_status_code", "response_code", "status_class"}
)
RULE_FILES = ("*rule*.y*ml", "*alert*.y*ml", "prometheus*.y*ml")
JOBS_REMEDY = '[prometheus] jobs = ["..."], the scrape jobs that belong to this service'
_STATED = re.compile(
    r"(?:>=?|\babove|\bover|\bexceed\w*|\b(?:more|greater) than)\s*"
    r"(?P<n>\d+(?:\.\d+)?)\s*(?P<u>%|percent|ms|s\b|sec)?",
    re.IGNORECASE,
)

About = Callable[[Selector], bool]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a rule does not count; `certain` where it was seen not to, rather than not seen to."""

    rule: str
    words: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of an alert once it fires."""

    sends: bool
    routing: Routing | None
    silences: Sequence[Silence]


async def judge(probes: Probes, about: About, what: str, *, subject: str = "", wide: bool = False) -> Verdict:
    """Whether a loaded alert about `what` watches this service and reaches somebody.

    `wide`: what belongs to the machine or the database rather than to the service's own metrics.
    """
    prometheus = probes.prometheus
    if prometheus is None:
        raise Unobservable(*_only_in_files(probes.repo, about, what))
    rules = await prometheus.rules()
    evidence = observe(
        "alerting rules that are loaded",
        f"{len(rules)}: {listed(sorted({rule.name for rule in rules}), 20)}",
        prometheus.vantage,
    )
    fitting = [rule for rule in rules if any(about(one) for one in selectors(rule.expression))]
    if not fitting:
        return failed(
            f"none of {len(rules)} loaded alerting rules is about {what}", evidence, mend=f"write an alert about {what}"
        )
    delivery = await delivered(prometheus)
    doubts: list[Doubt] = []
    for rule in fitting[:CANDIDATES_LIMIT]:
        doubt = _not_as_stated(rule, subject) or await _not_alive(probes, prometheus, rule, about, wide=wide)
        doubt = doubt or _undelivered(rule, delivery)
        if doubt is None:
            return passed(f"{rule.name} watches {what}", evidence, _told(rule, delivery, prometheus.vantage))
        doubts.append(doubt)
    return _doubted(doubts, what, evidence, prometheus.vantage)


async def delivered(prometheus: PrometheusProbe) -> Delivery:
    """Where alerts of this Prometheus go."""
    return Delivery(bool(await prometheus.alertmanagers()), await prometheus.routing(), await prometheus.silences())


def _only_in_files(repo: RepoProbe | None, about: About, what: str) -> tuple[str, str]:
    found = [name for name, expression in written(repo) if any(about(one) for one in selectors(expression))]
    if found:
        words = f"{listed(found, 3)} stands in a file; whether it is loaded and reaches somebody was not seen"
        return words, PROBE_REMEDIES["prometheus"]
    return f"no monitoring system is offered: no alert about {what} can be seen", PROBE_REMEDIES["prometheus"]


def written(repo: RepoProbe | None) -> Sequence[tuple[str, str]]:
    """Alerts in rule files of the source tree: their names and expressions."""
    found: list[tuple[str, str]] = []
    for path in repo.find(*RULE_FILES, aside=False) if repo else ():
        document = load_yaml(repo.read(path)) if repo else None
        spec = document.get("spec", document) if isinstance(document, dict) else {}
        groups = spec.get("groups") if isinstance(spec, dict) else None
        for group in groups if isinstance(groups, list) else ():
            rules = group.get("rules") if isinstance(group, dict) else None
            found += [
                (f"{rule['alert']} ({path})", str(rule.get("expr", "")))
                for rule in (rules if isinstance(rules, list) else ())
                if isinstance(rule, dict) and rule.get("alert")
            ]
    return found


def _not_as_stated(rule: AlertRule, subject: str) -> Doubt | None:
    """A line that gives the threshold is about a rule with that threshold."""
    stated = _STATED.search(subject)
    if stated is None:
        return None
    number, unit = float(stated["n"]), (stated["u"] or "").lower()
    wanted = (
        {number, number / 100} if unit in {"%", "percent"} else {number, number / 1000} if unit == "ms" else {number}
    )
    compared = thresholds(rule.expression)
    if any(math.isclose(one, other) for one in compared for other in wanted):
        return None
    words = f"compares with {listed(f'{one:g}' for one in compared)}, the line says {stated[0].strip()}"
    return Doubt(rule.name, words, certain=bool(compared))


async def _not_alive(
    probes: Probes, prometheus: PrometheusProbe, rule: AlertRule, about: About, *, wide: bool
) -> Doubt | None:
    if rule.health != "ok":
        broken = rule.health == "err"
        return Doubt(rule.name, f"can't be evaluated: {rule.problem or rule.health}", certain=broken)
    needed = [one for one in selectors(rule.expression) if about(one) and not one.absent]
    if not needed:
        return Doubt(rule.name, "only asks whether series are absent", certain=False)
    own = await own_series(probes, prometheus, wide=wide)
    for selector in needed:
        doubt = await _not_there(prometheus, rule, selector, own)
        if doubt is not None:
            return doubt
    return None


async def _not_there(prometheus: PrometheusProbe, rule: AlertRule, selector: Selector, own: str) -> Doubt | None:
    """No series of the service now; before the first error there is none with its status, and the counter is enough."""
    counted = selector.without(STATUS_LABELS)
    if not own:
        if not await prometheus.count(counted.text()):
            return Doubt(rule.name, f"its series don't exist: {selector.text()}", certain=True)
        return Doubt(rule.name, "whether its series are this service's was not seen", certain=False)
    if await prometheus.count(counted.text(own)):
        return None
    elsewhere = await prometheus.count(counted.text())
    if elsewhere and ":" in selector.name:
        return Doubt(rule.name, f"{selector.name} is recorded without its job: whose it is was not seen", certain=False)
    there = "exist for others only" if elsewhere else "don't exist"
    return Doubt(rule.name, f"its series {there}: {selector.text()}", certain=True)


async def own_series(probes: Probes, prometheus: PrometheusProbe, *, wide: bool) -> str:
    """A matcher for series of this service; empty where none can be told."""
    if prometheus.jobs:
        return f'job=~"{quoted(prometheus.jobs)}"'
    instances = [one.instance for one in await prometheus.targets() if _belongs(probes, prometheus, one, wide=wide)]
    return f'instance=~"{quoted(sorted(set(instances)))}"' if instances else ""


def _belongs(probes: Probes, prometheus: PrometheusProbe, target: ScrapeTarget, *, wide: bool) -> bool:
    """Whether it is scraped from the service's own address; of the machine, whether it is scraped here."""
    if probes.http is None:
        return False
    place = addresses.parse(target.url)
    here = place.host in LOOPBACK and prometheus.local and probes.http.loopback
    same_port = (place.port or {"http": 80, "https": 443}.get(place.scheme)) == probes.http.port
    return (here or place.host == probes.http.host) and (wide or same_port)


def _undelivered(rule: AlertRule, delivery: Delivery) -> Doubt | None:
    if not delivery.sends:
        return Doubt(rule.name, "Prometheus sends its alerts nowhere", certain=True)
    if delivery.routing is None:
        return Doubt(rule.name, "whom it reaches was not seen: alertmanager_url is not offered", certain=False)
    silence = next((one for one in delivery.silences if one.covers(rule.labels)), None)
    if silence is not None:
        return Doubt(rule.name, f"is silenced until {silence.ends_at}", certain=True)
    reached = delivery.routing.reached(rule.labels)
    lost = [one for one in reached if not one.reaches]
    if lost:
        why = listed(part for one in lost for part in one.dead) if any(one.dead for one in lost) else "tells nobody"
        return Doubt(rule.name, f"goes to {lost[0].name or 'no receiver'}: {why}", certain=len(lost) == len(reached))
    return None


def _told(rule: AlertRule, delivery: Delivery, vantage: str) -> Evidence:
    reached = delivery.routing.reached(rule.labels) if delivery.routing else ()
    names = listed(f"{one.name} ({listed(one.ways)})" for one in reached)
    return observe(f"alert {rule.name}", f"{rule.expression}\nits series exist; it goes to {names}", vantage)


def _doubted(doubts: Sequence[Doubt], what: str, evidence: Evidence, vantage: str) -> Verdict:
    words = "\n".join(f"{one.rule}: {one.words}" for one in doubts)
    seen = observe(f"alerts about {what}", words, vantage)
    open_question = next((one for one in doubts if not one.certain), None)
    if open_question is not None:
        return unknown(f"{open_question.rule} {open_question.words}", evidence, seen, mend=_remedy(open_question))
    return failed(f"{doubts[0].rule} {doubts[0].words}", evidence, seen, mend="mend the rule, its series or its route")


def _remedy(doubt: Doubt) -> str:
    if "alertmanager_url" in doubt.words:
        return '[prometheus] alertmanager_url = "http://alertmanager:9093"'
    return JOBS_REMEDY if "this service" in doubt.words else ""

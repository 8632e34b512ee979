"""Alerts: about errors, slowness, the database, the disk, tasks, attacks; and whom they reach."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Status, Verdict
from roadworthy.inspection.catalogue.alerting import STATUS_LABELS, About, delivered, judge
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.monitoring import NOBODY, SERVICE, Monitoring
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Documentation, Param, Probes, Requirement, Strength
from roadworthy.inspection.probes.promql import Selector, selectors
from roadworthy.inspection.requirements import BY_ID

INFRASTRUCTURE = re.compile(
    r"^(?:node_|kube|prometheus_|alertmanager_|grafana_|loki_|apiserver_|etcd_|coredns_|container_|pg_|mysql_|redis_"
    r"|process_|go_|python_|scrape_|net_conntrack)"
)
TASKS = re.compile(
    r"celery|(?:^|_)rq_|sidekiq|bull|dramatiq|resque|(?:^|_)arq_|huey|delayed_job|good_job|solid_queue|oban|asynq"
    r"|tasks?(?:_|$)|jobs?(?:_|$)|queue|worker|dead_?letter|dlq"
)
SERVED = re.compile(r"http|request|response|(?:^|_)api|grpc|rpc|nginx|traefik|envoy|haproxy|istio|(?:^|_)app_|server")
TROUBLE = re.compile(r"error|exception|fail|5xx")
TIME = re.compile(r"duration|latency|response_time|request_time|processing_time|seconds|quantile|_p9\d")
DATABASE = re.compile(
    r"^(?:pg_|postgres|mysql_|mariadb|mongodb|pgbouncer|cnpg_|patroni|sqlalchemy|hikaricp|prisma_|activerecord)"
    r"|(?:^|_)(?:db|database)_"
)
DATABASE_JOB = re.compile(r"postgres|mysql|mariadb|mongo|pgbouncer|\bdb\b|database")
DISK = re.compile(
    r"^node_filesystem_(?:avail|free|size|files)|^kubelet_volume_stats_(?:avail|used|cap)|^windows_logical_disk_(?:free|size)"
    r"|^(?:system_|host_)?(?:disk|filesystem)_(?!io|read|write)\w*(?:free|avail|usage|used|percent|utili)|^container_fs_usage"
)
FAILING = re.compile(r"fail|dead|error|exception|dlq|unsuccess|exhaust|retr(?:y|ies)")
ATTACK = re.compile(
    r"log[io]n|(?:^|_)auth|sign_?in|password|credential|brute|lock(?:ed_?)?out|fail2ban|banned|blocked|unauthori[sz]ed"
    r"|forbidden|(?:^|_)waf|modsec|intrusion|csrf|attack|suspicious|abuse|falco"
)
CONNECTIONS = re.compile(r"(?:^|_)up$|probe_success|connect|pool|backend|session|activity")
RAISED = re.compile(r"alert|alarm|notif|pag(?:e|er|ing)|warn|trigger|>|\b(?:above|over|exceed\w*)\b", re.IGNORECASE)
LOOKED_THROUGH = re.compile(r"^\W*(?:check|review|look|read|verify no)\b", re.IGNORECASE)
"""Somebody goes through alerts: the line does not claim that there are any."""
WORDS = {"alert.disk": re.compile(r"disk|storage|space|filesystem|volume (?:full|usage)", re.IGNORECASE)}
GENERIC = frozenset(
    re.findall(
        r"\w+",
        "a alert alerted alerting alertmanager alerts all an and any are as at be been by can channel channels "
        "configuration configure configured configuring create created critical define defined discord each email "
        "emails enable enabled etc every exist exists for from grafana have implement implemented important in "
        "integration is issues key metrics monitor monitored monitoring notification notifications notified notify of "
        "on opsgenie or pagerduty place production prometheus ready receive received rule rules sent service set "
        "setup should slack system team teams telegram test tested that the there this threshold thresholds through "
        "to up via we webhook webhooks with work working works ",
    )
)
"""Words of lines about alerts that say nothing about what an alert is about."""
WAYS = {
    **{
        name: (name,) for name in ("pagerduty", "opsgenie", "slack", "email", "webhook", "telegram", "victorops", "sns")
    },
    "e-mail": ("email",),
    "discord": ("discord", "webhook"),
    "teams": ("msteams", "webhook"),
}
"""A way as lines call it -> the Alertmanager's integrations that go it."""


def _status(selector: Selector, first: str) -> bool:
    return any(
        one.label in STATUS_LABELS and one.operator in {"=", "=~"} and re.match(rf"[\^(]*(?:{first})", one.value)
        for one in selector.matches
    )


def _errors(selector: Selector) -> bool:
    name = selector.name.lower()
    if INFRASTRUCTURE.search(name) or TASKS.search(name):
        return False
    return bool(SERVED.search(name)) and (_status(selector, "5") or bool(TROUBLE.search(name)))


def _slowness(selector: Selector) -> bool:
    name = selector.name.lower()
    if INFRASTRUCTURE.search(name) or TASKS.search(name):
        return False
    return bool(TIME.search(name)) and bool(SERVED.search(name) or "latency" in name)


def _database(selector: Selector) -> bool:
    if selector.name in {"up", "probe_success"}:
        return any(one.label == "job" and DATABASE_JOB.search(one.value) for one in selector.matches)
    return bool(DATABASE.search(selector.name.lower()))


def _disk(selector: Selector) -> bool:
    return bool(DISK.search(selector.name.lower()))


def _tasks(selector: Selector) -> bool:
    name = selector.name.lower()
    if INFRASTRUCTURE.search(name) or not TASKS.search(name):
        return False
    failing = any(one.operator in {"=", "=~"} and FAILING.search(one.value.lower()) for one in selector.matches)
    return failing or bool(FAILING.search(name))


def _attacks(selector: Selector) -> bool:
    name = selector.name.lower()
    if ATTACK.search(name):
        return True
    return bool(SERVED.search(name)) and not INFRASTRUCTURE.search(name) and _status(selector, "401|403|40[13]|4\\.\\.")


def _anything(selector: Selector) -> bool:
    return bool(selector.name) and not re.match(r"prometheus_|alertmanager_|ALERTS|vector$", selector.name)


async def _raised(probes: Probes, requirement: Requirement) -> Verdict:
    about, what, wide = ABOUT[requirement.id]
    subject = requirement.text("subject")
    named = WORDS.get(requirement.id)
    if subject and (
        not RAISED.search(subject) or LOOKED_THROUGH.search(subject) or (named and not named.search(subject))
    ):
        raise Unobservable(f"the line does not say that {what} raise an alert", "write it as an alert that exists")
    if requirement.id == "alert.db" and "connect" in subject.lower():
        return await judge(probes, _connections, "the database's connections", subject=subject, wide=wide)
    return await judge(probes, about, what, subject=subject, wide=wide)


def _connections(selector: Selector) -> bool:
    return _database(selector) and bool(CONNECTIONS.search(selector.name.lower()))


async def _set(probes: Probes, requirement: Requirement) -> Verdict:
    """Some alert of this service, by the ways that the line names; about what it names besides."""
    subject = requirement.text("subject").lower()
    words = [one for one in re.findall(r"[a-z][a-z-]{3,}", subject) if one not in GENERIC]

    def about(selector: Selector) -> bool:
        return _anything(selector) and (not words or any(_stem(one) in selector.text().lower() for one in words))

    if words and probes.prometheus is not None:
        rules = await probes.prometheus.rules()
        if not any(about(one) for rule in rules for one in selectors(rule.expression)):
            raise Unobservable(
                f"no loaded alert is seen to be about {listed(words, 4)}", "write the line as the alert is called"
            )
    verdict = await judge(probes, about, "this service", subject=subject, wide=True)
    ways = [kinds for name, kinds in WAYS.items() if name in f"{subject} {requirement.text('tool')}".lower()]
    if verdict.status is not Status.PASS or not ways or probes.prometheus is None:
        return verdict
    return await _by_these_ways(verdict, probes, ways)


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 2)]


async def _by_these_ways(verdict: Verdict, probes: Probes, ways: list[tuple[str, ...]]) -> Verdict:
    routing = await probes.prometheus.routing() if probes.prometheus else None
    have = {way for one in routing.receivers.values() for way in one.ways} if routing else set()
    if any(have & set(kinds) for kinds in ways):
        return verdict
    wanted = listed(kinds[0] for kinds in ways)
    return failed(
        f"alerts go by {listed(sorted(have))}, not by {wanted}", *verdict.evidence, mend=f"a receiver for {wanted}"
    )


async def _somebody(probes: Probes, requirement: Requirement) -> Verdict:
    """Whether what fires reaches a person; who is on call only people know."""
    if probes.prometheus is None:
        raise Unobservable("no monitoring system is offered: who is told can't be seen", PROBE_REMEDIES["prometheus"])
    delivery = await delivered(probes.prometheus)
    if delivery.routing is None:
        raise Unobservable(
            "the Alertmanager is not offered", '[prometheus] alertmanager_url = "http://alertmanager:9093"'
        )
    reached = delivery.routing.reached({"alertname": "any", "severity": "critical"})
    seen = _receivers(reached, delivery.sends, probes.prometheus.vantage)
    if not delivery.sends:
        return failed("Prometheus sends its alerts nowhere", seen, mend="alerting.alertmanagers, in prometheus.yml")
    lost = [one for one in reached if not one.reaches]
    if lost:
        return (failed if len(lost) == len(reached) else unknown)(
            f"a critical alert goes to {listed(one.name for one in lost)}, who is nobody",
            seen,
            mend="a receiver that pages",
        )
    words = f"a critical alert reaches {listed(one.name for one in reached)}"
    if requirement.id != "alert.on":
        return unknown(f"{words}; who is on call only people know", seen, mend="attest who is on call")
    if requirement.text("subject"):
        return unknown(words, seen)  # a line about an alert of its own is judged by the alert
    return passed(words, seen)


def _receivers(reached: object, sends: bool, vantage: str) -> Evidence:  # noqa: FBT001 - one of two facts shown
    found = reached if isinstance(reached, list) else []
    shown = listed(f"{one.name}: {listed([*one.ways, *one.dead])}" for one in found)
    return observe("receivers of a critical alert", f"{shown}; Prometheus sends alerts: {sends}", vantage)


ABOUT: dict[str, tuple[About, str, bool]] = {
    "alert.errors": (_errors, "failing answers", False),
    "alert.latency": (_slowness, "slow answers", False),
    "alert.db": (_database, "the database", True),
    "alert.disk": (_disk, "disk space", True),
    "alert.jobs": (_tasks, "failing tasks", False),
    "alert.sec": (_attacks, "attacks", False),
}
"""Requirement -> which series it is about, in words, and whether they belong to the machine rather than the service."""
EXAMPLES = {
    "alert.errors": 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05',
    "alert.latency": "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1",
    "alert.db": "pg_up == 0 or sum(pg_stat_activity_count) / max(pg_settings_max_connections) > 0.8",
    "alert.disk": "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1",
    "alert.jobs": 'increase(celery_task_failed_total{queue="default"}[15m]) > 0',
    "alert.sec": 'rate(login_attempts_total{outcome="failed"}[5m]) > 1',
}


def _monitored(requirement: str, expression: str = "") -> Monitoring:
    written = EXAMPLES[requirement]
    series = [(one.name, {"job": SERVICE}) for one in selectors(written)]
    labelled = [("login_attempts_total", {"job": SERVICE, "outcome": "failed"})]
    labelled += [("celery_task_failed_total", {"job": SERVICE, "queue": "default"})]
    return Monitoring(rules={"Example": expression or written}, series=[*series, *labelled])


def _topic(requirement: str, severity: Severity, why: str) -> Check:
    _, what, _ = ABOUT[requirement]
    asked: dict[str, Param] = {}
    return Check(
        id=f"{requirement}.loaded",
        requirements=(requirement,),
        title=BY_ID[requirement].title,
        severity=severity,
        blast_radius=BlastRadius.READ_ONLY,
        strength=Strength.BEHAVIOUR,
        needs=frozenset(),
        run=_raised,
        documentation=Documentation(
            what=f"An alerting rule about {what} is loaded, its series exist and are this service's, and it reaches "
            "somebody; where the line gives a threshold, it is the rule's.",
            why=why,
            how_verified="Prometheus' rules, targets and counts of series; the Alertmanager's routes, receivers and "
            "silences. A rule in a file alone is unknown.",
            how_to_mend=f"For example: {EXAMPLES[requirement]}",
            not_applicable_when="Never.",
        ),
        fixtures=twins(
            requirement,
            asked,
            must_fail=Stage(monitoring=_monitored(requirement, "up == 0")),
            mended=Stage(monitoring=_monitored(requirement)),
        ),
    )


ON = Check(
    id="alert.on.loaded",
    requirements=("alert.on",),
    title="Alerts are loaded and reach somebody",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_set,
    documentation=Documentation(
        what="An alert of this service is loaded, its series exist, and it reaches somebody by the way that the line "
        "names.",
        why="Rules that nobody loads and receivers that tell nobody are the usual state after a migration.",
        how_verified="Prometheus' rules, targets and counts of series; the Alertmanager's routes and silences.",
        how_to_mend="Load rules, give Prometheus an Alertmanager, give its route a receiver.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "alert.on",
        {"subject": "Configure monitoring alerts"},
        must_fail=Stage(monitoring=Monitoring(rules={"Watchdog": "vector(1)"})),
        mended=Stage(monitoring=Monitoring(rules={"Down": "up == 0"}, series=[("up", {"job": SERVICE})])),
    ),
)
SOMEBODY = Check(
    id="alert.on.receivers",
    requirements=("alert.on", "oncall"),
    title="A critical alert reaches somebody",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_somebody,
    documentation=Documentation(
        what="A critical alert is routed to a receiver with an integration; not to the null receiver, a placeholder or "
        "an address of the machine itself.",
        why="The example configuration sends alerts to a port where nobody listens.",
        how_verified="The routing tree of the Alertmanager, walked with the labels of a critical alert. Who is on call "
        "only people know: that line stays unknown unless nobody can be reached.",
        how_to_mend="A receiver for PagerDuty, Opsgenie, Slack or mail.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "alert.on",
        must_fail=Stage(monitoring=Monitoring(config=NOBODY)),
        mended=Stage(monitoring=Monitoring()),
    ),
)

CHECKS = (
    ON,
    SOMEBODY,
    _topic("alert.errors", Severity.HIGH, "Users see errors long before anybody reads a log."),
    _topic(
        "alert.latency", Severity.MEDIUM, "A service that answers in ten seconds is down, and every check is green."
    ),
    _topic("alert.db", Severity.HIGH, "Connections run out slowly, and then all at once."),
    _topic("alert.disk", Severity.HIGH, "A full disk announces itself for days."),
    _topic("alert.jobs", Severity.MEDIUM, "Tasks fail in silence: nobody waits for their answer."),
    _topic("alert.sec", Severity.MEDIUM, "Guessing passwords takes hours, and can be seen all the while."),
)

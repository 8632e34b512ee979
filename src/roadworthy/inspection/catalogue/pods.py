"""What Kubernetes manifests declare around the service's pods: how they are probed, reached and spread."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.clusters import HOW, NEVER, cluster, hidden, shown
from roadworthy.inspection.catalogue.declaring import Run, of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.kubernetes import INGRESS, POLICY, SPREAD, WEB
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes.manifests import STORES, Object
from roadworthy.inspection.probes.yaml_files import at, rows, table

PROBES = re.compile(r"\b(?:liveness|readiness|startup)\b", re.IGNORECASE)
NETWORK_POLICY = re.compile(r"network ?polic(?:y|ies)", re.IGNORECASE)
INGRESS_TLS = re.compile(r"\bingress\b|cert-manager", re.IGNORECASE)
SPREADING = re.compile(
    r"anti-?\s?affinity|topology spread|spread (?:over|across)|across (?:nodes|zones)", re.IGNORECASE
)
ZONES = re.compile(r"\bzones?\b|\baz\b", re.IGNORECASE)
KINDS: Mapping[str, str] = {"liveness": "livenessProbe", "readiness": "readinessProbe", "startup": "startupProbe"}
RENDER = "render the manifests into the tree"


async def _probed(probes: Probes, requirement: Requirement) -> Verdict:
    named = list(dict.fromkeys(word.lower() for word in PROBES.findall(requirement.text("subject"))))
    if not named:
        raise Unobservable("the line names no probe of Kubernetes'")
    repo, found = await cluster(probes)
    pods = [(one, c) for one in found.workloads for c in one.serving if not STORES.search(c.image)]
    lacks = {
        f"{one.where} {c.name}": missing for one, c in pods
        if (missing := [KINDS[word] for word in named if not _asks(c.declared.get(KINDS[word]))])
    }  # fmt: skip
    evidence = shown(repo, found, "probes of containers", [f"{where}: no {listed(lacks[where])}" for where in lacks])
    if secret := hidden(found, found.workloads):
        return unknown(f"probes: {secret}", evidence, mend=RENDER)
    if lacks:
        where, missing = next(iter(lacks.items()))
        return failed(f"{where} has no {listed(missing)}", evidence, mend="add it", patch=_patch(missing[0]))
    same = next((f"{one.where} {c.name}" for one, c in pods if len(named) > 1 and _alike(c.declared)), "")
    if same:
        return failed(
            f"{same} is restarted by the very question that only takes it out of service", evidence,
            mend="let liveness ask whether the process is alive, readiness whether its dependencies are there",
        )  # fmt: skip
    return passed(f"{counted(len(pods), 'container')} declare {listed(KINDS[word] for word in named)}", evidence)


def _asks(probe: Any) -> bool:
    """Whether a probe may ever say no."""
    command = " ".join(map(str, rows(at(probe, "exec", "command"))))
    ways = {"httpGet", "tcpSocket", "grpc", "exec"} & set(table(probe))
    return bool(ways) and not re.search(r"(?:^|\s)(?:true|exit 0)\s*$", command)


def _alike(declared: Mapping[str, Any]) -> bool:
    """Whether liveness asks a readiness endpoint: a database that is away would restart every pod."""
    live, ready = (at(declared.get(name), "httpGet", "path") for name in ("livenessProbe", "readinessProbe"))
    return bool(live) and live == ready and re.search(r"ready", str(live), re.IGNORECASE) is not None


def _patch(kind: str) -> str:
    return f"{kind}: {{httpGet: {{path: /health/{'live' if kind == 'livenessProbe' else 'ready'}, port: 8000}}}}"


async def _limited(probes: Probes, requirement: Requirement) -> Verdict:
    if not NETWORK_POLICY.search(requirement.text("subject")):
        raise Unobservable("the line is not about network policies")
    repo, found = await cluster(probes)
    policies = found.of("NetworkPolicy")
    guarded = {one: [policy for policy in policies if _covers(policy, one)] for one in found.workloads}
    lines = [f"{one.where}: {listed(policy.name for policy in own)}" for one, own in guarded.items()]
    evidence = shown(repo, found, "network policies that select each workload", lines)
    if secret := hidden(found, [*found.workloads, *policies]):
        return unknown(f"network policies: {secret}", evidence, mend=RENDER)
    without = [one for one, own in guarded.items() if not own]
    if without:
        return failed(
            f"no network policy selects {without[0].where}: any pod may reach it", evidence,
            mend="deny by default in the namespace, then let in what is needed", patch=POLICY,
        )  # fmt: skip
    wide = next((policy for own in guarded.values() for policy in own if _lets_all_in(policy)), None)
    if wide is not None:
        return failed(
            f"{wide.where} lets everybody in: one of its rules is empty", evidence, mend="name who may come in"
        )
    return passed(f"policies select {counted(len(guarded), 'workload')}, and name who may come in", evidence)


def _covers(policy: Object, one: Object) -> bool:
    """Whether a policy limits what comes in to a workload's pods."""
    spec = table(policy.declared.get("spec"))
    selector = table(spec.get("podSelector"))
    labels, types = table(selector.get("matchLabels")), rows(spec.get("policyTypes")) or ["Ingress"]
    if not policy.beside(one) or "Ingress" not in types or "podSelector" not in spec:
        return False
    if set(selector) - {"matchLabels"}:
        return False  # expressions are not read, and don't count
    return all(one.labels.get(key) == value for key, value in labels.items())


def _lets_all_in(policy: Object) -> bool:
    return any(rule == {} or rule is None for rule in rows(at(policy.declared, "spec", "ingress")))


async def _encrypted(probes: Probes, requirement: Requirement) -> Verdict:
    if not INGRESS_TLS.search(requirement.text("subject")):
        raise Unobservable("the line is not about an Ingress")
    repo, found = await cluster(probes)
    gates = found.of("Ingress")
    if not gates:
        raise Unobservable(
            "no Ingress is declared in plain files of the source tree", "[repository] path names its tree"
        )
    plain = {one.where: missing for one in gates if (missing := _without_tls(one))}
    evidence = shown(
        repo, found, "hosts of Ingresses without TLS", [f"{where}: {listed(names)}" for where, names in plain.items()]
    )
    if secret := hidden(found, gates):
        return unknown(f"Ingresses: {secret}", evidence, mend=RENDER)
    if plain:
        where, names = next(iter(plain.items()))
        return failed(
            f"{where} has no TLS for {listed(names)}", evidence, mend="add tls with the host and its secret",
            patch=f"spec:\n  tls:\n    - hosts: [{names[0]}]\n      secretName: {names[0].split('.')[0]}-tls",
        )  # fmt: skip
    return passed(f"{counted(len(gates), 'Ingress', 'Ingresses')} declare TLS for each host", evidence)


def _without_tls(one: Object) -> Sequence[str]:
    spec = table(one.declared.get("spec"))
    sealed = {str(host) for told in rows(spec.get("tls")) if at(told, "secretName") for host in rows(at(told, "hosts"))}
    hosts = [str(at(rule, "host") or "*") for rule in rows(spec.get("rules"))] or ["*"]
    wild = {name.removeprefix("*.") for name in sealed if name.startswith("*.")}
    return [host for host in hosts if host not in sealed and host.partition(".")[2] not in wild]


async def _spread(probes: Probes, requirement: Requirement) -> Verdict:
    if not SPREADING.search(requirement.text("subject")):
        raise Unobservable("the line asks for replicas, not where they run")
    repo, found = await cluster(probes)
    several = [one for one in found.workloads if one.kind != "DaemonSet"]
    wide = ZONES.search(requirement.text("subject")) is not None
    huddled = [one for one in several if not _apart(one, over_zones=wide)]
    evidence = shown(
        repo, found, "workloads whose pods may all run on one node", [one.where for one in huddled] or ["none"]
    )
    if secret := hidden(found, several):
        return unknown(f"where pods run: {secret}", evidence, mend=RENDER)
    if huddled or not several:
        where = huddled[0].where if huddled else "no workload"
        return failed(f"{where} says nothing of where its pods run", evidence, mend="spread them", patch=SPREAD)
    return passed(f"{counted(len(several), 'workload')} spread their pods", evidence)


def _apart(one: Object, *, over_zones: bool) -> bool:
    """Whether its own pods keep apart, `over_zones` if need be: by a spread or an anti-affinity that selects them."""
    rules = list(rows(one.pod.get("topologySpreadConstraints")))
    told = table(at(one.pod, "affinity", "podAntiAffinity"))
    rules += rows(told.get("requiredDuringSchedulingIgnoredDuringExecution"))
    rules += [at(each, "podAffinityTerm") for each in rows(told.get("preferredDuringSchedulingIgnoredDuringExecution"))]
    return any(_selects(rule, one) and (not over_zones or "zone" in str(at(rule, "topologyKey"))) for rule in rules)


def _selects(rule: Any, one: Object) -> bool:
    labels = table(at(rule, "labelSelector", "matchLabels"))
    return bool(at(rule, "topologyKey")) and bool(labels) and all(one.labels.get(k) == v for k, v in labels.items())


def _check(
    identifier: str,
    about: tuple[str, Severity],
    run: Run,
    said: tuple[str, str, str],
    *twin: str,
    subject: str,
    covers: tuple[str, ...] = (),
) -> Check:
    what, why, mend = said
    page = Documentation(what=what, why=why, how_verified=HOW, how_to_mend=mend, not_applicable_when=NEVER)
    trees = ({"k8s/web.yaml": text} for text in twin)
    return of_tree(identifier, about[0], run, about[1], page, *trees, params={"subject": subject}, covers=covers)


def _also(requirement: str, made: Check) -> Check:
    """`made`, which answers another requirement too."""
    return replace(made, requirements=(*made.requirements, requirement))


CHECKS = (
    _also("health.deps", _check(
        "health.endpoint.probes", ("The probes that the line names are declared", Severity.HIGH), _probed,
        ("Every container that serves declares the probe that the line names; liveness does not ask for readiness.",
         "A pod gets requests before it can answer, or all of them restart because a dependency is away.",
         "livenessProbe on /health/live, readinessProbe on /health/ready."),
        WEB.replace("livenessProbe:", "# livenessProbe:"), WEB, subject="Liveness and readiness probes configured",
    )),
    _check(
        "sec.trusted_net.policies", ("Network policies select the service's pods", Severity.HIGH), _limited,
        ("Every workload is selected by a NetworkPolicy for what comes in, none of whose rules is empty.",
         "Without one, any pod of the cluster reaches any other.", "Deny by default, then let in what is needed."),
        WEB, WEB + "---\n" + POLICY,
        subject="Network policies restrict pod traffic",
        covers=("traffic", "restrict", "restricted"),
    ),
    _check(
        "tls.https.ingress", ("Ingresses declare TLS for each host", Severity.HIGH), _encrypted,
        ("Every host that an Ingress serves stands in its tls with a secret. For lines about an Ingress only.",
         "A host without its entry is served with a certificate of nobody.", "spec.tls with hosts and secretName."),
        WEB + "---\n" + INGRESS.replace("hosts: [shop.example]", "hosts: [other.example]"), WEB + "---\n" + INGRESS,
        subject="Ingress TLS configured",
    ),
    _check(
        "k8s.replicas.spread", ("Replicas are spread", Severity.MEDIUM), _spread,
        ("Every workload spreads its own pods by topologySpreadConstraints or podAntiAffinity, if the line asks that.",
         "Three replicas on one node are one.", "topologySpreadConstraints with the labels of the pods."),
        WEB, WEB + SPREAD, subject="Pod anti-affinity configured",
        covers=("anti-affinity", "topology spread constraints", "zones", "nodes"),
    ),
)  # fmt: skip

"""What Kubernetes manifests declare about the service: how many, how guarded, with which rights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadworthy.contracts.checks import Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.declaring import Run, of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.kubernetes import HPA, PDB, RBAC, RESTRICTED, WEB
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import manifests
from roadworthy.inspection.probes.manifests import Cluster, Container, Object
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import at, rows, table

SEVERAL = 2
STATED_RUNNING = re.compile(r"\b(?:ready|running|healthy|tested|test with|verified|available)\b", re.IGNORECASE)
ELSEWHERE = re.compile(
    r"anti-?\s?affinity|topology spread|spread (?:over|across)|across (?:nodes|zones)", re.IGNORECASE
)
OF_NODES = re.compile(r"cluster auto-?scal|node (?:pool|group|auto)|karpenter|auto-?\s?scaling group", re.IGNORECASE)
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
Problem = Callable[[Object], str]

READ_ONLY_ROOT = re.compile(r"read-?\s?only\W{0,3}(?:root|file)|readonlyrootfilesystem", re.IGNORECASE)
GRANTED = frozenset({"NET_BIND_SERVICE"})
"""The one capability that the strictest of Kubernetes' own standards lets containers have."""
STRICT = re.compile(r"seccomp|\brestricted\b|pod security (?:standard|admission)", re.IGNORECASE)
EVERYBODY = frozenset({"system:serviceaccounts", "system:authenticated", "system:unauthenticated"})
TAKES_OVER = frozenset({"escalate", "bind", "impersonate"})
MAKES = frozenset({"create", "update", "patch"})
LENDS = frozenset({"pods", "pods/exec", "rolebindings", "clusterrolebindings", "roles", "clusterroles", "deployments",
                   "daemonsets", "jobs", "cronjobs", "statefulsets", "serviceaccounts/token"})  # fmt: skip
"""What may be made to run with another account's rights."""
PEOPLE = re.compile(r"\busers?\b|\badmins?\b|\bcustomers?\b|\bteams?\b|roles? and permissions", re.IGNORECASE)
OF_CLUSTERS = re.compile(
    r"kubernetes|\bk8s\b|service ?accounts?|namespace|cluster|\bpods?\b|workload|rolebinding", re.IGNORECASE
)


async def cluster(probes: Probes) -> tuple[RepoProbe, Cluster]:
    """The tree, and what it declares for Kubernetes.

    Raises:
        Unobservable: it declares no workload of the service.
    """
    repo = offered(probes.repo, "repo")
    found = await repo.facts(manifests.read)
    if not found.workloads:
        more = f"; not rendered: {listed(found.unread, 3)}" if found.unread else ""
        raise Unobservable(
            f"no Kubernetes workload of the service is declared in plain files of the source tree{more}",
            "[repository] path names the tree that holds the manifests, rendered (helm template, kustomize build)",
        )
    return repo, found


def shown(repo: RepoProbe, found: Cluster, asked: str, lines: Sequence[str]) -> Evidence:
    """What was found, with how many workloads were looked at and what was not read."""
    unread = f"; not read: {listed(found.unread, 3)}" if found.unread else ""
    return observe(asked, "\n".join(lines) + f"\n{counted(len(found.workloads), 'workload')}{unread}", repo.vantage)


def hidden(found: Cluster, workloads: Sequence[Object]) -> str:
    """What keeps the files from being the whole truth; empty where nothing does."""
    patched = [one.where for one in workloads if one.patched]
    if patched:
        return f"a kustomization changes {patched[0]} in a way that is not read here"
    return f"not rendered: {listed(found.unread, 3)}" if found.unread else ""


async def _replicas(probes: Probes, requirement: Requirement) -> Verdict:
    if ELSEWHERE.search(requirement.text("subject")):
        raise Unobservable("the line asks where pods run, not how many there are")
    repo, found = await cluster(probes)
    wanted = int(requirement.number("workers", SEVERAL))
    counted = [one for one in found.workloads if one.kind != "DaemonSet"]
    serving = [one for one in counted if any(at(c.declared, "ports") for c in one.serving)] or counted
    if not serving:
        raise Unobservable("the service runs once on each node: how many nodes there are does not show", "attest to it")
    counts = {one: _count(one, found) for one in serving}
    lines = [f"{one.where}: {count} ({how})" for one, (count, how) in counts.items()]
    evidence = shown(repo, found, "replicas declared", lines)
    few = [one for one, (count, _) in counts.items() if count < wanted]
    if secret := hidden(found, serving):
        return unknown(f"replicas: {secret}", evidence, mend="render the manifests into the tree that is inspected")
    if few:
        count, how = counts[few[0]]
        return failed(
            f"{few[0].where} asks for {count} ({how}), the line for {wanted}", evidence,
            mend="raise replicas, or the autoscaler's minimum", patch=f"spec:\n  replicas: {wanted}",
        )  # fmt: skip
    if STATED_RUNNING.search(requirement.text("subject")):
        return unknown(f"{wanted} replicas or more are declared; whether they run only the cluster knows", evidence)
    return passed(f"all {len(serving)} workloads that serve declare {wanted} replicas or more", evidence)


def _count(one: Object, found: Cluster) -> tuple[int, str]:
    scaler = _scaler(one, found)
    if scaler is not None:
        least = at(scaler.declared, "spec", "minReplicas") or at(scaler.declared, "spec", "minReplicaCount")
        return (least if isinstance(least, int) else 1), f"minimum of {scaler.name}"
    return (one.replicas, "replicas") if one.replicas is not None else (1, "Kubernetes' default")


def _scaler(one: Object, found: Cluster) -> Object | None:
    for scaler in found.of(*SCALERS):
        target = at(scaler.declared, "spec", "scaleTargetRef")
        if scaler.beside(one) and at(target, "name") == one.name and (at(target, "kind") or "Deployment") == one.kind:
            return scaler
    return None


async def _scales(probes: Probes, requirement: Requirement) -> Verdict:
    if OF_NODES.search(requirement.text("subject")):
        raise Unobservable("the line is about nodes, which no manifest of the service scales", "attest to it")
    repo, found = await cluster(probes)
    pairs = [(one, scaler) for one in found.workloads if (scaler := _scaler(one, found))]
    lines = [f"{one.where}: {_range(scaler)}" for one, scaler in pairs]
    evidence = shown(repo, found, "autoscalers", lines or ["none"])
    if secret := hidden(found, [scaler for _, scaler in pairs] if pairs else found.workloads):
        return unknown(f"autoscaling: {secret}", evidence, mend="render the manifests into the tree")
    if not pairs:
        return failed(
            f"no autoscaler names any of {len(found.workloads)} workloads", evidence,
            mend="add a HorizontalPodAutoscaler for the workload that serves", patch=HPA,
        )  # fmt: skip
    problems = [problem for one, scaler in pairs if (problem := _unscalable(one, scaler, requirement))]
    if problems:
        return failed(problems[0], evidence, mend="give it a minimum below its maximum, and requests to measure by")
    return passed(f"{pairs[0][1].where} scales {pairs[0][0].name}: {_range(pairs[0][1])}", evidence)


def _range(scaler: Object) -> str:
    spec = table(scaler.declared.get("spec"))
    least = spec.get("minReplicas", spec.get("minReplicaCount", 1))
    return f"{least} to {spec.get('maxReplicas', spec.get('maxReplicaCount', '?'))}"


def _unscalable(one: Object, scaler: Object, requirement: Requirement) -> str:
    spec = table(scaler.declared.get("spec"))
    least = spec.get("minReplicas", spec.get("minReplicaCount", 1))
    most = spec.get("maxReplicas", spec.get("maxReplicaCount", 100 if scaler.kind == "ScaledObject" else None))
    if not isinstance(least, int) or not isinstance(most, int):
        return f"{scaler.where} has no range that can be read"
    wanted = requirement.number("workers")
    if least >= most:
        return f"{scaler.where} cannot scale: {least} to {most}"
    if wanted is not None and most < wanted:
        return f"{scaler.where} goes to {most}, the line asks for {wanted:g}"
    measures = rows(spec.get("metrics")) or rows(spec.get("triggers"))
    if not measures and spec.get("targetCPUUtilizationPercentage") is None:
        return f"{scaler.where} names no metric to scale by"
    by_share = any(at(m, "resource", "target", "type") == "Utilization" for m in measures) or not measures
    if by_share and any(not at(c.declared, "resources", "requests") for c in one.serving):
        return f"{scaler.where} scales by a share of requests, and a container of {one.name} requests nothing"
    return ""


async def _budget(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo, found = await cluster(probes)
    budgets = found.of("PodDisruptionBudget")
    guarded = {one: budget for one in found.workloads for budget in budgets if _selects(budget, one)}
    lines = [f"{one.where}: {guarded[one].name if one in guarded else 'none'}" for one in found.workloads]
    evidence = shown(repo, found, "disruption budgets", lines)
    need = [one for one in found.workloads if one.kind != "DaemonSet" and _count(one, found)[0] >= SEVERAL]
    if secret := hidden(found, need):
        return unknown(f"disruption budgets: {secret}", evidence, mend="render the manifests into the tree")
    without = [one for one in need if one not in guarded]
    if without or not guarded:
        name = without[0].where if without else f"any of {len(found.workloads)} workloads"
        return failed(
            f"no disruption budget selects {name}", evidence,
            mend="add a PodDisruptionBudget with the labels of the pods", patch=PDB,
        )  # fmt: skip
    stuck = [one for one, budget in guarded.items() if _blocks(budget, _count(one, found)[0])]
    if stuck:
        return failed(
            f"{guarded[stuck[0]].where} lets no pod of {stuck[0].name} go: a node can never be drained", evidence,
            mend="allow one to be away: maxUnavailable: 1",
        )  # fmt: skip
    return passed(f"{len(guarded)} workloads are guarded: {listed(one.name for one in guarded)}", evidence)


def _selects(budget: Object, one: Object) -> bool:
    wanted = table(at(budget.declared, "spec", "selector", "matchLabels"))
    return budget.beside(one) and bool(wanted) and all(one.labels.get(key) == value for key, value in wanted.items())


def _blocks(budget: Object, count: int) -> bool:
    spec = table(budget.declared.get("spec"))
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is None and most is None:
        return False
    return str(most) in {"0", "0%"} or least == "100%" or (isinstance(least, int) and least >= count)


async def _rights(probes: Probes, requirement: Requirement) -> Verdict:
    repo, found = await cluster(probes)
    asked = requirement.text("subject").lower()
    problems = {one.where: problem for one in found.workloads if (problem := _loose(one, asked))}
    lines = [f"{one.where}: {problems.get(one.where, 'restricted')}" for one in found.workloads]
    evidence = shown(repo, found, "securityContext of pods and containers", lines)
    if secret := hidden(found, found.workloads):
        return unknown(f"security contexts: {secret}", evidence, mend="render the manifests into the tree")
    if problems:
        where, problem = next(iter(problems.items()))
        return failed(f"{where}: {problem}", evidence, mend="restrict the container", patch=RESTRICTED)
    return passed(f"all {len(found.workloads)} workloads run with few rights", evidence)


def _loose(one: Object, asked: str) -> str:
    shared = [name for name in ("hostNetwork", "hostPID", "hostIPC") if one.pod.get(name) is True]
    if shared:
        return f"shares the node: {listed(shared)}"
    mounted = [str(at(volume, "hostPath", "path")) for volume in rows(one.pod.get("volumes")) if at(volume, "hostPath")]
    if mounted and not READ_ONLY_ROOT.search(asked):
        return f"mounts {listed(mounted)} of the node"
    return next((problem for c in one.containers if (problem := _loose_container(c, one.pod, asked))), "")


def _loose_container(container: Container, pod: Mapping[str, Any], asked: str) -> str:
    def said(key: str) -> Any:
        own = container.security(key)
        return own if own is not None else at(pod, "securityContext", key)

    user = said("runAsUser")
    if READ_ONLY_ROOT.search(asked):
        writes = said("readOnlyRootFilesystem") is not True
        return f"container {container.name} may write its root" if writes else ""
    capabilities = container.security("capabilities")
    added = [str(one) for one in rows(at(capabilities, "add")) if str(one).removeprefix("CAP_") not in GRANTED]
    rules = (
        (container.security("privileged") is True, "is privileged"),
        (said("runAsNonRoot") is not True and not (isinstance(user, int) and user > 0), "may run as root"),
        (user == 0, "runs as root"),
        (container.security("allowPrivilegeEscalation") is not False, "may gain privileges"),
        ("ALL" not in rows(at(capabilities, "drop")), "keeps Linux capabilities"),
        (bool(added), f"is given {listed(added)}"),
        (bool(STRICT.search(asked)) and at(said("seccompProfile"), "type") is None, "has no seccomp profile"),
        (at(said("seccompProfile"), "type") == "Unconfined", "runs without a seccomp profile"),
    )
    return next((f"container {container.name} {problem}" for holds, problem in rules if holds), "")


async def _account(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if PEOPLE.search(subject) and not OF_CLUSTERS.search(subject):
        raise Unobservable(
            "the line speaks of people's roles, manifests of a workload's", "describe the roles as a flow"
        )
    repo, found = await cluster(probes)
    accounts = {one.where: str(one.pod.get("serviceAccountName") or "default") for one in found.workloads}
    granted = {accounts[one.where]: _grants(found, accounts[one.where], one) for one in found.workloads}
    lines = [f"{where}: {name}: {listed(granted[name])}" for where, name in accounts.items()]
    evidence = shown(repo, found, "service accounts and what is granted to them", lines)
    wide = [(name, rule) for name, rules in granted.items() for rule in rules if _too_wide(rule)]
    if wide:
        return failed(
            f"service account {wide[0][0]} may do {wide[0][1]}", evidence,
            mend="name the resources and verbs that the service uses, in a Role of its namespace",
        )  # fmt: skip
    if secret := hidden(found, found.workloads):
        return unknown(f"rights: {secret}", evidence, mend="render the manifests into the tree")
    unclear = [
        one for one in found.workloads
        if not granted[accounts[one.where]] and not _without_token(one, found)
    ]  # fmt: skip
    if unclear:
        return unknown(
            f"{unclear[0].where} carries a token of {accounts[unclear[0].where]}, whose rights no file here grants",
            evidence, mend="automountServiceAccountToken: false, or an own account with its Role",
        )  # fmt: skip
    return passed(f"{len(accounts)} workloads have no more rights than named ones", evidence)


def _grants(found: Cluster, account: str, one: Object) -> Sequence[str]:
    """Rules of the roles bound to `account`, or to a group that it is of: "get,list on pods"; "cluster-admin"."""
    rules: list[str] = []
    for binding in found.of("RoleBinding", "ClusterRoleBinding"):
        subjects = rows(binding.declared.get("subjects"))
        if not any(_is_bound(subject, account, one, binding) for subject in subjects):
            continue
        role = str(at(binding.declared, "roleRef", "name") or "?")
        declared = [role_ for role_ in found.of("Role", "ClusterRole") if role_.name == role]
        rules += [_rule(rule) for one in declared for rule in rows(one.declared.get("rules"))] if declared else [role]
    return rules


def _is_bound(subject: Any, account: str, one: Object, binding: Object) -> bool:
    kind, name, place = (
        at(subject, "kind"),
        str(at(subject, "name")),
        str(at(subject, "namespace") or binding.namespace),
    )
    if kind == "Group":
        return name in EVERYBODY or (
            name.startswith("system:serviceaccounts:") and (not one.namespace or name.endswith(f":{one.namespace}"))
        )
    return kind == "ServiceAccount" and name == account and (not place or not one.namespace or place == one.namespace)


def _rule(rule: Any) -> str:
    verbs, resources = rows(at(rule, "verbs")), rows(at(rule, "resources") or at(rule, "nonResourceURLs"))
    only = f" ({','.join(map(str, rows(at(rule, 'resourceNames'))))})" if at(rule, "resourceNames") else ""
    return f"{','.join(map(str, verbs))} on {','.join(map(str, resources))}{only}"


def _too_wide(rule: str) -> bool:
    if rule in {"cluster-admin", "admin", "edit"} or "*" in rule:
        return True
    told, _, only = rule.partition(" (")
    verbs, _, resources = told.partition(" on ")
    may, things = set(verbs.split(",")), set(resources.split(","))
    reads_all = "secrets" in things and bool(may & {"get", "list", "watch"}) and not only
    return bool(may & TAKES_OVER) or reads_all or bool(may & MAKES and things & LENDS)


def _without_token(one: Object, found: Cluster) -> bool:
    if one.pod.get("automountServiceAccountToken") is not None:
        return one.pod["automountServiceAccountToken"] is False
    name = one.pod.get("serviceAccountName") or "default"
    accounts = [account for account in found.of("ServiceAccount") if account.name == name]
    return any(account.declared.get("automountServiceAccountToken") is False for account in accounts)


def _check(requirement: str, title: str, run: Run, severity: Severity, said: Documentation, *twin: str) -> Check:
    return of_tree(f"{requirement}.declared", title, run, severity, said, *({"k8s/web.yaml": text} for text in twin))


HOW = (
    "Reads the tree's manifests and the kustomizations laid over them (production's, where there are several). "
    "Files of other environments, tests and examples are left out; well-known stores and tools are not the service. "
    "Helm templates are not rendered, and make the line unknown. "
)
NEVER = "Never; without manifests the line is unknown."

CHECKS = (
    _check(
        "k8s.replicas", "The service's workloads declare several replicas", _replicas, Severity.HIGH,
        Documentation(
            what="Every workload that serves declares the replicas, or an "
                "autoscaler's minimum does.",
            why="One pod is away whenever its node is.",
            how_verified=HOW + "Lines that say that replicas run or are ready are unknown: files don't show it.",
            how_to_mend="Raise spec.replicas, or minReplicas of the autoscaler.",
            not_applicable_when=NEVER,
        ),
        WEB.replace("replicas: 3", "replicas: 1"), WEB,
    ),
    _check(
        "k8s.hpa", "An autoscaler names the service and can scale it", _scales, Severity.MEDIUM,
        Documentation(
            what="A HorizontalPodAutoscaler or ScaledObject names a workload, with a minimum below its maximum "
                "and a metric.",
            why="An autoscaler without a range, a metric or requests to measure by never scales anything.",
            how_verified=HOW + "Its target, range, metrics, and requests of the containers it measures.",
            how_to_mend="Name the workload in scaleTargetRef; set minReplicas < maxReplicas; give containers requests.",
            not_applicable_when=NEVER,
        ),
        WEB + "---\n" + HPA.replace("minReplicas: 2", "minReplicas: 10"), WEB + "---\n" + HPA,
    ),
    _check(
        "k8s.pdb", "A disruption budget selects the service's pods", _budget, Severity.MEDIUM,
        Documentation(
            what="Every workload with several replicas is selected by a PodDisruptionBudget that lets some pod go.",
            why="Draining nodes takes all replicas at once where nothing forbids it, and never ends where "
                "nothing may go.",
            how_verified=HOW + "Labels of the pods against the budget's selector, and what it allows.",
            how_to_mend="Add a PodDisruptionBudget with maxUnavailable: 1.",
            not_applicable_when=NEVER,
        ),
        WEB + "---\n" + PDB.replace("app: web", "app: other"), WEB + "---\n" + PDB,
    ),
    _check(
        "k8s.secctx", "Containers run with few rights", _rights, Severity.HIGH,
        Documentation(
            what="No container is privileged, may be root, gain privileges, keep or be given capabilities, or shares "
            "folders or names with the node.",
            why="Who breaks out of a process should find nothing to go on with.",
            how_verified=HOW + "securityContext; read-only root and seccomp where the line names them.",
            how_to_mend="runAsNonRoot, allowPrivilegeEscalation: false, capabilities: drop: [ALL].",
            not_applicable_when=NEVER,
        ),
        WEB.replace("runAsNonRoot: true, ", ""), WEB,
    ),
    _check(
        "k8s.rbac", "The service's account may do only what is named", _account, Severity.HIGH,
        Documentation(
            what="Roles bound to the workloads' service accounts name verbs and resources, or no token is mounted.",
            why="A token with wide rights turns a hole in one service into a lost cluster.",
            how_verified=HOW + "Bindings of each account and of groups that it is of; *, the built-in admin roles, "
            "reading every secret, and making what runs with other rights fail.",
            how_to_mend="An account for each service, a Role with what it uses; automountServiceAccountToken: "
                "false for the rest.",
            not_applicable_when=NEVER,
        ),
        WEB + "---\n" + RBAC.replace("verbs: [get]", "verbs: ['*']"), WEB + "---\n" + RBAC,
    ),
)  # fmt: skip

"""How a deployment goes over: what manifests declare about it, and what a drill of one showed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.contracts.drills import DrillKind
from roadworthy.inspection.catalogue.clusters import HOW, NEVER, cluster, hidden, shown
from roadworthy.inspection.catalogue.declaring import check, of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.kubernetes import WEB
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.drills import Kept
from roadworthy.inspection.probes.manifests import Object
from roadworthy.inspection.probes.yaml_files import at, table

DAYS = 30.0
SEVERAL = 2
RELEASING = re.compile(r"deploy|releas|roll(?:ing|out)|reload|upgrade|blue.?green|canary", re.IGNORECASE)
DECLARED = re.compile(r"\brolling\b|\bstrategy\b|\bconfigured\b|\bset up\b|\benabled\b", re.IGNORECASE)
OTHERWISE = re.compile(r"blue.?green|canary|gradual", re.IGNORECASE)
MAKES = "deploy under load, count the requests that failed, and write drills/deployment.json (kind shutdown)"


async def _rolls(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if OTHERWISE.search(subject):
        raise Unobservable("the line asks for more than a rolling update", "attest to it, or keep a drill's result")
    repo, found = await cluster(probes)
    serving = [one for one in found.workloads if any(at(c.declared, "ports") for c in one.serving)]
    problems = {one.where: words for one in serving if (words := _interrupts(one))}
    lines = [f"{one.where}: {problems.get(one.where, 'goes over pod by pod')}" for one in serving]
    evidence = shown(repo, found, "how workloads that serve are updated", lines)
    if secret := hidden(found, serving):
        return unknown(f"updates: {secret}", evidence, mend="render the manifests into the tree")
    if not serving:
        raise Unobservable("no workload declares a port: which of them serves can't be told", "declare its ports")
    if problems:
        where, words = next(iter(problems.items()))
        return failed(
            f"{where} {words}", evidence,
            mend="several replicas, RollingUpdate with maxUnavailable 0, a readiness probe",
            patch="spec:\n  strategy:\n    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}",
        )  # fmt: skip
    if not DECLARED.search(subject):
        return unknown(
            f"{counted(len(serving), 'workload goes', 'workloads go')} over pod by pod; whether no request is lost "
            "shows "
            "only under load", evidence, mend=MAKES,
        )  # fmt: skip
    return passed(
        f"{counted(len(serving), 'workload goes', 'workloads go')} over pod by pod, each asked first", evidence
    )


def _interrupts(one: Object) -> str:
    """What makes an update an outage."""
    spec = table(one.declared.get("spec"))
    told = table(spec.get("strategy")) or table(spec.get("updateStrategy"))
    if told.get("type") in {"Recreate", "OnDelete"}:
        return f"is updated by {told['type']}: all pods go before new ones come"
    if at(told, "rollingUpdate", "maxUnavailable") == "100%":
        return "lets all its pods be away at once"
    if (one.replicas if one.replicas is not None else 1) < SEVERAL and one.kind == "StatefulSet":
        return "runs once, and goes before it comes back"
    bare = next((c.name for c in one.serving if not table(c.declared.get("readinessProbe"))), "")
    return f"sends requests to {bare} before it can answer: no readiness probe" if bare else ""


async def _drilled(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    drills = offered(probes.drills, "drills")
    found = [one for one in drills.newest(DrillKind.SHUTDOWN) if RELEASING.search(f"{one.result.scenario} {one.path}")]
    if not found:
        looked = observe("results of deployments under load", f"none among {drills.files} files", drills.vantage)
        return unknown("no deployment under load has left a result", looked, mend=MAKES)
    newest = found[0]
    lost, age = newest.result.figures.get("lost"), newest.age_days()
    evidence = observe(
        f"result {newest.path}", f"{newest.finished_at:%Y-%m-%d}, {newest.result.scenario}: {_figures(newest)}",
        drills.vantage, basis=f"{newest.path} {newest.finished_at:%Y-%m-%d} {_figures(newest)}",
    )  # fmt: skip
    if age > DAYS:
        return failed(f"the newest is {age:.0f} days old, {DAYS:g} are allowed", evidence, mend=MAKES)
    if newest.result.passed is False or (lost or 0) > 0:
        return failed(
            f"a deployment lost {lost:g} requests" if lost else "it failed by its own measure", evidence,
            mend="let instances finish what they began, and send nobody to one that is not ready",
        )  # fmt: skip
    if lost is None or not newest.result.figures.get("requests", newest.result.figures.get("in_flight", 0)):
        return unknown(
            "the result does not say how many requests there were, and how many were lost", evidence, mend=MAKES
        )
    return passed(f"a deployment under load on {newest.finished_at:%Y-%m-%d} lost nothing", evidence)


def _figures(one: Kept) -> str:
    return listed(f"{name} {value:g}" for name, value in sorted(one.result.figures.items()))


def _result(lost: int) -> Stage:
    """A result of yesterday, as our own JSON."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    told = {
        "kind": "shutdown", "finished_at": yesterday, "scenario": "rolling deployment",
        "figures": {"requests": 9_000, "lost": lost},
    }  # fmt: skip
    return Stage(drills={"deployment.json": json.dumps(told)})


CHECKS = (
    of_tree(
        "ci.zero.declared", "An update goes over pod by pod", _rolls, Severity.HIGH,
        Documentation(
            what="No workload that serves is recreated, lets all pods go, or takes requests without a readiness probe.",
            why="A deployment that is an outage is put off, and grows.",
            how_verified=HOW + "Strategy and readiness. Only a line that asks for that can pass by files; whether no "
            "request is lost shows under load.",
            how_to_mend="RollingUpdate with maxUnavailable 0, several replicas, readiness probes, a graceful stop.",
            not_applicable_when=NEVER,
        ),
        {"k8s/web.yaml": WEB.replace("  replicas: 3\n", "  replicas: 3\n  strategy: {type: Recreate}\n")},
        {"k8s/web.yaml": WEB},
        params={"subject": "Rolling updates configured"},
    ),
    check(
        "ci.zero",
        "drilled",
        "A deployment under load lost no request",
        _drilled,
        Documentation(
            what=f"The newest result of a deployment under load is at most {DAYS:g} days old and lost nothing.",
            why="What files declare and what clients see differ by what is in flight.",
            how_verified="Reads results of drills of kind shutdown whose scenario or file speaks of a deployment, "
            "release, "
            "roll-out or reload: requests or in_flight, and lost.",
            how_to_mend=MAKES,
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        strength=Strength.BEHAVIOUR,
        radius=BlastRadius.READ_ONLY,
        needs=("drills",),
        must_fail=_result(4),
        mended=_result(0),
    ),
)  # fmt: skip

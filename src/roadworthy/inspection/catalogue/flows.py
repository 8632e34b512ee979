"""Flows that the target describes, walked: what a line names is ticked only by a flow that names it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Remediation, Severity, Status, Verdict
from roadworthy.inspection.catalogue import skeletons, wording
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.flows import FlowsProbe, Walk
from roadworthy.inspection.scenario import Flow, Step

DEFAULT_SUBJECTS = {"auth.flow": "User registration and login"}
WALKED_SECONDS = 70.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The flows that speak of what a line names, and its words that none of them names."""

    flows: tuple[Flow, ...]
    unnamed: tuple[str, ...] = ()


def chosen(flows: Sequence[Flow], subject: str) -> Choice:
    """Which flows prove a line: those that speak of nothing else first, then those that speak of more."""
    quoted = [flow for flow in flows if any(wording.literal(phrase, subject) for phrase in flow.phrases)]
    words = wording.significant(subject)
    if not words:  # "Test critical user flows" names none: only a flow that says these very words answers
        return Choice(tuple(quoted))
    exact = [flow for flow in flows if any(wording.within(phrase, words) for phrase in flow.phrases)]
    broad = [flow for flow in flows if flow in exact or wording.named(words, flow.phrases)]
    for found in (exact, broad):
        left = set(words) - wording.named(words, [phrase for flow in found for phrase in flow.phrases])
        if not left:
            return Choice(tuple(found))
    return Choice(tuple(exact), tuple(word for word in words if word in left))


async def _walked(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    subject = requirement.text("subject") or DEFAULT_SUBJECTS.get(requirement.id, "")
    choice = chosen(probes.flows.flows, subject) if probes.flows else Choice(())
    walks = [await probes.flows.walk(flow) for flow in choice.flows] if probes.flows else []
    evidence = [quoted(walk, http.vantage) for walk in walks]
    broken = [walk for walk in walks if walk.problem]
    if broken:
        return failed(
            f"{broken[0].flow.name}: {broken[0].problem}",
            *evidence,
            mend="mend the step that fails, or the flow in target.toml if it asks for the wrong thing",
        )
    if not walks or choice.unnamed:
        return await undescribed(probes, subject, choice.unnamed, evidence)
    steps = sum(len(walk.trodden) for walk in walks)
    return passed(f"walked {listed(walk.flow.name for walk in walks)}: {steps} steps as expected", *evidence)


def quoted(walk: Walk, vantage: str) -> Evidence:
    """A walk as evidence: each step with its status."""
    seconds = sum(one.seconds for one in walk.trodden)
    steps = "\n".join(one.words for one in walk.trodden)
    return observe(f"flow {walk.flow.name!r}, in order", f"{steps}\ntook {seconds:.2f} s", vantage, basis=steps)


async def undescribed(
    probes: Probes, subject: str, unnamed: Sequence[str] = (), evidence: Sequence[Evidence] = ()
) -> Verdict:
    """Unknown, with a scenario to paste."""
    what = listed(map(repr, unnamed)) if unnamed else repr(subject)
    count = len(probes.flows.flows) if probes.flows else 0
    words = f"none of {count} flows of target.toml names {what}" if count else "the target describes no flow"
    skeleton = await skeletons.scenario(probes.http, subject)
    advice = Remediation("describe it in target.toml, with an account made for it; docs/guide/flows.md", skeleton)
    return Verdict(Status.UNKNOWN, words, tuple(evidence), advice)


def probe_of(probes: Probes) -> FlowsProbe | None:
    """The flows, where any is described."""
    return probes.flows


def accounts(*, remembers: bool = True) -> Site:
    """A service with registration, sign-in and a page of one's own; one that forgets accounts breaks at sign-in."""

    def made() -> Handler:
        known: dict[str, str] = {}

        def answer(asked: Asked) -> Reply:
            told = json.loads(asked.body) if asked.body else {}
            if asked.path == "/api/register" and asked.method == "POST":
                known.update({told["email"]: told["password"]} if remembers else {})
                return reply({"id": 1}, 201)
            if asked.path == "/api/login" and asked.method == "POST":
                good = known.get(told["email"]) == told["password"]
                return reply({"access_token": "t0ken-of-the-fixture"}) if good else reply({"title": "no"}, 401)
            if asked.path == "/api/me" and asked.headers.get("authorization") == "Bearer t0ken-of-the-fixture":
                return reply({"email": next(iter(known))})
            return reply({"title": "not found"}, 404)

        return answer

    return made


ACCOUNT = {"email": "probe+{random}@example.test", "password": "an-invented-passw0rd"}
REGISTER_AND_LOGIN = Flow(
    "User registration and login",
    [
        Step(post="/api/register", json=ACCOUNT, expect=201),
        Step(post="/api/login", json=ACCOUNT, expect=200, save={"token": "$.access_token"}),
        Step(get="/api/me", bearer="{token}", expect=200, contains="probe+{random}"),
    ],
)

WALKED = Check(
    id="flow.generic.walked",
    requirements=("flow.generic", "auth.flow", "test.smoke", "feature.exists"),
    title="The flow that the line names works, step by step",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_walked,
    timeout_seconds=WALKED_SECONDS,
    documentation=Documentation(
        what="A scenario of target.toml that names what the line names goes through over the public address: every "
        "step brings the status, the text and the values that it says.",
        why="Parts that each answer may still not work together; people do whole flows.",
        how_verified="Walks each [[flows]] whose name or matches hold the line's own words, once, with cookies and "
        "saved values from step to step, at most 20 steps and 60 seconds. A flow proves only what it names: words of "
        "the line that no flow names leave it unknown, with a scenario to paste. An answer that a made-up address "
        "gives too counts as a failed step. Flows are walked whenever such a line is inspected, writes included: the "
        "team wrote them for that; take throwaway accounts ({random}) and clean up in a last step with always = true.",
        how_to_mend="Mend the step that fails; describe the flow where none is.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "auth.flow",
        {"subject": "User registration and login"},
        must_fail=Stage(site=accounts(remembers=False), flows=[REGISTER_AND_LOGIN]),
        mended=Stage(site=accounts(), flows=[REGISTER_AND_LOGIN]),
    ),
)

CHECKS = (WALKED,)

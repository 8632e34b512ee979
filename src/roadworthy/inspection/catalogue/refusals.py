"""Requests that a limit refused are counted where somebody looks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.limits import exceed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.exposition import Exposition, Sample
from roadworthy.inspection.probes.exposition import parse as parse_metrics
from roadworthy.inspection.probes.http import HttpProbe

REFUSED, OK = "429", 200
STATUS_LABELS = ("status", "code", "status_code", "http_status", "statuscode", "http_response_status_code")
LIMITED = re.compile(
    r"(?:rate_?limit|throttl)\w{0,100}(?:_total|_count)$|(?:limited|throttled|rejected)_(?:requests_)?total$",
    re.IGNORECASE,
)
ALLOWED = re.compile(r"allow|pass|accept|ok|within", re.IGNORECASE)
LIMIT = 20
LOOKS = 4
"""A page of metrics may be one worker's alone: another may have refused."""


async def _counted(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    before = (await surface.metrics(probes))[1]
    exceeded = await exceed(probes, Requirement("rl.on"))
    if not exceeded.ordinal:
        return unknown("no request was refused: whether a refusal is counted does not show", exceeded.evidence)
    after = await _after(http)
    if not after.valid:
        raise Unobservable(
            "a request was refused, and no page of metrics shows whether it was counted",
            "publish /metrics, or offer the monitoring system's address",
        )
    found = refusals(after)
    was, now = (sum(one.value for one in refusals(page)) for page in (before, after))
    names = listed(sorted({one.name for one in found}))
    evidence = observe(
        "GET /metrics before and after the provocation",
        f"series that count refusals: {names}; {was:g} before, {now:g} after",
        http.vantage,
        basis=f"{names}; counted: {now > 0}",
    )
    if now <= 0:
        return failed(
            f"a request was refused with 429, and none of {len(after.names)} series counts it",
            exceeded.evidence,
            evidence,
            mend="count answers by status, or refusals in a counter of their own, and alert on their rate",
        )
    return passed(f"refused requests are counted by {names}: {now:g}", exceeded.evidence, evidence)


def refusals(page: Exposition) -> Sequence[Sample]:
    """Samples that count refused requests: by the status in a label, or by their name."""
    return [one for one in page.samples if _of_status(one) or _by_name(one)]


def _of_status(sample: Sample) -> bool:
    labels = {name.lower(): value for name, value in sample.labels.items()}
    counts = sample.name.endswith(("_total", "_count"))
    return counts and any(labels.get(name) == REFUSED for name in STATUS_LABELS)


def _by_name(sample: Sample) -> bool:
    return LIMITED.search(sample.name) is not None and not any(map(ALLOWED.search, sample.labels.values()))


async def _after(http: HttpProbe) -> Exposition:
    page = Exposition((), {}, ())
    for number in range(LOOKS):
        answer = await http.get(surface.METRICS[0], again=f"after a refusal, {number}")
        if answer.status != OK or "html" in answer.content_type:
            return page
        page = parse_metrics(answer.text)
        if sum(one.value for one in refusals(page)) > 0:
            return page
    return page


def _limited(*, counts: bool) -> Site:
    """A site that refuses after some requests, and counts that or not."""

    def site() -> Handler:
        asked_for = [0]

        def answer(asked: Asked) -> Reply:
            if asked.path == "/metrics":
                refused = max(0, asked_for[0] - LIMIT)
                line = f'http_requests_total{{status="429"}} {refused}\n' if counts and refused else ""
                return reply(f'http_requests_total{{status="200"}} 20\n{line}', content_type="text/plain")
            if asked.path == "/openapi.json":
                return reply({"paths": {"/api/items": {"get": {}}}})
            if asked.path != "/api/items":
                return reply("not found", 404)
            asked_for[0] += 1
            return reply({"items": [1, 2, 3]}) if asked_for[0] <= LIMIT else reply({"detail": "slow down"}, 429)

        return answer

    return site


COUNTED = Check(
    id="rl.monitor.counted",
    requirements=("rl.monitor",),
    title="Refused requests are counted",
    severity=Severity.LOW,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_counted,
    timeout_seconds=120.0,
    provokes=True,
    documentation=Documentation(
        what="After a request was refused with 429, a series on the page of metrics has counted it.",
        why="A limit that nobody watches refuses an honest customer for weeks, or an attacker too late.",
        how_verified="Exceeds the limit (once, however many lines ask), and reads the page of metrics before and "
        "after: counters with the status 429 in a label, or counters of limited and throttled requests.",
        how_to_mend="A counter of answers with the status as a label is enough; alert on the rate of 429.",
        not_applicable_when="Never; where nothing is refused it is unknown.",
    ),
    fixtures=twins(
        "rl.monitor", must_fail=Stage(site=_limited(counts=False)), mended=Stage(site=_limited(counts=True))
    ),
)

CHECKS = (COUNTED,)

"""How long answers take, measured on the running service."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import Burst, HttpProbe

UNDER_LOAD = re.compile(
    r"\b(?:under|at|with|during)\b[^,;]{0,30}\b(?:load|traffic|stress)\b|\bconcurren\w+|\bsimultaneous\w*"
    r"|\d[kK]?\+?[ \t]{0,3}(?:active |virtual )?users?\b|\b(?:rps|req(?:uests)?/s(?:ec)?)\b",
    re.IGNORECASE,
)
"""Times of a busy service, which one client after another does not show."""
WRITES = re.compile(
    r"\b(?:writes?|inserts?|updates?|mutations?)\b(?: (?:operations?|requests?|endpoints?|quer(?:y|ies)))?",
    re.IGNORECASE,
)
SAMPLES = 30
USUAL_MS = 500.0
USUAL_PERCENTILE = 95
PAUSE_SECONDS = 0.02
SHARE_ANSWERED = 0.9
HEALTH_PATHS = ("/health", "/api/health")
_GENERAL = """
api apis response responses answer answers time times latency latencies average avg mean median percentile p
th for of in on the a an and or with under below less than within max maximum target cached cache database db
query queries warm cold endpoint endpoints request requests check checks performance goal ms s seconds second
milliseconds all most rest http are is be must should stay at simultaneous load benchmark benchmarks
"""
GENERAL = frozenset(_GENERAL.split())
"""Words that name no route; what is left of a line's label does."""
_PAGES = "page pages loads frontend site website home homepage initial first web"
PAGES = frozenset(_PAGES.split())
_WRITING = """
create creation creating submit submission upload uploading update updating delete deletion register registration login
signin signup authentication authenticate auth write writing insert import checkout payment
"""
WRITING = frozenset(_WRITING.split())


async def _latency(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    busy = UNDER_LOAD.search(requirement.text("subject"))
    if busy or requirement.number("users") is not None:
        words = f" ('{busy[0].strip()}')" if busy else ""
        raise Unobservable(
            f"the line speaks of times under load{words}: seen only under load",
            "run a load test, and attest its report",
        )
    if not requirement.text("path") and (writing := WRITES.search(requirement.text("subject"))):
        raise Unobservable(f"{writing[0]!r} can't be timed by reading", "run a load test, and attest its report")
    limit = requirement.number("max_ms", USUAL_MS)
    percentile = int(requirement.number("percentile", USUAL_PERCENTILE))
    path = await _route(http, requirement)
    cached = requirement.params.get("cached")
    burst = await _measured(http, path, varied=cached is False)
    times = _times(burst)
    if (
        times and at(times, percentile) >= limit
    ):  # a second look, so that a neighbour's noise is not called the service's
        burst = await _measured(http, path, varied=cached is False, again=" again")
        times = min(times, _times(burst), key=lambda one: at(one, percentile) if one else float("inf"))
    if len(times) < SHARE_ANSWERED * SAMPLES:
        statuses = sorted({answer.status for answer in burst.answers})
        raise Unobservable(
            f"{len(times)} of {len(burst.answers)} requests to {path} were answered with 200 (statuses {statuses})",
            "name a readable route in the line, or raise the rate limit for the inspector",
        )
    seen = at(times, percentile)
    kind = "something else each time" if cached is False else "the same thing again"
    figures = f"p50 {at(times, 50):.1f}, p95 {at(times, 95):.1f}, longest {max(times):.1f}"
    evidence = observe(
        f"GET {path}, {len(times)} times, {kind}",
        f"{figures} (milliseconds)",
        burst.vantage,
        basis=f"p{percentile} under {limit:g}: {seen < limit}",
    )
    if seen >= limit:
        return failed(
            f"p{percentile} of {path} is {seen:.0f} ms, the line says {limit:g}",
            evidence,
            mend="look at the slowest statement of the route",
        )
    return passed(f"p{percentile} of {path} is {seen:.1f} ms over {len(times)} requests, under {limit:g}", evidence)


async def _route(http: HttpProbe, requirement: Requirement) -> str:
    """The route that the line means: by its path, or by the words before its number.

    Raises:
        Unobservable: it means something that can't be found among the readable routes.
    """
    label = re.split(r"[:<\u2264(]|\d", requirement.text("subject"), maxsplit=1)[0].lower()
    words = [word for word in re.findall(r"[a-z]+", label) if word not in GENERAL]
    if requirement.text("path") or not words:
        return await surface.api_path(http, requirement)
    if set(words) <= PAGES:
        await surface.pages(http)
        return "/"
    if set(words) & WRITING:
        raise Unobservable(
            f"'{label.strip()}' writes or signs in: it can't be timed by reading", "describe it as a flow"
        )
    for path in (*HEALTH_PATHS, *(route for method, route in await surface.operations(http) if method == "GET")):
        if "{" not in path and any(_stem(word) in path.lower() for word in words):
            await surface.real(http, path)
            return path
    raise Unobservable(f"no readable route is called '{label.strip()}'", "name its path in the line")


def _stem(word: str) -> str:
    return word.removesuffix("ies").removesuffix("s")


def _times(burst: Burst) -> list[float]:
    """Milliseconds of the answers that were one."""
    return [answer.seconds * 1000 for answer in burst.answers if answer.status == surface.OK]


async def _measured(http: HttpProbe, path: str, *, varied: bool, again: str = "") -> Burst:
    """One after the other; where the database is meant, page sizes differ so that no cache answers."""
    if not varied:
        await http.get(path)
        return await http.burst(path, SAMPLES, name=f"latency of {path}{again}", pause_seconds=PAUSE_SECONDS)
    joint = "&" if "?" in path else "?"
    paths = [f"{path}{joint}limit={size}" for size in range(20, 20 + SAMPLES)]
    return await http.burst(paths, SAMPLES, name=f"latency of {path}, varied{again}", pause_seconds=PAUSE_SECONDS)


def at(values: Sequence[float], percentile: int) -> float:
    """The smallest value that `percentile` of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percentile / 100) - 1)]


LATENCY = Check(
    id="perf.latency.measured",
    requirements=("perf.latency",),
    title="Answers come fast enough",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_latency,
    provokes=True,
    timeout_seconds=60.0,
    documentation=Documentation(
        what="The percentile of the line (95 if it names none) of a readable route is under its number. The words "
        "before the "
        "number name the route; without any, the first documented list is taken.",
        why="People leave after a second; the slowest twentieth is what they tell others about.",
        how_verified=f"{SAMPLES} requests one after the other, without load: to the same address for cached answers, "
        "with another page "
        "size each for those that reach the database. A measurement over the limit is repeated once; the better one "
        "counts.",
        how_to_mend="An index, a smaller page, a cache.",
        not_applicable_when="Never; what a line asks for under load is unknown.",
    ),
    fixtures=twins(
        "perf.latency",
        {"path": "/api/items", "max_ms": 100, "percentile": 95},
        must_fail=Stage(site=pages({"/api/items": reply({"items": []}, after_seconds=0.12)})),
        mended=Stage(site=pages({"/api/items": reply({"items": []})})),
    ),
)

CHECKS = (LATENCY,)

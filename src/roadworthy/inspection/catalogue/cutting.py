"""Run only when asked for: a dependency is taken away and given back; the service is told to stop, and started."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.answers import HEALTH_PATHS, READY_PATHS, SAME_THING
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures import victims
from roadworthy.inspection.model import Check, Documentation, Fixture, Fixtures, Probes, Requirement, Strength
from roadworthy.inspection.probes.disruptions import run, runs, terminate
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.sessions import visit
from roadworthy.inspection.scenario import Cut, Stop

BROKEN = 500
BACK_SECONDS = 30.0
AT_ONCE = 4
UNWELL = "down|fail|unavailable|unreachable|error|unhealthy|false|degraded"
CACHES = re.compile(r"redis|valkey|cache|memcache", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service answered: the path, and the status (0 where nothing came)."""

    path: str
    status: int

    def __str__(self) -> str:
        return f"{self.path}: {self.status or 'no answer'}"


async def _ask(http: HttpProbe, path: str) -> Seen:
    async with visit(http, apart=True, crowd=True) as stranger:
        with if_seen():
            return Seen(path, (await stranger.send("GET", path)).status)
    return Seen(path, 0)


async def _settled(http: HttpProbe, path: str, seconds: float, good: Callable[[Seen], bool]) -> Seen:
    """What `path` answers once it is `good`, or after so many seconds."""
    ends = time.monotonic() + seconds
    while True:
        seen = await _ask(http, path)
        if good(seen) or time.monotonic() > ends:
            return seen
        await asyncio.sleep(0.5)


def _cuts(probes: Probes, wanted: Callable[[Cut], bool]) -> Sequence[Cut]:
    disruptions = offered(probes.disruptions, "disruptions")
    found = [cut for cut in disruptions.cuts if wanted(cut)]
    if not found:
        raise Unobservable(
            f"none of {len(disruptions.cuts)} cuts of target.toml is of what the line means",
            '[[cuts]] dependency = "redis", cut = "docker stop redis", restore = "docker start redis"',
        )
    return found


async def _health_path(http: HttpProbe, requirement: Requirement) -> str:
    named = requirement.text("path")
    for path in [named] if named.startswith("/") else [*READY_PATHS, *HEALTH_PATHS]:
        if (await _ask(http, path)).status == surface.OK:
            return path
    raise Unobservable(
        "no readiness or health path answers 200 before anything is cut", "name it in the line: `/health/ready`"
    )


async def _readiness(probes: Probes, requirement: Requirement) -> Verdict:
    http, disruptions = offered(probes.http, "http"), offered(probes.disruptions, "disruptions")
    dependencies = [name for name in requirement.names("dependency") if name]
    cut = _cuts(probes, lambda one: not dependencies or any(_means(name, one.dependency) for name in dependencies))[0]
    path = await _health_path(http, requirement)
    async with disruptions.taken_away(cut):
        during = await _settled(http, path, cut.settle_seconds, lambda seen: seen.status >= BROKEN or seen.status == 0)
        named = await _says(http, path, cut.dependency)
    after = await _settled(http, path, BACK_SECONDS, lambda seen: seen.status == surface.OK)
    told = f"before: {path}: 200; during: {during}{', naming it' if named else ''}; after: {after}"
    evidence = observe(f"{path} while {cut.dependency} is cut", told, disruptions.vantage)
    if after.status != surface.OK:
        return failed(
            f"{path} does not come back after {cut.dependency} did ({after})", evidence, mend="connect again by itself"
        )
    if during.status == surface.OK and not named:
        return failed(
            f"{path} says 200 while {cut.dependency} is gone",
            evidence,
            mend="ask each required dependency; 503 while one is down",
        )
    if during.status == 0:
        return failed(
            f"{path} does not answer while {cut.dependency} is gone",
            evidence,
            mend="answer 503 within a second: give the probe of each dependency a time limit",
        )
    return passed(
        f"{path} answers {during.status}{' and names it' if named else ''} while {cut.dependency} is gone, and "
        f"comes back",
        evidence,
    )


async def _says(http: HttpProbe, path: str, dependency: str) -> bool:
    """Whether the body tells that the dependency is not well."""
    async with visit(http, apart=True) as stranger:
        with if_seen():
            text = (await stranger.send("GET", path)).text.lower()
            pattern = SAME_THING.get(dependency.lower(), re.escape(dependency.lower()))
            return re.search(rf"(?:{pattern})\W{{1,6}}[^,}}]{{0,60}}(?:{UNWELL})", text) is not None
    return False


def _means(name: str, dependency: str) -> bool:
    pattern = SAME_THING.get(name.lower(), re.escape(name.lower()))
    return (
        re.search(pattern, dependency.lower()) is not None
        or re.search(re.escape(dependency.lower()), name.lower()) is not None
    )


async def _survives(probes: Probes, requirement: Requirement) -> Verdict:
    http, disruptions = offered(probes.http, "http"), offered(probes.disruptions, "disruptions")
    cache = requirement.id == "cache.fallback"
    cut = _cuts(probes, lambda one: bool(CACHES.search(one.dependency)) or not cache)[0]
    paths = list(cut.paths) or [await surface.api_path(http)]
    before = [await _ask(http, path) for path in paths]
    ready = [seen.path for seen in before if 0 < seen.status < surface.BAD]
    if not ready:
        raise Unobservable(
            f"none of its routes answers before the cut: {listed(before)}", 'paths = ["/api/jobs"] in [[cuts]]'
        )
    async with disruptions.taken_away(cut):
        await asyncio.sleep(min(1, cut.settle_seconds))
        during = [
            await _settled(http, path, cut.settle_seconds, lambda seen: 0 < seen.status < BROKEN) for path in ready
        ]
    after = [await _settled(http, path, BACK_SECONDS, lambda seen: 0 < seen.status < BROKEN) for path in ready]
    told = f"before: {listed(before)}; during: {listed(during)}; after: {listed(after)}"
    evidence = observe(f"routes while {cut.dependency} is cut", told, disruptions.vantage)
    lost = [seen for seen in (*during, *after) if seen.status == 0 or seen.status >= BROKEN]
    if lost:
        when = "while it is gone" if lost[0] in during else "after it is back"
        return failed(
            f"without {cut.dependency} {lost[0]} {when}",
            evidence,
            mend="catch its loss where it is used, and go on without",
        )
    return passed(f"{listed(ready)} answer(s) while {cut.dependency} is gone, and after", evidence)


async def _stops(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http, disruptions = offered(probes.http, "http"), offered(probes.disruptions, "disruptions")
    stop = disruptions.stop
    if stop is None:
        raise Unobservable(
            "the target names no process to stop", '[stop] pid = 1234, start = "systemctl start your-app"'
        )
    _is_the_service(probes, http, stop)
    if (await _ask(http, stop.path)).status != surface.OK:
        raise Unobservable(
            f"{stop.path} does not answer 200 before the stop", "[stop] path is a route that takes a moment"
        )
    async with disruptions.one_at_a_time:
        began = time.monotonic()
        try:
            flying = [asyncio.ensure_future(_ask(http, stop.path)) for _ in range(AT_ONCE)]
            await asyncio.sleep(0.3)
            unfinished = sum(not one.done() for one in flying)
            terminate(stop.pid)
            answers = await asyncio.gather(*flying)
            ended = await _ended(stop, began)
        finally:
            started = await asyncio.shield(asyncio.ensure_future(_started(http, stop)))
    state = "ended" if ended else "still running"
    told = f"{unfinished} of {AT_ONCE} requests under way at SIGTERM; {listed(answers)}; {state}; {started}"
    evidence = observe(
        f"SIGTERM to process {stop.pid} while {stop.path} is asked",
        told,
        disruptions.vantage,
        basis=f"{listed(answers)} {ended}",
    )
    return _judged(stop, answers, ended=ended, started=started, unfinished=unfinished, evidence=evidence)


def _judged(
    stop: Stop, answers: Sequence[Seen], *, ended: bool, started: str, unfinished: int, evidence: Evidence
) -> Verdict:
    lost = sum(seen.status != surface.OK for seen in answers)
    if not started.startswith("started"):
        return failed(f"it did not come back: {started}", evidence, mend=f"run by hand: {stop.start}")
    if lost:
        return failed(
            f"{lost} of {len(answers)} requests were lost at a stop",
            evidence,
            mend="finish what was begun before the socket closes",
        )
    if not ended:
        return failed(
            f"it still ran {stop.grace_seconds} seconds after SIGTERM", evidence, mend="end when what was begun is done"
        )
    if not unfinished:
        return unknown(
            "every request was answered before the stop: none was under way",
            evidence,
            mend="[stop] path is a route that takes a second",
        )
    return passed(f"{unfinished} requests under way at SIGTERM were answered, then it ended", evidence)


def _is_the_service(probes: Probes, http: HttpProbe, stop: Stop) -> None:
    """Unobservable unless the process, or one below it, serves the address: nobody else is ever told to stop."""
    host = offered(probes.host, "host")
    family = {stop.pid, *(one.pid for one in host.descendants(stop.pid))}
    if not http.loopback or not family & {one.pid for one in host.listeners(http.port)}:
        raise Unobservable(
            f"process {stop.pid} does not serve {http.url}",
            "[stop] pid is the process that listens there, or its parent",
        )


async def _ended(stop: Stop, began: float) -> bool:
    while runs(stop.pid) and time.monotonic() - began < stop.grace_seconds:  # noqa: ASYNC110 - another program's end
        await asyncio.sleep(0.2)
    return not runs(stop.pid)


async def _started(http: HttpProbe, stop: Stop) -> str:
    """Starts the service again unless it answers by itself, as under a supervisor."""
    if (await _settled(http, stop.path, 2, lambda seen: seen.status == surface.OK)).status == surface.OK and not runs(
        stop.pid
    ):
        return "started again by its supervisor"
    if runs(stop.pid):
        return "started: it never ended"
    ran = await run(_words(stop.start))
    back = await _settled(http, stop.path, BACK_SECONDS, lambda seen: seen.status == surface.OK)
    return (
        "started again" if back.status == surface.OK else f"`{ran.command}` ended with {ran.code}: {ran.said}; {back}"
    )


def _words(command: str) -> Sequence[str]:
    return shlex.split(command)


def _fixture(requirement: str, params: dict[str, str], *, careful: bool, stops: bool = False) -> Fixture:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Probes]:
        async with victims.opened(careful=careful, stops=stops) as probes:
            yield probes

    return Fixture(opened, Requirement(requirement, params, "self-test"))


def _check(
    requirements: tuple[str, ...],
    name: str,
    title: str,
    run_it: object,
    documentation: Documentation,
    *,
    stops: bool = False,
) -> Check:
    return Check(
        id=f"{requirements[0]}.{name}",
        requirements=requirements,
        title=title,
        severity=Severity.HIGH,
        blast_radius=BlastRadius.DISRUPTIVE,
        strength=Strength.BEHAVIOUR,
        needs=frozenset({"http", "disruptions", *(("host",) if stops else ())}),
        run=run_it,  # type: ignore[arg-type]  # each is a coroutine of probes and requirement
        timeout_seconds=120.0,
        provokes=True,
        documentation=documentation,
        fixtures=Fixtures(
            _fixture(requirements[0], {}, careful=False, stops=stops),
            _fixture(requirements[0], {}, careful=True, stops=stops),
        ),
    )


_HOW = (
    "Only when disruptive checks are asked for: runs the [[cuts]] command of target.toml without a shell, and "
    "its restore "
    "command whatever happens; a watchdog restores after 90 seconds even if the inspector is killed. "
)
CHECKS = (
    _check(
        ("health.deps",),
        "cut",
        "Readiness tells when a dependency is gone",
        _readiness,
        Documentation(
            what="While a dependency is cut the readiness path answers 503, or names it as down; afterwards it is "
            "200 again by itself.",
            why="A balancer sends people to an instance that can't serve them, as long as it says ready.",
            how_verified=_HOW + "Asks the path of the line, or the usual ones, before, during and after.",
            how_to_mend="Ask each required dependency with a short time limit; 503 while one is down.",
            not_applicable_when="Never.",
        ),
    ),
    _check(
        ("srv.fallback", "cache.fallback"),
        "cut",
        "Routes survive the loss of a dependency",
        _survives,
        Documentation(
            what="Routes that answered before still answer below 500 while the dependency is gone, and after it is "
            "back. For a line about the cache, one called redis, valkey or cache is cut.",
            why="What only makes things faster must not be what stops them.",
            how_verified=_HOW + "Asks the routes that the cut names in paths, or a documented list.",
            how_to_mend="Catch the loss where the dependency is used; short time limits; an answer without it.",
            not_applicable_when="Never.",
        ),
    ),
    _check(
        ("srv.shutdown",),
        "stopped",
        "A stop finishes what was begun",
        _stops,
        Documentation(
            what="Requests that are under way when the process gets SIGTERM are answered, then it ends.",
            why="Otherwise every deployment is an error for whoever was waiting.",
            how_verified="Only when disruptive checks are asked for: sends SIGTERM to [stop] pid, which must be this "
            "user's and serve the address, while four requests for [stop] path run; counts the lost ones; starts "
            "it again.",
            how_to_mend="Stop listening, finish, then end; a grace period longer than the slowest request.",
            not_applicable_when="Never.",
        ),
        stops=True,
    ),
)

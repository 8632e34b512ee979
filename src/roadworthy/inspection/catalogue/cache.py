"""The shared memory and what is cached in it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed, setting_of, unknown, unset
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import SharedMemory
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import Answer

HIT_HEADERS = ("x-cache", "x-cache-status", "cf-cache-status", "x-proxy-cache", "cache-status", "x-drupal-cache")
OFF = frozenset({"false", "0", "no", "off", ""})
OTHER_KEYS = re.compile(rb"limit|rate|throttl|session|lock|celery|queue|bull|view|count|metric", re.IGNORECASE)
REDIS_LIKE = frozenset({"redis", "valkey"})
SCANNED = "SCAN"
KEYS_LIMIT = 20
SLACK_SECONDS = 15
UNUSUAL_SIZES = range(31, 97)
"""Page sizes that hardly anybody asks for; two of them, drawn anew, so that the answer is not cached yet."""
TTL_NAMES = ("CACHE_TTL_SECONDS", "CACHE_TTL", "CACHE_DEFAULT_TIMEOUT", "REDIS_TTL", "CACHE_EXPIRE_SECONDS")


async def _cached(probes: Probes, requirement: Requirement) -> Verdict:
    evidence: list[Evidence] = []
    off = _switched_off(probes, requirement, evidence)
    if off:
        switch = f"{requirement.text('name') or 'REDIS_ENABLED'}=true"
        return failed(off, *evidence, mend="switch the cache on", patch=switch)
    http = offered(probes.http, "http")
    path = await surface.api_path(http, requirement)
    first, second = await http.get(path, again="first"), await http.get(path, again="second")
    sign = _sign(second)
    evidence.append(
        observe(f"GET {path}, twice", _told(first, second), http.vantage, basis=sign or "no sign of a cache")
    )
    store = requirement.text("store").lower()
    if sign:
        told = passed(f"asked twice, {path} comes from a cache: {sign}", *evidence)
        return await _kept_in(store, probes, path, evidence) if store else told
    return await _silent(probes, second, store, evidence)


async def _silent(probes: Probes, answer: Answer, store: str, evidence: list[Evidence]) -> Verdict:
    """The verdict where no header tells of a cache: what is written to Redis shows one."""
    path = answer.path
    if store not in {"", *REDIS_LIKE}:
        return unknown(f"whether {path} is cached in {store} can't be seen", *evidence)
    if await _written(probes, path, evidence):
        return passed(f"asking {path} writes an entry to Redis", *evidence)
    if answer.status != surface.OK or probes.redis is None:
        seen = f"{path} answers {answer.status}" if answer.status != surface.OK else f"{path} tells of no cache"
        return unknown(f"{seen}; a silent one can't be seen", *evidence, mend="offer [redis] url, or send X-Cache")
    remedy = "cache what is read often, and say so in Age or X-Cache"
    return failed(f"asked twice, {path} shows no sign of a cache", *evidence, mend=remedy)


async def _kept_in(store: str, probes: Probes, path: str, evidence: list[Evidence]) -> Verdict:
    """The verdict on a cache that works and is said to be `store`: a cache inside the process answers just the same."""
    if store not in REDIS_LIKE or probes.redis is None:
        words = f"{path} comes from a cache; whether it lies in {store} was not seen"
        return unknown(words, *evidence, mend="offer [redis] url" if store in REDIS_LIKE else "")
    entries = await _written(probes, path, evidence)
    lives = [await probes.redis.ttl(key) for key in entries[:KEYS_LIMIT]]
    if any(seconds > 0 for seconds in lives):
        return passed(
            f"{path} comes from a cache, and asking it for something new writes an entry that expires to Redis",
            *evidence,
        )
    if not any(one.asked == SCANNED for one in evidence):
        return unknown(f"{path} comes from a cache; Redis holds too many keys to see whether in it", *evidence)
    words = "an entry that never expires" if entries else "no entry"
    return failed(
        f"{path} comes from a cache, but not seen in {store}: asking for something new writes {words} there",
        *evidence,
        mend=f"keep answers in {store}, with an expiry; or write the cache that you use into the line",
    )


def _switched_off(probes: Probes, requirement: Requirement, evidence: list[Evidence]) -> str:
    name = requirement.text("name")
    setting = setting_of(probes, name) if name else None
    if setting is None:
        missing = unset(probes, requirement)
        if missing:
            evidence.append(observe(name, missing, "effective configuration"))
        return missing.partition(";")[0]
    evidence.append(observe(name, f"{name} is {setting.shown} ({setting.source})", "effective configuration"))
    return f"{name} is {setting.value}" if setting.value.lower() in OFF else ""


def _sign(answer: Answer) -> str:
    for name in HIT_HEADERS:
        if "hit" in answer.headers.get(name, "").lower():
            return f"{name}: {answer.headers[name]}"
    return f"age: {answer.headers['age']}" if answer.headers.get("age", "").isdigit() else ""


def _told(first: Answer, second: Answer) -> str:
    names = [name for name in (*HIT_HEADERS, "age", "cache-control", "etag") if name in second.headers]
    times = f"{first.seconds * 1000:.1f} ms, then {second.seconds * 1000:.1f} ms"
    return f"{second.brief(*names)}; {times}"


async def _ttl(probes: Probes, requirement: Requirement) -> Verdict:
    evidence: list[Evidence] = []
    name = requirement.text("name")
    setting = setting_of(probes, *([name] if name else TTL_NAMES))
    stated = requirement.number("ttl_seconds")
    if setting is not None:
        told = f"{setting.name} is {setting.value} ({setting.source})"
        evidence.append(observe(setting.name, told, "effective configuration"))
    if stated is None:
        return _configurable(evidence, there=setting is not None)
    fresh = await _fresh_ttl(probes, requirement, evidence)
    configured = _number(setting.value) if setting else None
    problem = _disagrees(stated, configured, fresh)
    if problem:
        line = f"{name or TTL_NAMES[0]}={stated:g}"
        return failed(
            f"{problem}, the line says {stated:g}", *evidence, mend="set the lifetime of the line", patch=line
        )
    if configured is None and (fresh is None or fresh < stated - SLACK_SECONDS):
        seen = (
            "no entry was written while looking" if fresh is None else f"an entry just written lives {fresh:g} seconds"
        )
        raise Unobservable(
            f"no variable states a lifetime; {seen}",
            f"set {name or TTL_NAMES[0]}, and offer [redis] url and [http] url",
        )
    shown = f"; one just written lives {fresh:g} seconds" if fresh is not None else ""
    return passed(f"cached entries live {stated:g} seconds at most{shown}", *evidence)


def _disagrees(stated: float, configured: float | None, fresh: float | None) -> str:
    """How what was set or measured differs from the line; single entries may live shorter than the setting."""
    if configured is not None and configured != stated:
        return f"the lifetime is set to {configured:g} seconds"
    if fresh is not None and fresh < 0:
        return "an entry just written never expires"
    if fresh is not None and fresh > stated:
        return f"an entry just written lives {fresh:g} seconds"
    return ""


def _configurable(evidence: Sequence[Evidence], *, there: bool) -> Verdict:
    if there:
        return passed("the lifetime of cached entries is set by a variable", *evidence)
    raise Unobservable(f"none of {', '.join(TTL_NAMES)} is set", "set one, or state the lifetime in the line")


async def _fresh_ttl(probes: Probes, requirement: Requirement, evidence: list[Evidence]) -> float | None:
    """Lifetime of an entry that asking the service just wrote; None where none appeared."""
    if probes.redis is None or probes.http is None:
        return None
    try:
        written = await _written(probes, await surface.api_path(probes.http, requirement), evidence)
        lives = [await probes.redis.ttl(key) for key in written[:KEYS_LIMIT]]
    except Unobservable:
        return None
    if not lives:
        return None
    evidence.append(
        observe("TTL of new entries", f"{sorted(lives)} seconds", probes.redis.vantage, basis="new entries")
    )
    return -1.0 if -1 in lives else float(max(lives))


async def _written(probes: Probes, path: str, evidence: list[Evidence]) -> Sequence[bytes]:
    """Keys that asking for something new wrote, without those that count, lock or queue."""
    if probes.redis is None or probes.http is None:
        return ()
    before = await probes.redis.keys()
    for size in random.sample(UNUSUAL_SIZES, 2):
        await probes.http.get(f"{path}{'&' if '?' in path else '?'}limit={size}")
    after = await probes.redis.keys()
    if before is None or after is None:
        return ()
    new = sorted(after - before)
    entries = [key for key in new if not OTHER_KEYS.search(key)]
    text = f"{counted(len(after), 'key')}, {len(new)} of them new, {len(entries)} of these cache entries by their names"
    evidence.append(observe(SCANNED, text, probes.redis.vantage, basis=f"entries written: {bool(entries)}"))
    return entries


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class _Caching:
    """A service that fills a header the second time, or never."""

    def __init__(self, *, works: bool) -> None:
        self._works = works

    def __call__(self) -> Handler:
        seen: set[str] = set()

        def answer(asked: Asked) -> Reply:
            if asked.path != "/api/items":
                return reply("not found", 404)
            state = "HIT" if self._works and asked.path in seen else "MISS"
            seen.add(asked.path)
            return reply({"items": [1, 2, 3]}, x_cache=state)

        return answer


CACHED = Check(
    id="cache.on.twice",
    requirements=("cache.on",),
    title="What was asked before comes from a cache",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_cached,
    documentation=Documentation(
        what="The second request for the same thing is answered from a cache, by its own word or by what it "
        "writes to Redis.",
        why="A cache that is configured and never used costs memory, and fails on the day it is needed.",
        how_verified="Asks the route that the line names, or the first documented list, twice; reads X-Cache and "
        "Age; compares keys in Redis. Where the line "
        "names the store, an entry that expires must be written there. A switch that the line names must not be off.",
        how_to_mend="Cache the routes that are read most; say so in a header.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cache.on",
        {"path": "/api/items"},
        must_fail=Stage(site=_Caching(works=False), redis=SharedMemory()),
        mended=Stage(site=_Caching(works=True), redis=SharedMemory()),
    ),
)

TTL = Check(
    id="cache.ttl.lifetime",
    requirements=("cache.ttl",),
    title="Cached entries live as long as the line says",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_ttl,
    documentation=Documentation(
        what="The lifetime set for cached entries is the line's, and a key just written has it.",
        why="Too long serves old data, too short is no cache.",
        how_verified="Reads the variable; samples the keys of Redis before and after asking for something new, and "
        "reads TTL of the new ones.",
        how_to_mend="Set CACHE_TTL_SECONDS, and use it where entries are written.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cache.ttl",
        {"ttl_seconds": 300, "name": "CACHE_TTL_SECONDS"},
        must_fail=Stage(environment={"CACHE_TTL_SECONDS": "30"}, redis=SharedMemory(), site=pages({})),
        mended=Stage(environment={"CACHE_TTL_SECONDS": "300"}, redis=SharedMemory(), site=pages({})),
    ),
)

CHECKS = (CACHED, TTL)

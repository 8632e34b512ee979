"""What lookups in the shared memory come to: found often enough, and by connections that are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.servers import SharedMemory
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.exposition import Exposition, Sample
from roadworthy.inspection.probes.http import VANTAGE
from roadworthy.inspection.probes.repo import RepoProbe, keyword

LOOKUPS_MIN = 500
"""Fewer say more about the last minute than about the cache."""
RATIO_MIN = 0.5
REUSED_SECONDS = 5
CACHE_SERIES = re.compile(r"cache", re.IGNORECASE)
HIT_SERIES = re.compile(r"_hits?(?:_total|_count)?$")
MISS_SERIES = re.compile(r"_miss(?:es)?(?:_total|_count)?$")
LOOKUP_SERIES = re.compile(r"(?:requests?|lookups?|gets?|operations?|cache)(?:_total|_count)$")
OUTCOMES = ("result", "outcome", "status", "type", "event", "state")
SIZE = re.compile(r"^(?!.*(?:CELERY|BROKER)).*(?:REDIS|VALKEY)_(?:\w+_)?(?:MAX_CONNECTIONS|POOL_SIZE|POOL_MAX\w*)$")
MAKERS = ("from_url", "Redis", "StrictRedis", "ConnectionPool", "BlockingConnectionPool", "Valkey", "create_pool")


@dataclass(frozen=True, slots=True)
class Lookups:
    """How many lookups found something, how many did not, and who says so."""

    hits: float
    misses: float
    source: str

    @property
    def total(self) -> float:
        """Lookups in all."""
        return self.hits + self.misses

    @property
    def ratio(self) -> float:
        """Share that found something, 0 to 1."""
        return self.hits / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.ratio:.1%} of {self.total:.0f} lookups ({self.source})"


async def _hit_ratio(probes: Probes, requirement: Requirement) -> Verdict:
    if probes.redis is None and probes.http is None:
        raise Unobservable("neither Redis nor the service's metrics are offered", '[redis] url = "redis://host:6379/0"')
    found = await _lookups(probes)
    least = requirement.number("min_ratio", RATIO_MIN)
    enough = [one for one in found if one.total >= LOOKUPS_MIN]
    evidence = observe(
        "lookups in the cache",
        listed(found),
        probes.redis.vantage if probes.redis else VANTAGE,
        basis=listed([f"{one.source} {'over' if one.ratio >= least else 'under'} {least:g}" for one in enough]),
    )
    if not enough:
        return unknown(
            f"{listed(found)}: too few to judge; {LOOKUPS_MIN} are needed",
            evidence,
            mend="use the service, or run a load drill, then inspect",
        )
    judged = enough[0]  # what the service counts of its own cache speaks of that alone; Redis counts every user of it
    asked = "the line asks for" if requirement.number("min_ratio") is not None else "a cache should find at least"
    if judged.ratio < least:
        return failed(
            f"{judged} are found, {asked} {least:.0%}",
            evidence,
            mend="cache what is asked often, keep it longer, leave what never repeats out of keys",
        )
    return passed(f"{judged} are found; {asked} {least:.0%}", evidence)


async def _lookups(probes: Probes) -> Sequence[Lookups]:
    """What the service counts of its own cache, then what Redis counts of everybody."""
    found: list[Lookups] = []
    with if_seen():
        found += published((await surface.metrics(probes))[1])
    if probes.redis is not None:
        stats = await probes.redis.info("stats")
        if "keyspace_hits" in stats:
            hits, misses = float(stats["keyspace_hits"]), float(stats.get("keyspace_misses", 0))
            found.append(Lookups(hits, misses, "keyspace_hits and keyspace_misses of Redis"))
    if not found:
        raise Unobservable("nobody counts lookups: no metric of a cache, and INFO stats says nothing", "offer [redis]")
    return found


def published(page: Exposition) -> Sequence[Lookups]:
    """Lookups that a page of metrics counts: two counters, or one with a label that says how it ended."""
    of_cache = [one for one in page.samples if CACHE_SERIES.search(one.name)]
    hits = [one for one in of_cache if HIT_SERIES.search(one.name) or _outcome(one).startswith("hit")]
    misses = [one for one in of_cache if MISS_SERIES.search(one.name) or _outcome(one).startswith("miss")]
    if not hits or not misses:
        return ()
    return [Lookups(sum(one.value for one in hits), sum(one.value for one in misses), f"metric {hits[0].name}")]


def _outcome(sample: Sample) -> str:
    if not LOOKUP_SERIES.search(sample.name):
        return ""
    return next((sample.labels[name].lower() for name in OUTCOMES if name in sample.labels), "")


async def _pooled(probes: Probes, requirement: Requirement) -> Verdict:
    wanted = requirement.number("max_size")
    evidence: list[Evidence] = []
    stated = list(_stated(probes))
    if stated:
        words = listed(f"{number:g} ({source})" for number, source in stated)
        evidence.append(observe("connections that a pool may open", words, "effective configuration and source tree"))
    reused = await _reused(probes, evidence)
    if wanted is not None:
        return _against(wanted, stated, evidence)
    if reused:
        return passed(f"connections to Redis are kept and used again: {reused} seen", *evidence)
    raise Unobservable(
        "no connection to Redis is seen that is kept and used again",
        "inspect while the service runs; offer [redis] url",
    )


def _against(wanted: float, stated: Sequence[tuple[float, str]], evidence: Sequence[Evidence]) -> Verdict:
    differing = [(number, source) for number, source in stated if number != wanted]
    if not stated:
        return unknown(
            "the size of Redis' pool is nowhere to be seen: no variable or call states it",
            *evidence,
            mend=f"REDIS_MAX_CONNECTIONS={wanted:g}, or max_connections={wanted:g} where the pool is made",
        )
    if differing:
        return failed(
            f"the pool opens {differing[0][0]:g} connections at most ({differing[0][1]}), the line says {wanted:g}",
            *evidence,
            mend="set the size of the line",
            patch=f"max_connections={wanted:g}",
        )
    return passed(f"the pool opens {wanted:g} connections at most ({stated[0][1]})", *evidence)


def _stated(probes: Probes) -> Iterator[tuple[float, str]]:
    """Sizes of Redis' pools, from variables and from calls in the team's own code."""
    with if_seen():
        for setting in probes.config.matching(SIZE) if probes.config else ():
            if setting.value.isdigit():
                yield float(setting.value), f"{setting.name} in the {setting.source}"
    if probes.repo is not None:
        yield from _calls(probes.repo)


def _calls(repo: RepoProbe) -> Iterator[tuple[float, str]]:
    for match, call in repo.calls(*MAKERS):
        about = match.text.lower()
        size = keyword(call, "max_connections")
        if isinstance(size, int) and not isinstance(size, bool) and ("redis" in about or "valkey" in about):
            yield float(size), f"{match.path}:{match.line}"


async def _reused(probes: Probes, evidence: list[Evidence]) -> int:
    """Connections of others that are some seconds old and were used lately: kept, not opened for each request."""
    if probes.redis is None:
        return 0
    try:
        clients = await probes.redis.clients()
    except Unobservable:
        return 0
    kept = [one for one in clients if _kept(one)]
    words = f"{len(clients)} connections, {len(kept)} kept for {REUSED_SECONDS} seconds or more and used since"
    evidence.append(observe("CLIENT LIST", words, probes.redis.vantage, basis=f"kept: {bool(kept)}"))
    return len(kept)


def _kept(client: Mapping[str, str]) -> bool:
    age, idle = client.get("age", ""), client.get("idle", "")
    own = client.get("cmd", "").startswith("client")
    watching = client.get("cmd", "") in {"monitor", "psync", "replconf"} or "S" in client.get("flags", "")
    if own or watching or not age.isdigit() or not idle.isdigit():
        return False
    return int(age) >= REUSED_SECONDS and int(age) - int(idle) >= REUSED_SECONDS


HITS = Check(
    id="cache.hit.ratio",
    requirements=("cache.hit",),
    title="Enough lookups are answered by the cache",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_hit_ratio,
    documentation=Documentation(
        what=f"The share of lookups that find something is the line's or more; {RATIO_MIN:.0%} where it gives none.",
        why="A cache that rarely finds anything is a slower way to the database.",
        how_verified="Counters of hits and misses on the service's page of metrics, else keyspace_hits and "
        f"keyspace_misses of INFO stats, which count every user of that Redis; at least {LOOKUPS_MIN} lookups.",
        how_to_mend="Look at which keys miss: too specific, too short-lived, evicted.",
        not_applicable_when="Never; with too few lookups it is unknown.",
    ),
    fixtures=twins(
        "cache.hit",
        {"min_ratio": 0.8},
        must_fail=Stage(redis=SharedMemory(hits=400, misses=600)),
        mended=Stage(redis=SharedMemory(hits=900, misses=100)),
    ),
)

POOLED = Check(
    id="redis.pool.kept",
    requirements=("redis.pool",),
    title="Connections to Redis are pooled, as many as the line says",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_pooled,
    documentation=Documentation(
        what="The pool's size is the line's; without a number in the line connections are kept and used again.",
        why="A connection a request costs a round trip each; without a bound a slow Redis takes every socket there is.",
        how_verified="Variables (REDIS_MAX_CONNECTIONS), max_connections in calls that make clients and pools in "
        "Python, and CLIENT LIST for connections that are old and were used lately.",
        how_to_mend="Make one client a process, with max_connections.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "redis.pool",
        {"max_size": 50},
        must_fail=Stage(repo={"app/queue.py": "client = Redis.from_url(url, max_connections=10)  # redis\n"}),
        mended=Stage(repo={"app/queue.py": "client = Redis.from_url(url, max_connections=50)  # redis\n"}),
    ),
)

CHECKS = (HITS, POOLED)

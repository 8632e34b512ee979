"""The Redis server itself: up, durable, bounded, alone or not."""

from __future__ import annotations

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import (
    conditional,
    failed,
    not_applicable,
    observe,
    offered,
    passed,
    unknown,
    unset,
)
from roadworthy.inspection.catalogue.units import unit_verdict
from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.fixtures.servers import SharedMemory
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength


async def _up(probes: Probes, requirement: Requirement) -> Verdict:
    redis = offered(probes.redis, "redis")
    try:
        await redis.ping()
    except Refused as refusal:
        evidence = observe("PING", refusal.problem, redis.vantage, basis="refused")
        return failed(
            f"nobody listens at {redis.address}",
            evidence,
            mend="start Redis",
            patch="systemctl enable --now redis-server",
        )
    info, replication = await redis.info("server"), await redis.info("replication")
    kind = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "of unknown version")
    about = f"PONG; {kind} {version}, {replication.get('role', 'role unknown')}"
    uptime = info.get("uptime_in_seconds", "?")
    evidence = observe("PING, INFO server", f"{about}; up for {uptime} seconds", redis.vantage, basis=about)
    missing = unset(probes, requirement)
    if missing:
        line = f"{requirement.text('name')}={requirement.text('value')}"
        seen = observe(requirement.text("name"), missing, "effective configuration")
        return failed(missing.partition(";")[0], evidence, seen, mend="set it where the service is started", patch=line)
    unit = requirement.text("unit")
    if unit:
        return await unit_verdict(probes, unit, evidence)
    return passed(f"{kind} {version} answers", evidence)


NOTHING = "nothing is written to disk: a restart empties it"


async def _durable(probes: Probes, requirement: Requirement) -> Verdict:
    redis = offered(probes.redis, "redis")
    info = await redis.info("persistence")
    if not info:
        raise Unobservable("INFO persistence says nothing", "let the inspecting user run INFO")
    save, appendonly = await redis.config("save"), await redis.config("appendonly")
    aof = appendonly == "yes" or str(info.get("aof_enabled")) == "1"
    broken = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
        if str(info.get(name, "ok")) != "ok"
    ]
    saved = "refused to say" if save is None else save or "(empty)"
    text = f"appendonly {'yes' if aof else 'no'}; save {saved}; last writes {broken or 'ok'}"
    evidence = observe("CONFIG GET appendonly, save; INFO persistence", text, redis.vantage)
    has = {"aof": aof, "rdb": bool(save)}
    enough = any(has.get(what.lower(), False) for what in requirement.names("what") or has)
    if broken:
        return failed(
            f"the last write to disk failed: {', '.join(broken)}",
            evidence,
            mend="look at the server's log and its disk",
        )
    if enough:
        return passed("data survives a restart: " + ("append-only file" if aof else f"snapshots ({save})"), evidence)
    if save is None:
        return unknown(
            "the server refuses CONFIG GET save, and keeps no append-only file", evidence, mend="allow CONFIG GET save"
        )
    return failed(
        _lost(aof=aof, snapshots=save),
        evidence,
        mend="turn the append-only file on",
        patch="redis-cli config set appendonly yes\nredis-cli config rewrite",
    )


def _lost(*, aof: bool, snapshots: str) -> str:
    """What a restart takes, where what the line asks for is off."""
    if aof:
        return "no snapshots are taken: an append-only file alone keeps the data"
    return f"no append-only file: what came after the last snapshot ({snapshots}) is lost" if snapshots else NOTHING


async def _memory_limit(probes: Probes, requirement: Requirement) -> Verdict:
    redis = offered(probes.redis, "redis")
    info = await redis.info("memory")
    limit = int(info.get("maxmemory", 0))
    evidence = observe("INFO memory", f"maxmemory {limit} bytes", redis.vantage)
    stated = requirement.number("bytes")
    if "maxmemory" not in info:
        raise Unobservable("INFO memory says nothing of a limit", "let the inspecting user run INFO")
    if limit == 0 or (stated and limit != stated):
        said = f"the line says {stated:.0f} bytes" if stated else "it grows until the machine's memory ends"
        return failed(
            f"maxmemory is {limit}: {said}",
            evidence,
            mend="set maxmemory",
            patch=f"redis-cli config set maxmemory {stated or 268_435_456:.0f}",
        )
    return passed(f"maxmemory is {limit} bytes", evidence)


async def _eviction(probes: Probes, requirement: Requirement) -> Verdict:
    redis = offered(probes.redis, "redis")
    info = await redis.info("memory")
    policy = str(info.get("maxmemory_policy", ""))
    if not policy:
        raise Unobservable("INFO memory names no eviction policy", "let the inspecting user run INFO")
    evidence = observe("INFO memory", f"maxmemory_policy {policy}", redis.vantage)
    wanted = requirement.text("policy")
    if (wanted and policy != wanted) or policy == "noeviction":
        return failed(
            f"the policy is {policy}" + (f", the line says {wanted}" if wanted else ": a full cache refuses writes"),
            evidence,
            mend="choose a policy that evicts",
            patch=f"redis-cli config set maxmemory-policy {wanted or 'allkeys-lru'}",
        )
    return passed(f"a full cache evicts by {policy}", evidence)


async def _cluster(probes: Probes, requirement: Requirement) -> Verdict:
    redis = offered(probes.redis, "redis")
    cluster, replication = await redis.info("cluster"), await redis.info("replication")
    enabled, replicas = int(cluster.get("cluster_enabled", 0)), int(replication.get("connected_slaves", 0))
    evidence = observe("INFO cluster, replication", f"cluster_enabled {enabled}, {replicas} replicas", redis.vantage)
    if enabled:
        return passed("cluster mode is on", evidence)
    if conditional(requirement):
        return not_applicable("a single node, and the line asks for a cluster only if needed", evidence)
    return failed(
        "a single node: cluster mode is off",
        evidence,
        mend="run a cluster, or a managed one, once one node's memory is not enough",
        patch="cluster-enabled yes",
    )


UP = Check(
    id="redis.up.ping",
    requirements=("redis.up",),
    title="Redis answers",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"redis"}),
    run=_up,
    server_itself=True,
    documentation=Documentation(
        what="The server at the service's REDIS_URL answers PING; a unit that the line names is active and enabled.",
        why="A service that falls back silently runs for months without the cache it was sized for.",
        how_verified="PING and INFO server over the service's own address; systemctl show for a unit. A refused "
        "connection is a failure.",
        how_to_mend="Start and enable the server, or correct REDIS_URL.",
        not_applicable_when="Never.",
    ),
    fixtures=twins("redis.up", must_fail=Stage(refused=frozenset({"redis"})), mended=Stage(redis=SharedMemory())),
)

DURABLE = Check(
    id="redis.persist.disk",
    requirements=("redis.persist",),
    title="Redis keeps its data over a restart",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"redis"}),
    run=_durable,
    server_itself=True,
    documentation=Documentation(
        what="An append-only file or snapshots are on, and the last write to disk went well.",
        why="Sessions, counters and queues in memory alone are gone with the next restart.",
        how_verified="CONFIG GET appendonly and save, INFO persistence.",
        how_to_mend="appendonly yes, or save lines.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "redis.persist",
        must_fail=Stage(redis=SharedMemory(settings={"save": "", "appendonly": "no"})),
        mended=Stage(redis=SharedMemory(settings={"appendonly": "no", "save": "900 1"})),
    ),
)

MEMORY_LIMIT = Check(
    id="redis.maxmem.limit",
    requirements=("redis.maxmem",),
    title="Redis has a memory limit",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"redis"}),
    run=_memory_limit,
    server_itself=True,
    documentation=Documentation(
        what="maxmemory is set, to the line's number if it gives one.",
        why="Without it a cache grows until the kernel kills something, often the database.",
        how_verified="INFO memory.",
        how_to_mend="CONFIG SET maxmemory, and the same in redis.conf.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "redis.maxmem",
        must_fail=Stage(redis=SharedMemory(settings={"maxmemory": "0"})),
        mended=Stage(redis=SharedMemory(settings={"maxmemory": "67108864"})),
    ),
)

EVICTION = Check(
    id="redis.evict.policy",
    requirements=("redis.evict",),
    title="A full Redis evicts",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"redis"}),
    run=_eviction,
    server_itself=True,
    documentation=Documentation(
        what="The eviction policy is the line's, or at least evicts.",
        why="With noeviction a full cache turns every write into an error.",
        how_verified="INFO memory.",
        how_to_mend="CONFIG SET maxmemory-policy allkeys-lru, or volatile-lru where other data lives beside the cache.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "redis.evict",
        {"policy": "allkeys-lru"},
        must_fail=Stage(redis=SharedMemory(settings={"maxmemory-policy": "noeviction"})),
        mended=Stage(redis=SharedMemory(settings={"maxmemory-policy": "allkeys-lru"})),
    ),
)

CLUSTER = Check(
    id="redis.cluster.mode",
    requirements=("redis.cluster",),
    title="Redis runs as a cluster",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"redis"}),
    run=_cluster,
    server_itself=True,
    documentation=Documentation(
        what="Cluster mode is on.",
        why="One node's memory and one core are the limit of a single server.",
        how_verified="INFO cluster and INFO replication.",
        how_to_mend="cluster-enabled yes on six nodes, or a managed cluster.",
        not_applicable_when="The line asks only if needed, and a single node serves.",
    ),
    fixtures=twins(
        "redis.cluster",
        must_fail=Stage(redis=SharedMemory()),
        mended=Stage(redis=SharedMemory(cluster=True)),
    ),
)

CHECKS = (UP, DURABLE, MEMORY_LIMIT, EVICTION, CLUSTER)

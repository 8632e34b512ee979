"""Docker as it runs: the engine, limits of containers and processes, health of containers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.installed import known_packages, located, version_of
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.service import behind
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import docker
from roadworthy.inspection.probes.docker import Container
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.versions import at_least

TOLERANCE = 0.05
FILES_MIN = 4096
COMPOSE_PLUGIN = ("usr/libexec/docker/cli-plugins/docker-compose", "usr/lib/docker/cli-plugins/docker-compose",
                  "usr/local/lib/docker/cli-plugins/docker-compose", "usr/local/bin/docker-compose")  # fmt: skip
OPEN_FILES = re.compile(r"file descriptors?|nofile|open files|ulimit", re.IGNORECASE)
USED = re.compile(r"\buse\b|\busing\b|contai?neri[sz]e|dockeri[sz]e|runs? (?:in|on|with)", re.IGNORECASE)
LEAKS = re.compile(r"leak|quota|account|per user|documented", re.IGNORECASE)


async def _docker(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    tool, asked = requirement.text("tool", "docker").lower(), requirement.text("version")
    if re.search(r"containerd|podman|swarm|registry", requirement.text("subject"), re.IGNORECASE):
        raise Unobservable("the line names another program than the Docker engine", "ask for it as a tool")
    if tool == "docker compose":
        return _compose(host, asked)
    engine = await docker.engine(host)
    own = engine.of_port(probes.http.port) if probes.http else ()
    evidence = observe(
        "Docker engine", f"version {engine.version}; containers of this service: {listed(one.name for one in own)}",
        "Docker socket of this machine",
    )  # fmt: skip
    if asked and not at_least(engine.version, asked):
        return failed(f"Docker {engine.version}, {asked} is asked for", evidence, mend="upgrade the engine")
    if not asked and USED.search(requirement.text("subject")) and not own:
        return unknown(
            f"Docker {engine.version} runs; no container publishes this service's port", evidence,
            mend="inspect by the address that the container publishes",
        )  # fmt: skip
    return passed(f"Docker {engine.version} answers", evidence)


def _compose(host: HostProbe, asked: str) -> Verdict:
    where = located(host, "docker-compose") or next(("/" + one for one in COMPOSE_PLUGIN if host.paths(one)), "")
    version = version_of("docker compose", known_packages(host))
    evidence = observe("docker compose", f"{where or 'no plugin'}; package {version or 'not listed'}", host.vantage)
    if not where and not version:
        return failed("docker compose is not installed here", evidence, mend="install docker-compose-plugin")
    if asked and not version:
        return unknown(f"{where} is there; its version was not seen", evidence, mend="docker compose version")
    if asked and not at_least(version, asked):
        return failed(f"docker compose {version}, {asked} is asked for", evidence, mend="upgrade the plugin")
    return passed(f"docker compose {version}".strip(), evidence)


async def _limited(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    subject = requirement.text("subject")
    if LEAKS.search(subject):
        raise Unobservable("the line asks more of limits than that they are set", "ask for the limit alone")
    if OPEN_FILES.search(subject):
        return _files(probes, host, requirement)
    containers = await _containers(probes, host)
    if containers:
        return _containers_limited(containers, requirement)
    serving = behind(probes, host, _port(probes))
    memory, cores = host.group_limits(serving[0].pid)
    files = host.open_files_limit(serving[0].pid) or "not seen"
    shown = f"memory {_said(memory)}, cores {cores or 'no limit'}; open files {files}"
    evidence = observe(f"control group of {serving[0].name}", shown, host.vantage)
    return _judged({serving[0].name: (memory or 0, cores or 0.0)}, requirement, evidence=evidence)


async def _containers(probes: Probes, host: HostProbe) -> Sequence[Container]:
    try:
        return (await docker.engine(host)).of_port(_port(probes))
    except Unobservable:
        return ()


def _port(probes: Probes) -> int:
    return offered(probes.http, "http").port


def _containers_limited(containers: Sequence[Container], requirement: Requirement) -> Verdict:
    limits = {one.name: (one.memory_bytes, one.cores) for one in containers}
    shown = "; ".join(
        f"{name}: memory {_said(memory)}, cores {cores or 'no limit'}" for name, (memory, cores) in limits.items()
    )
    evidence = observe("limits of this service's containers", shown, "Docker socket of this machine")
    return _judged(limits, requirement, evidence=evidence)


def _judged(limits: Mapping[str, tuple[int, float]], requirement: Requirement, *, evidence: Evidence) -> Verdict:
    """Each has both limits, or the one that the line speaks of; of the size that it gives."""
    subject = requirement.text("subject").lower()
    memory_only = "memory" in subject and "cpu" not in subject
    cpu_only = "cpu" in subject and "memory" not in subject and "ram" not in subject
    want_bytes, want_cores = requirement.number("bytes"), requirement.number("cores")
    without = [name for name, (memory, _) in limits.items() if not memory and not cpu_only]
    without += [name for name, (_, cores) in limits.items() if not cores and not memory_only and name not in without]
    if without:
        return failed(
            f"no limit holds {listed(without)}",
            evidence,
            mend="set limits: deploy.resources.limits, MemoryMax=, CPUQuota=",
        )
    others = [
        name for name, (memory, cores) in limits.items()
        if (want_bytes and abs(memory - want_bytes) > want_bytes * TOLERANCE) or (want_cores and cores != want_cores)
    ]  # fmt: skip
    if len(others) == len(limits):
        return failed(
            f"the limits are others than the line's: {listed(others)}", evidence, mend="mend the limits, or the line"
        )
    if others:
        return unknown(f"which of {listed(limits)} the line means was not seen", evidence, mend="name the service")
    return passed(f"limits hold {listed(limits)}", evidence)


def _files(probes: Probes, host: HostProbe, requirement: Requirement) -> Verdict:
    process = behind(probes, host, _port(probes))[0]
    limit = host.open_files_limit(process.pid)
    if limit is None:
        raise Unobservable(f"limits of {process.name} can't be read", "inspect as its user or root")
    stated = re.search(r"\b(\d{4,7})\b", requirement.text("subject"))
    wanted = int(stated[1]) if stated else FILES_MIN
    evidence = observe(f"/proc limits of {process.name}", f"Max open files {limit}", host.vantage)
    if limit < wanted:
        return failed(f"{process.name} may open {limit} files, {wanted} are asked for", evidence,
                      mend="raise it", patch=f"[Service]\nLimitNOFILE={max(wanted, 65_536)}")  # fmt: skip
    return passed(f"{process.name} may open {limit} files", evidence)


async def _healthy(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host = offered(probes.host, "host")
    own = (await docker.engine(host)).of_port(_port(probes))
    if not own:
        raise Unobservable("no container publishes this service's port", "inspect by the address that is published")
    shown = "; ".join(f"{one.name}: {one.health or 'no check'}" for one in own)
    evidence = observe("health of this service's containers", shown, "Docker socket of this machine")
    silent = [one.name for one in own if not one.health]
    sick = [one.name for one in own if one.health == "unhealthy"]
    if sick or silent:
        words = [f"unhealthy: {listed(sick)}"] * bool(sick) + [f"without a check: {listed(silent)}"] * bool(silent)
        return failed("; ".join(words), evidence, mend="give each container a healthcheck")
    return passed(f"{counted(len(own), 'container')} report their health: {shown}", evidence)


def _said(memory: int | None) -> str:
    return f"{memory / (1 << 20):.0f} MiB" if memory else "no limit"


def running(*, version: str = "26.1.3", memory: int = 0, cores: float = 0, health: str = "") -> Site:
    """An engine with one container that publishes the port of the planted service: any port, as it is not yet known."""
    detail = {
        "Id": "abc",
        "Name": "/shop-web-1",
        "Config": {"Image": "shop:1", "Labels": {"com.docker.compose.project": "shop"}},
        "State": {"Health": {"Status": health}} if health else {},
        "HostConfig": {"Memory": memory, "NanoCpus": int(cores * 1e9)},
        "NetworkSettings": {"Ports": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "$PORT"}]}},
    }
    return pages(
        {
            "/version": reply({"Version": version, "ApiVersion": "1.45"}),
            "/containers/json": reply([{"Id": "abc"}]),
            "/containers/abc/json": reply(detail),
        }
    )


GIB = 1 << 30
SERVED = Machine((Program("gunicorn app:app", listens=True),))
ENGINE = Check(
    id="host.docker.engine",
    requirements=("host.docker",),
    title="Docker is there, of the version asked for",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_docker,
    documentation=Documentation(
        what="The Docker engine answers, of the version asked for; where the line says that it is used, a container "
        "publishes the service's port. For docker compose the plugin is there.",
        why="Compose files use what older engines ignore in silence.",
        how_verified="The engine's socket is asked for its version and its containers; lists of packages.",
        how_to_mend="Docker's own package repository.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.docker",
        {"tool": "docker", "version": "24.0"},
        must_fail=Stage(machine=Machine(), docker=running(version="20.10.24")),
        mended=Stage(machine=Machine(), docker=running()),
    ),
)
LIMITS = Check(
    id="host.limits.group",
    requirements=("host.limits",),
    title="The service runs under limits",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host", "http"}),
    run=_limited,
    documentation=Documentation(
        what="Memory and cores of the service are limited, each of its containers or its control group; to the line's "
        "figures where it gives some. A line about open files is held to the process' own limit.",
        why="One leak takes the database on the same machine with it.",
        how_verified="Docker's word on the containers of the project that publishes the port; otherwise memory.max and "
        "cpu.max of the process' control group and those above it.",
        how_to_mend="deploy.resources.limits, MemoryMax= and CPUQuota=, or requests and limits.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.limits",
        must_fail=Stage(site=pages({}), machine=SERVED, docker=running()),
        mended=Stage(site=pages({}), machine=SERVED, docker=running(memory=2 * GIB, cores=2)),
    ),
)
HEALTH = Check(
    id="mon.health.containers",
    requirements=("mon.health",),
    title="Containers report their health",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host", "http"}),
    run=_healthy,
    documentation=Documentation(
        what="Every container of the project that publishes the service's port has a health check, none is unhealthy.",
        why="A container that hangs is up for Docker.",
        how_verified="State.Health of the containers, over the Docker socket.",
        how_to_mend="healthcheck: in the compose file.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.health",
        must_fail=Stage(site=pages({}), machine=SERVED, docker=running()),
        mended=Stage(site=pages({}), machine=SERVED, docker=running(health="healthy")),
    ),
)

CHECKS = (ENGINE, LIMITS, HEALTH)

"""Asks the Docker engine of this machine over its socket: version, containers, their limits and health. Only GETs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.host import HostProbe

SOCKETS = ("run/docker.sock", "var/run/docker.sock", "run/podman/podman.sock")
TIMEOUT_SECONDS = 4.0
BODY_LIMIT_BYTES = 2 * 1024 * 1024
CONTAINERS_LIMIT = 50
OK = 200
REMEDY = "run as root or as a member of the group docker, on the machine that serves"


@dataclass(frozen=True, slots=True)
class Container:
    """A running container. `health` is "healthy", "unhealthy", "starting", or empty where none is declared."""

    name: str
    project: str
    image: str
    ports: frozenset[int]
    health: str
    memory_bytes: int
    cores: float


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answers, and its running containers."""

    version: str
    containers: Sequence[Container]

    def of_port(self, port: int) -> Sequence[Container]:
        """Containers of the project that publishes `port`; of that container alone where it has no project."""
        door = next((one for one in self.containers if port in one.ports), None)
        if door is None:
            return ()
        return [one for one in self.containers if one is door or (door.project and one.project == door.project)]


async def engine(host: HostProbe) -> Engine:
    """The engine of this machine.

    Raises:
        Unobservable: there is no socket, or it may not be asked.
    """
    socket = next((host.root / path for path in SOCKETS if (host.root / path).is_socket()), None)
    if socket is None:
        raise Unobservable("no Docker socket is on this machine", REMEDY)
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://docker", trust_env=False) as client:
        version = await _get(client, "/version")
        listed = await _get(client, f"/containers/json?limit={CONTAINERS_LIMIT}")
        if not isinstance(version, dict) or not isinstance(listed, list):
            raise Unobservable("what answers on the Docker socket is no Docker engine", REMEDY)
        ids = [str(one.get("Id", "")) for one in listed if isinstance(one, dict)][:CONTAINERS_LIMIT]
        details = [await _get(client, f"/containers/{one}/json") for one in ids if one.isalnum()]
    return Engine(str(version.get("Version", "")), [_container(one) for one in details if isinstance(one, dict)])


async def _get(client: httpx.AsyncClient, path: str) -> object:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), client.stream("GET", path) as response:
            raw = bytearray()
            async for chunk in response.aiter_bytes():
                raw += chunk
                if len(raw) > BODY_LIMIT_BYTES:
                    raise Unobservable("the Docker engine answers without end", REMEDY)
            if response.status_code != OK:
                raise Unobservable(f"the Docker engine answers {response.status_code}", REMEDY)
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        raise Unobservable(f"the Docker socket can't be asked: {str(error) or type(error).__name__}", REMEDY) from error
    try:
        found: object = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found


def _container(detail: Mapping[str, Any]) -> Container:
    def part(*path: str) -> Any:
        value: Any = detail
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    bindings = part("NetworkSettings", "Ports")
    ports = {
        int(binding["HostPort"])
        for places in (bindings.values() if isinstance(bindings, dict) else ())
        for binding in places or ()
        if isinstance(binding, dict) and str(binding.get("HostPort", "")).isdigit()
    }
    nano, quota, period = (
        part("HostConfig", "NanoCpus"),
        part("HostConfig", "CpuQuota"),
        part("HostConfig", "CpuPeriod"),
    )
    cores = (nano or 0) / 1e9 or ((quota or 0) / (period or 100_000) if (quota or 0) > 0 else 0.0)
    return Container(
        name=str(part("Name") or "").lstrip("/"),
        project=str(part("Config", "Labels", "com.docker.compose.project") or ""),
        image=str(part("Config", "Image") or ""),
        ports=frozenset(ports),
        health=str(part("State", "Health", "Status") or "").replace("none", ""),
        memory_bytes=int(part("HostConfig", "Memory") or 0),
        cores=float(cores),
    )

"""Whose process the service is: what listens on the public port may only pass requests on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.inspection.catalogue.kit import listed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes
from roadworthy.inspection.probes.forwarding import ACTIVATORS, FORWARDERS, is_proxy, serves_itself
from roadworthy.inspection.probes.host import INTERPRETERS, HostProbe, Process, programs
from roadworthy.inspection.probes.nginx import NginxProbe

PID_REMEDY = "name the application's pid in [config]"
_LOCAL = re.compile(r"^(?:https?://)?(?:127(?:\.\d+){3}|localhost|\[::1\]|0\.0\.0\.0):(\d{1,5})(?:/.*)?$")


def behind(probes: Probes, host: HostProbe, port: int) -> Sequence[Process]:
    """Processes of the service that answers on `port`, oldest first: of the application where a proxy listens.

    Raises:
        Unobservable: nobody is seen to listen, or what listens leads to no process that can be named for certain.
    """
    found = _application(host, port)
    if not any(is_proxy(host, one) for one in found):
        return found
    named = _named_pid(probes, host)
    if named is not None:
        return [named]
    names = sorted({one.name for one in found})
    if probes.nginx is None or not all("nginx" in programs(one) for one in found):
        raise Unobservable(f"a proxy answers ({listed(names)}); {PID_REMEDY}", "[config] pid = 1234")
    return _behind_nginx(host, probes.nginx)


def own_programs(process: Process) -> frozenset[str]:
    """Names of a process' program without those of interpreters, which many share."""
    return frozenset(name for name in programs(process) if not INTERPRETERS.match(name))


def _application(host: HostProbe, port: int) -> Sequence[Process]:
    """Who listens on a port, without those that hold a socket for others."""
    found = [one for one in host.listeners(port) if not set(programs(one)) & ACTIVATORS]
    if not found:
        raise Unobservable(
            f"no visible process listens on port {port}", "inspect on the machine that serves, as its user or root"
        )
    tunnel = next((one for one in found if set(programs(one)) & FORWARDERS), None)
    if tunnel is not None:
        raise Unobservable(
            f"{tunnel.name} listens on port {port} and passes everything on: the service itself is elsewhere",
            "inspect where the service runs, in its container or on its machine",
        )
    return found


def _named_pid(probes: Probes, host: HostProbe) -> Process | None:
    """The process that the target names, or its parent of the same program."""
    pid = probes.config.pid if probes.config else None
    process = host.process(pid) if pid else None
    if process is None or not serves_itself(host, process):
        return None
    parent = host.process(process.parent)
    return parent if parent is not None and own_programs(parent) & own_programs(process) else process


def _behind_nginx(host: HostProbe, nginx: NginxProbe) -> Sequence[Process]:
    targets = sorted({one.words[0] for one in nginx.named("proxy_pass") if one.words})
    if len(targets) != 1:
        raise Unobservable(f"nginx answers and passes on to {listed(targets)}; {PID_REMEDY}", "[config] pid = 1234")
    found = [one for port in _ports(nginx, targets[0]) for one in _application(host, port)]
    if any(is_proxy(host, one) for one in found):
        raise Unobservable(f"a proxy answers behind nginx ({found[0].name}); {PID_REMEDY}", "[config] pid = 1234")
    return sorted(found, key=lambda one: (one.ticks, one.pid))


def _ports(nginx: NginxProbe, target: str) -> Sequence[int]:
    """Ports of this machine that a `proxy_pass` leads to; all replicas of an upstream must be here."""
    name = re.sub(r"^https?://", "", target).partition("/")[0]
    places = [
        one.words[0] for one in nginx.named("server") if f"upstream {name}" in one.blocks and one.words and name
    ] or [target]
    ports = [match[1] for place in places if (match := _LOCAL.match(place))]
    if len(ports) != len(places):
        raise Unobservable(
            f"nginx passes on to {listed(places)}, no port of this machine; {PID_REMEDY}", "[config] pid = 1234"
        )
    return sorted({int(port) for port in ports})

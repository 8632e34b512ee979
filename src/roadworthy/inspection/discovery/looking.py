"""Looks around: the tree, the processes started in it, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from roadworthy.inspection.discovery import machine, tree
from roadworthy.inspection.discovery.machine import Listener
from roadworthy.inspection.discovery.parts import Seen
from roadworthy.inspection.errors import InvalidTarget, Unobservable
from roadworthy.inspection.probes.host import HostProbe, programs
from roadworthy.inspection.probes.nginx import NginxProbe

ASKED_LIMIT = 8
STORES = frozenset(
    {"postgres", "postmaster", "redis-server", "valkey-server", "mysqld", "mongod", "memcached", "rabbitmq-server"}
)
"""They listen too, and log a complaint about whoever speaks HTTP to them."""
ASSET_SERVERS = frozenset({"vite", "webpack", "webpack-dev-server", "esbuild", "parcel", "storybook", "jest"})
"""They serve the developer; the service listens elsewhere."""
NGINX = Path("/etc/nginx/nginx.conf")


def look_around(
    root: Path, base: Path, *, url: str = "", pid: int | None = None, host: HostProbe | None = None
) -> Seen:
    """What a target.toml in the folder `base` could name of the service whose source is at `root`.

    `pid` is its process, where the user knows better than the working folders of processes tell.

    Raises:
        InvalidTarget: the folder can't be looked through, or there is no such process.
    """
    host = host or HostProbe()
    if pid is not None and host.process(pid) is None:
        raise InvalidTarget(f"there is no process {pid}", "give the --pid of the running service, or leave it out")
    try:
        found = tree.read(root)
    except Unobservable as hidden:
        raise InvalidTarget(
            hidden.problem, "give the root of the service's source: roadworthy target FOLDER"
        ) from hidden
    listening = machine.listeners(host)
    serving = _serving(host, listening, root, pid)
    main = pid if pid is not None else serving[0].process.pid if serving else None
    return Seen(
        tree=found,
        base=base.resolve(),
        url=url,
        pid=pid,
        serving=serving,
        running=(host.environment(main) or {}) if main is not None else {},
        ports=machine.open_ports(host),
        log_file=host.output(main) if main is not None else None,
        nginx=_nginx(host, serving),
    )


def _serving(host: HostProbe, listening: Sequence[Listener], root: Path, pid: int | None) -> Sequence[Listener]:
    """Listeners of the repository, or of `pid` and its children, that answer HTTP."""
    if pid is None:
        candidates = machine.of_repository(listening, root)
    else:
        family = {pid, *(one.pid for one in host.descendants(pid))}
        candidates = [one for one in listening if one.process.pid in family]
    asked = [one for one in candidates if not STORES & set(programs(one.process))][:ASKED_LIMIT]
    answering = [one for one in asked if machine.answers_http(one.port)]
    return sorted(answering, key=lambda one: (bool(ASSET_SERVERS & set(programs(one.process))), one.port))


def _nginx(host: HostProbe, serving: Sequence[Listener]) -> Path | None:
    """The configuration of an nginx that runs here and leads to the service's port; a neighbour's does not."""
    try:
        running = host.running("nginx") if serving else ()
    except Unobservable:
        return None
    for process in running:
        named = process.argv[process.argv.index("-c") + 1] if "-c" in process.argv[:-1] else str(NGINX)
        if _leads_to(Path(named), serving[0].port):
            return Path(named)
    return None


def _leads_to(config: Path, port: int) -> bool:
    try:
        directives = NginxProbe(config).directives
    except Unobservable:
        return False
    return any(
        one.name in {"proxy_pass", "server", "uwsgi_pass"}
        and any(re.search(rf":{port}(?:/|$)", word) for word in one.words)
        for one in directives
    )

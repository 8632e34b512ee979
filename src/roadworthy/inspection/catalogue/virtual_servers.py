"""Which server blocks of an nginx are for the service that is inspected: one nginx fronts many sites."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence

from roadworthy.inspection.catalogue.kit import listed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.nginx import Directive, NginxProbe

PASSES = frozenset({"proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass"})
USUAL_PORT = 80
_NAMELESS = frozenset({"_", ""})


def served(nginx: NginxProbe, http: HttpProbe | None) -> Sequence[Directive]:
    """Directives outside of server blocks, and those inside of blocks that are for the target; all without a target.

    Raises:
        Unobservable: there are server blocks, and none is for the target.
    """
    if http is None:
        return nginx.directives
    common, servers = _divided(nginx.directives)
    fitting = [server for server in servers if _fits(server, common, http)]
    if servers and not fitting:
        names = sorted({name for server in servers for name in _names(server)})
        raise Unobservable(
            f"none of {len(servers)} server blocks is for {http.parts.place}: they are for {listed(names, 5)}",
            "inspect the address that nginx serves, or offer the configuration of the nginx that serves it",
        )
    return [*common, *(one for server in fitting for one in server)]


def _divided(directives: Sequence[Directive]) -> tuple[list[Directive], list[list[Directive]]]:
    """Those outside of server blocks, and those of each; directives come in order, so a block is begun by its own."""
    common: list[Directive] = []
    servers: list[list[Directive]] = []
    for one in directives:
        if "server" in one.blocks and servers:
            servers[-1].append(one)
            continue
        if one.name == "server" and not one.words:
            servers.append([])
        common.append(one)
    return common, servers


def _fits(server: Sequence[Directive], common: Sequence[Directive], http: HttpProbe) -> bool:
    """By its name; where the target is called by no name, by its port, or by passing to it."""
    listens = [one.words for one in server if one.name == "listen" and one.words]
    here = http.port in {_port(words[0]) for words in listens} if listens else http.port == USUAL_PORT
    if http.loopback:
        return here or http.port in set(_targets(server, common))
    names = _names(server)
    if any(_is_called(name, http.host) for name in names):
        return True
    return here and (set(names) <= _NAMELESS or any("default_server" in words for words in listens))


def _names(server: Sequence[Directive]) -> Sequence[str]:
    return [name.lower() for one in server if one.name == "server_name" for name in one.words]


def _is_called(name: str, host: str) -> bool:
    if name.startswith("~"):
        try:
            return re.search(name[1:], host) is not None
        except re.error:
            return False
    if name.startswith("."):
        return host == name[1:] or host.endswith(name)
    return name not in _NAMELESS and fnmatch.fnmatchcase(host, name)


def _targets(server: Sequence[Directive], common: Sequence[Directive]) -> Iterator[int]:
    """Ports on this machine that it passes to, by itself or by an upstream."""
    passed = {upstream_of(one) for one in server if one.name in PASSES and one.words}
    for place in passed:
        yield _port(place)
    for one in common:
        if one.name == "server" and one.words and {f"upstream {place}" for place in passed} & set(one.blocks):
            yield _port(one.words[0])


def upstream_of(directive: Directive) -> str:
    """What a directive passes to, without scheme and path: a host and port, or the name of an upstream."""
    return directive.words[0].rpartition("://")[2].partition("/")[0]


def _port(place: str) -> int:
    last = place.rpartition(":")[2]
    return int(last) if last.isdigit() else USUAL_PORT

"""What is open to the outside: sockets of databases, brokers and consoles, and dashboards that ask nobody who he is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import markup, surface
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes import addresses

INSIDE: Mapping[int, str] = {
    5432: "PostgreSQL",
    6432: "PgBouncer",
    3306: "MySQL",
    27017: "MongoDB",
    6379: "Redis",
    11211: "memcached",
    9200: "Elasticsearch",
    9300: "Elasticsearch",
    5672: "RabbitMQ",
    15672: "RabbitMQ's console",
    2375: "Docker",
    2379: "etcd",
    9090: "Prometheus",
    9093: "Alertmanager",
    9100: "node exporter",
    3000: "Grafana",
    5601: "Kibana",
    9000: "MinIO",
    9001: "MinIO's console",
    5555: "Flower",
    8080: "a second web server",
    9187: "postgres exporter",
    9121: "redis exporter",
}
"""Ports of what serves the service, not people."""
DASHBOARDS = (
    "/dashboard/",
    "/admin/",
    "/grafana/",
    "/flower/",
    "/phpmyadmin/",
    "/adminer.php",
    "/pgadmin/",
    "/kibana/",
    "/sidekiq",
    "/rq/",
    "/traefik/dashboard/",
    "/minio/",
    "/actuator",
)
CLOSED = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 410})
FILES = re.compile(r"\bfiles?\b|\bfolders?\b|\bdirector(?:y|ies)\b", re.IGNORECASE)
BY_PROVIDER = re.compile(r"security groups?|network ?polic(?:y|ies)|\bnsg\b|\bvpc\b|firewall rules?", re.IGNORECASE)
OPEN = re.compile(r"\bopen(?:ed)?\b|\breachable\b|\baccessible\b|\ballow(?:s|ed)?\b|\bexposed?\b", re.IGNORECASE)
SHUT = re.compile(
    r"\b(?:only|not|no|never|none|closed?|block\w*|restrict\w*|localhost|loopback|internal\w*|private\w*|un(?:used|needed"
    r"|necessary)|minimal|limit\w*|bound|bind)\b",
    re.IGNORECASE,
)
ONLY = re.compile(r"\bonly\b", re.IGNORECASE)
LOCAL_ONLY = re.compile(r"\blocalhost\b|\bloopback\b|127\.0\.0\.1", re.IGNORECASE)


async def _network(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if FILES.search(subject):
        raise Unobservable("the line is about files that a server hands out, ports don't show those", "attest to it")
    if BY_PROVIDER.search(subject):
        raise Unobservable(
            "rules of a provider's or a cluster's network don't show on a machine", "offer the tree that declares them"
        )
    named = [int(port) for port in re.findall(r"\d+", requirement.text("ports"))]
    if named and OPEN.search(subject) and not SHUT.search(subject):
        return _open(probes, named)
    evidence: list[Evidence] = []
    dashboards = re.search(r"dashboard|console|panel|admin", subject, re.IGNORECASE)
    if probes.http is not None and (dashboards or probes.host is None):
        await surface.alive(probes.http)
        open_ones = await _open_dashboards(probes, evidence)
        if open_ones:
            return failed(
                f"{open_ones[0]} is open to strangers",
                *evidence,
                mend="ask for credentials, or take it off the public address",
            )
        if dashboards and not re.search(r": (?!404|410)\d{3}", evidence[-1].answer):
            return unknown(f"none of {len(DASHBOARDS)} usual dashboards is there at all", *evidence,
                           mend="name the path of the dashboard in a flow")  # fmt: skip
        if dashboards:
            return passed(f"none of {len(DASHBOARDS)} usual dashboards is open to strangers", *evidence)
    return _inside(probes, subject, frozenset(named), evidence)


def _inside(probes: Probes, subject: str, named: frozenset[int], evidence: Sequence[Evidence]) -> Verdict:
    """Whether what serves the service, not people, listens where others reach it."""
    host = offered(probes.host, "host")
    own = {probes.http.port} if probes.http and probes.http.loopback else set()
    kept_shut = bool(SHUT.search(subject)) and not ONLY.search(subject)  # "only 80 and 443" names the open ones
    allowed = own if kept_shut else own | named
    known = {**(dict.fromkeys(named, "somebody") if kept_shut else {}), **INSIDE, **_offered_ports(probes)}
    asked = {port: name for port, name in known.items() if port not in allowed}
    heard = {port: found for port in asked if (found := host.addresses(port))}
    outside = {port: [one for one in found if _everywhere(one)] for port, found in heard.items()}
    beyond = {port: [one for one in found if not _loopback(one)] for port, found in heard.items()}
    lines = [f"{asked[port]} on {port}: {listed(found)}" for port, found in heard.items()]
    seen = observe(
        f"listening sockets of {counted(len(asked), 'port')} of databases, brokers and consoles",
        "\n".join(lines) or f"none; the service's own: {listed(port for port in own if host.addresses(port))}",
        host.vantage,
    )
    wide = next((port for port in heard if outside[port] or (beyond[port] and LOCAL_ONLY.search(subject))), None)
    if wide is not None:
        return failed(
            f"{asked[wide]} listens on {listed(outside[wide] or beyond[wide])}, port {wide}", *evidence, seen,
            mend="bind it to 127.0.0.1 or the private network; publish ports as 127.0.0.1:5432:5432",
        )  # fmt: skip
    if not heard and not any(host.addresses(port) for port in own):
        raise Unobservable("no socket of this machine was seen", "inspect on the machine that serves")
    near = next((port for port in heard if beyond[port]), None)
    if near is not None:
        return unknown(
            f"{asked[near]} listens on {listed(beyond[near])}, an address of a private network: who reaches it does "
            "not show here", *evidence, seen, mend="bind it to 127.0.0.1, or attest to the network's rules",
        )  # fmt: skip
    return passed(
        f"none of {counted(len(asked), 'port')} of databases, brokers and consoles listens beyond this machine",
        *evidence, seen,
    )  # fmt: skip


def _offered_ports(probes: Probes) -> Mapping[int, str]:
    """Ports of the very stores that the target names, where they stand on this machine."""
    named = (("PostgreSQL", probes.postgres.dsn if probes.postgres else "", 5432),
             ("Redis", probes.redis.url if probes.redis else "", 6379))  # fmt: skip
    parts = [(name, addresses.parse(url), usual) for name, url, usual in named if url]
    return {part.port or usual: name for name, part, usual in parts}


def _open(probes: Probes, ports: Sequence[int]) -> Verdict:
    """A line that asks ports to be open: whether anybody listens there, and where."""
    host = offered(probes.host, "host")
    heard = {port: host.addresses(port) for port in ports}
    lines = [f"{port}: {listed(found)}" for port, found in heard.items()]
    seen = observe("listening sockets", "\n".join(lines), host.vantage)
    answered = {probes.http.port} if probes.http and not probes.http.loopback else set()
    silent = [port for port, found in heard.items() if not found and port not in answered]
    if silent and probes.http is not None and not probes.http.loopback:
        raise Unobservable("the public address is another machine's: its sockets are not seen", "inspect there")
    if silent:
        return failed(
            f"nothing listens on port {silent[0]} here", seen, mend="start what is to answer there, or mend the line"
        )
    if set(ports) <= answered:
        return passed(f"port {listed(ports)} answers from outside", seen)
    return unknown(
        f"port {listed(ports)} is listened on; whether a firewall lets others through does not show here", seen,
        mend="inspect from outside: [http] url is the public address",
    )  # fmt: skip


def _everywhere(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return found.is_unspecified or found.is_global


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def _open_dashboards(probes: Probes, evidence: list[Evidence]) -> Sequence[str]:
    http = offered(probes.http, "http")
    nowhere = await http.get(surface.NOWHERE)
    answers = [await http.get(path, follow=False, named=True) for path in DASHBOARDS]
    evidence.append(observe("usual dashboards", listed([f"{one.path}: {one.status}" for one in answers]), http.vantage))
    return [
        one.path
        for one in answers
        if one.status not in CLOSED
        and one.status < surface.BAD
        and one.body != nowhere.body
        and nowhere.status != surface.OK
        and not any(field.get("type") == "password" for field in markup.read(one.text).inputs)
    ]


PRIVATE = Machine(listening={5432: "127.0.0.1", 6379: "127.0.0.1"})
CHECKS = (
    check(
        "sec.trusted_net",
        "open",
        "Only what should be is reachable from outside",
        _network,
        Documentation(
            what="Ports of databases, caches, brokers, exporters and consoles, those that the target names among "
            "them, listen on this machine alone; dashboards ask for credentials. A line that asks a port to be open: "
            "somebody listens there.",
            why="An open Redis or a queue's dashboard is found by a scanner within the hour.",
            how_verified=f"Reads the listening sockets of {len(INSIDE)} ports, and those of the database and Redis in "
            f"use, on the machine that serves; asks {len(DASHBOARDS)} usual dashboard addresses as a stranger. A "
            "firewall in front is not seen: an address of a private network is unknown, but for lines that say "
            "localhost.",
            how_to_mend="Bind to 127.0.0.1 or the private network; credentials before every dashboard.",
            not_applicable_when="Never.",
        ),
        covers=("restricted", "restricted to", "restrict"),
        severity=Severity.CRITICAL,
        needs=(),
        params={"subject": "Database and Redis are restricted to localhost"},
        must_fail=Stage(machine=Machine(listening={5432: "0.0.0.0", 6379: "127.0.0.1"})),  # noqa: S104 - a planted row
        mended=Stage(machine=PRIVATE),
    ),
)

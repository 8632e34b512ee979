"""What stands in front of the service: a reverse proxy, its directives, its upstreams."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import (
    conditional,
    counted,
    failed,
    listed,
    not_applicable,
    observe,
    offered,
    passed,
    unknown,
)
from roadworthy.inspection.catalogue.virtual_servers import PASSES, served, upstream_of
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import PORT, Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Fixtures, Param, Probes, Requirement, Strength
from roadworthy.inspection.probes.config import is_placeholder
from roadworthy.inspection.probes.nginx import Directive, NginxProbe

OTHERS = ("caddy", "haproxy", "traefik", "apache2", "httpd", "envoy", "lighttpd", "varnishd")
BALANCING = frozenset({"least_conn", "ip_hash", "hash", "random", "least_time"})
SERVERS_MIN = 2
ASSETS_LIMIT = 5
BY_PROXY = re.compile(r"nginx|proxy|\bcaddy\b|apache|\bcdn\b|web server", re.IGNORECASE)
IDLE = frozenset({"backup", "down"})
FILES = """location {place}/ {{
    alias /srv/app{place}/;
    expires 30d;
}}"""
ZONE = """limit_req_zone $binary_remote_addr zone=api:10m rate=60r/m;
location /api/ { limit_req zone=api burst=20 nodelay; }"""
REMEDY = "put nginx in front: it ends TLS, serves files and limits requests before the application sees them"


async def _configuration(probes: Probes, evidence: list[Evidence]) -> NginxProbe | Verdict:
    """The configuration in effect; or the verdict that no nginx stands in front.

    Raises:
        Unobservable: neither a configuration nor the machine is offered, or another proxy runs.
    """
    if probes.host is None and probes.nginx is None:
        raise Unobservable(
            "neither a proxy's configuration nor the machine is offered", '[nginx] config = "/etc/nginx/nginx.conf"'
        )
    if probes.host is not None:
        absent = await _absent(probes, evidence)
        if absent is not None:
            return absent
    if probes.nginx is None:
        raise Unobservable(
            "nginx runs, but its configuration can't be read",
            '[nginx] config = "/etc/nginx/nginx.conf", as root or www-data',
        )
    return probes.nginx


async def _absent(probes: Probes, evidence: list[Evidence]) -> Verdict | None:
    """The verdict where no proxy runs on the machine; None where nginx does."""
    host = probes.host
    if host is None:
        return None
    running, other = host.running("nginx"), host.running(*OTHERS)
    owners = host.listeners(probes.http.port) if probes.http else ()
    owner = f"port {probes.http.port} belongs to {owners[0].command[:80]}" if probes.http and owners else ""
    others = listed(sorted({one.name for one in other}))
    text = f"nginx: {len(running)}, other proxies: {others}; {len(host.processes())} processes looked at; {owner}"
    evidence.append(
        observe("processes", text, host.vantage, basis=f"nginx {bool(running)}, others {bool(other)}, {owner}")
    )
    if running:
        return None
    if other:
        raise Unobservable(
            f"{other[0].name} runs, not nginx; its configuration is not read",
            "write the proxy that you use into the line",
        )
    if probes.http is None:
        raise Unobservable(
            "no proxy runs here, and what stands before the service, a provider's balancer say, is not offered",
            '[http] url = "https://your.app"',
        )
    if not probes.http.loopback and not owners:
        raise Unobservable(
            "no proxy runs here, but the public address is elsewhere", "inspect on the machine of the proxy"
        )
    return failed(
        f"no nginx runs here{f', and {owner}' if owner else ''}", *evidence, mend=REMEDY, patch="apt-get install nginx"
    )


async def _stands(probes: Probes, requirement: Requirement) -> Verdict:
    if requirement.text("directive"):
        return await directive(probes, requirement)
    evidence: list[Evidence] = []
    nginx = await _configuration(probes, evidence)
    if isinstance(nginx, Verdict):
        return nginx
    passes = [one for one in served(nginx, probes.http) if one.name in PASSES and one.words]
    evidence.append(_quoted(nginx, passes or nginx.named("listen")))
    if not passes:
        return failed(
            "nginx passes nothing on to a backend: its server has no proxy_pass",
            *evidence,
            mend="pass requests to the service",
            patch="location / {\n    proxy_pass http://127.0.0.1:8000;\n}",
        )
    return passed(f"nginx stands in front and passes to {passes[0].words[0]}", *evidence)


async def directive(probes: Probes, requirement: Requirement) -> Verdict:
    """Whether the directive of the line is in effect, in the location of the line if it names one."""
    evidence: list[Evidence] = []
    nginx = await _configuration(probes, evidence)
    if isinstance(nginx, Verdict):
        return nginx
    name, value = _asked(requirement)
    place = requirement.text("path")
    own = [one for one in served(nginx, probes.http) if one.name == name]
    found = [one for one in own if not place or any(place in block for block in one.blocks)]
    evidence.append(_quoted(nginx, found))
    if any(_fits(one, value) for one in found):
        return passed(f"{name} {value} is in effect", *evidence)
    there = f"it is {found[0].text}" if found else "it is not there"
    return failed(
        f"the line asks for {name} {value}; {there}",
        *evidence,
        mend="add it in the server's block",
        patch=f"{name} {value};",
    )


def _asked(requirement: Requirement) -> tuple[str, str]:
    """Name and value of the directive, however the line's words were divided."""
    name, _, rest = requirement.text("directive").strip().rstrip(";").partition(" ")
    return name, (requirement.text("value") or rest).strip().rstrip(";")


def _fits(directive: Directive, value: str) -> bool:
    wanted = value.replace('"', "").replace("'", "").split()
    if not wanted:
        return True
    if directive.name in {"server_name", "proxy_pass"} and (is_placeholder(value) or "yourdomain" in value):
        return (
            bool(directive.words) and not is_placeholder(directive.words[0]) and "yourdomain" not in directive.words[0]
        )
    return [word.lower() for word in " ".join(directive.words).split()][: len(wanted)] == [
        word.lower() for word in wanted
    ]


def _quoted(nginx: NginxProbe, found: Sequence[Directive]) -> Evidence:
    lines = [f"{one.file}: {one.text}" for one in found[:12]]
    return observe(
        "nginx configuration", "\n".join(lines) or f"none of {len(nginx.directives)} directives", nginx.vantage
    )


async def _balanced(probes: Probes, requirement: Requirement) -> Verdict:
    if re.search(r"health ?checks?", requirement.text("subject"), re.IGNORECASE):
        raise Unobservable(
            "the line is about health checks of a balancer, which nginx itself has none of", "attest to it"
        )
    evidence: list[Evidence] = []
    nginx = await _configuration(probes, evidence)
    if isinstance(nginx, Verdict):
        if conditional(requirement):
            return not_applicable(
                "one server serves, and the line asks for a balancer only for several", *nginx.evidence
            )
        return nginx
    groups = _groups(served(nginx, probes.http))
    servers = max(groups.values(), key=len, default=())
    methods = [one for one in nginx.directives if one.name in BALANCING and one.blocks and one.blocks[-1] in groups]
    evidence.append(_quoted(nginx, [*(one for group in groups.values() for one in group), *methods]))
    name, value = _asked(requirement)
    if name in BALANCING and not any(one.name == name for one in methods):
        return failed(f"no upstream uses {name}", *evidence, mend=f"add {name} to the upstream", patch=f"{name};")
    address = requirement.text("server") or (value if name == "server" else "")
    if address:
        servers = next((group for group in groups.values() if address in _addresses(group)), servers)
    return _spread(servers, address, evidence, conditionally=conditional(requirement))


def _groups(directives: Sequence[Directive]) -> Mapping[str, Sequence[Directive]]:
    """Servers that get requests, by the upstream block they stand in: spares and switched-off ones get none."""
    used = {upstream_of(one) for one in directives if one.name in PASSES and one.words}
    groups: dict[str, list[Directive]] = {}
    for one in directives:
        block = one.blocks[-1] if one.blocks else ""
        if one.name != "server" or not one.words or not block.startswith("upstream"):
            continue
        if block.removeprefix("upstream").strip() in used and not IDLE & set(one.words[1:]):
            groups.setdefault(block, []).append(one)
    return groups


def _addresses(servers: Sequence[Directive]) -> Sequence[str]:
    return list(dict.fromkeys(one.words[0] for one in servers))


def _spread(
    servers: Sequence[Directive], address: str, evidence: Sequence[Evidence], *, conditionally: bool
) -> Verdict:
    """Whether the address is among the servers; without one, whether there are several."""
    there = _addresses(servers)
    if address and address not in there:
        words = f"{address} is in no upstream; there: {listed(there)}"
        return failed(words, *evidence, mend="add the server to the upstream", patch=f"server {address};")
    if len(there) < SERVERS_MIN:
        words = f"{len(there)} server in service in an upstream that is passed to: nothing to balance"
        if conditionally:
            return not_applicable(words, *evidence)
        return failed(words, *evidence, mend="add a second server")
    return passed(f"{counted(len(there), 'server')} share the load: {listed(there, 4)}", *evidence)


def _inside(directive: Directive, block: str) -> bool:
    return any(outer.startswith(block) for outer in directive.blocks)


async def _static(probes: Probes, requirement: Requirement) -> Verdict:
    by_whom = requirement.text("directive") or BY_PROXY.search(requirement.text("subject") or "nginx")
    if not by_whom and not requirement.text("path") and probes.nginx is None and not _runs(probes, "nginx"):
        return await _files_answer(probes)
    evidence: list[Evidence] = []
    nginx = await _configuration(probes, evidence)
    if isinstance(nginx, Verdict):
        return nginx
    wanted = requirement.text("path") or (_asked(requirement)[1] if requirement.text("directive") == "location" else "")
    own = served(nginx, probes.http)
    serving = [one for one in own if one.name in {"alias", "root"} and _inside(one, "location") and not _aside(one)]
    there = [one for one in serving if not wanted or any(wanted.rstrip("/") in block for block in one.blocks)]
    evidence.append(_quoted(nginx, there or nginx.named("location")))
    if not there and any(one.name == "root" and not _inside(one, "location") for one in own):
        raise Unobservable(
            "a root stands outside of all locations: whether files or the backend answer is not said there",
            "give the files a location with a root or an alias of its own",
        )
    if not there:
        return failed(
            f"nginx serves no files{f' under {wanted}' if wanted else ''} by itself",
            *evidence,
            mend="serve them from disk",
            patch=FILES.format(place=wanted.rstrip("/") or "/static"),
        )
    return passed(f"nginx serves {there[0].blocks[-1]} from {there[0].words[0]}", *evidence)


def _runs(probes: Probes, name: str) -> bool:
    return probes.host is not None and bool(probes.host.running(name))


async def _files_answer(probes: Probes) -> Verdict:
    """A line that does not say who serves them asks whether they come: those that the pages name are asked for."""
    http = offered(probes.http, "http")
    shown = await surface.pages(http)
    named = list(surface.local_assets(http, shown))[:ASSETS_LIMIT]
    answers = [await http.get(path) for path in named]
    evidence = observe(
        f"scripts, styles and images that {surface.described(shown)} name",
        "; ".join(f"{one.path} {one.status}" for one in answers) or "none", http.vantage,
    )  # fmt: skip
    if not answers:
        return unknown(
            "no page names a script, style or image of this host", evidence, mend="name one's path in the line"
        )
    lost = [one for one in answers if one.status != surface.OK or not one.body]
    if lost:
        return failed(f"{lost[0].path} answers {lost[0].status}", evidence, mend="collect and serve them")
    return passed(f"all {counted(len(answers), 'static file')} that the pages name answer", evidence)


def _aside(directive: Directive) -> bool:
    """Whether it answers certificate authorities and not people."""
    return any(".well-known" in block for block in directive.blocks)


async def _limited(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    evidence: list[Evidence] = []
    nginx = await _configuration(probes, evidence)
    if isinstance(nginx, Verdict):
        return nginx
    own = served(nginx, probes.http)
    zones, uses = ([one for one in own if one.name == name] for name in ("limit_req_zone", "limit_req"))
    evidence.append(_quoted(nginx, [*zones, *uses]))
    names = {match[1] for zone in zones if (match := re.search(r"zone=([\w-]+)", zone.text))}
    used = {match[1] for use in uses if (match := re.search(r"zone=([\w-]+)", use.text))}
    if not names & used:
        words = "a zone is declared but used nowhere" if names else "no limit_req_zone"
        return failed(
            f"nginx limits no requests: {words}",
            *evidence,
            mend="declare a zone and use it",
            patch=ZONE,
        )
    return passed(f"nginx limits requests by {listed(sorted(names & used))}", *evidence)


NGINX = Program("nginx: master process /usr/sbin/nginx", children=1, listens=True)
BARE = Machine((Program("gunicorn app:app", children=2, listens=True),))
FRONT = f"""
limit_req_zone $binary_remote_addr zone=api:10m rate=60r/m;
upstream backend {{ least_conn; server 127.0.0.1:8010; server 127.0.0.1:8011; }}
server {{
    listen 80;
    listen {PORT};
    server_name jobs.test;
    client_max_body_size 10M;
    location / {{ limit_req zone=api burst=20; proxy_pass http://backend; proxy_set_header X-Real-IP $remote_addr; }}
    location /uploads {{ alias /srv/app/uploads; expires 30d; }}
}}
"""


def _front(requirement: str, params: dict[str, Param] | None = None) -> Fixtures:
    """Without nginx, and with one that does everything right."""
    home = pages({"/": reply("<h1>Jobs</h1>")})
    return twins(
        requirement,
        params,
        must_fail=Stage(site=home, machine=BARE),
        mended=Stage(site=home, machine=Machine((NGINX,)), nginx=FRONT),
    )


NEVER = "Never: where the machine shows that no proxy runs, the line fails."
HOW = (
    "The processes of this machine, who owns the public port, and the configuration with its includes, read as nginx "
    "reads it: only server blocks whose name or port is the target's, or that pass to it, count."
)

STANDS = Check(
    id="nginx.on.front",
    requirements=("nginx.on",),
    title="A reverse proxy stands in front",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_stands,
    documentation=Documentation(
        what="nginx runs and passes requests to the service; a directive that the line names has the line's value.",
        why="It takes slow clients, TLS and files off the application, and gives one place to refuse.",
        how_verified=HOW,
        how_to_mend="Install nginx with a server block that passes to the service.",
        not_applicable_when=NEVER,
    ),
    fixtures=_front("nginx.on"),
)
DIRECTIVE = Check(
    id="nginx.proxyhdr.directive",
    requirements=("nginx.proxyhdr",),
    title="The proxy has the directive of the line",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=directive,
    documentation=Documentation(
        what="The directive stands in the configuration with the value of the line.",
        why="Without the client's address and scheme the application limits, logs and redirects wrongly.",
        how_verified=HOW,
        how_to_mend="Add the directive to the server or location block, then nginx -t and reload.",
        not_applicable_when=NEVER,
    ),
    fixtures=_front("nginx.proxyhdr", {"directive": "proxy_set_header", "value": "X-Real-IP $remote_addr"}),
)
BALANCED = Check(
    id="nginx.lb.upstream",
    requirements=("nginx.lb",),
    title="Load is spread over several servers",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_balanced,
    documentation=Documentation(
        what="An upstream that requests are passed to holds two servers or more, spares left out, and the server and "
        "the method that the line names.",
        why="With one server every deployment and every crash is an outage.",
        how_verified=HOW,
        how_to_mend="List the servers in an upstream block.",
        not_applicable_when="The line asks only for several servers, and one serves.",
    ),
    fixtures=_front("nginx.lb"),
)
STATIC = Check(
    id="nginx.static.location",
    requirements=("nginx.static",),
    title="The proxy serves static files",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_static,
    documentation=Documentation(
        what="A location serves files from disk: the one that the line names, or any."
        " A line that does not say who serves them: those that the pages name answer.",
        why="A file sent by the application holds a worker that could answer a query.",
        how_verified=HOW,
        how_to_mend="location /static/ { alias ...; expires 30d; }",
        not_applicable_when=NEVER,
    ),
    fixtures=_front("nginx.static", {"path": "/uploads"}),
)
LIMITED = Check(
    id="rl.proxy.zone",
    requirements=("rl.proxy",),
    title="The proxy limits requests",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_limited,
    documentation=Documentation(
        what="A limit_req_zone is declared and used in a location.",
        why="A flood refused by the proxy costs the application nothing.",
        how_verified=HOW,
        how_to_mend="limit_req_zone and limit_req.",
        not_applicable_when=NEVER,
    ),
    fixtures=_front("rl.proxy"),
)

CHECKS = (STANDS, DIRECTIVE, BALANCED, STATIC, LIMITED)

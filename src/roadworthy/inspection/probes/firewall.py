"""Reads a machine's firewall as ufw, iptables or nft report it: what comes in, and what happens to the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.host import HostProbe

SERVICES = {"ssh": 22, "openssh": 22, "http": 80, "www": 80, "https": 443, "nginx full": -1, "nginx http": 80,
            "nginx https": 443, "apache full": -1, "www full": -1, "domain": 53}  # fmt: skip
_UFW_RULE = re.compile(r"^(?P<to>\S.*?)\s{2,}(?P<action>ALLOW|LIMIT|DENY|REJECT)(?: IN)?\s{2,}(?P<who>\S.*)$")
_IPTABLES = re.compile(r"^-A (?P<chain>\S+) (?P<rest>.*?)-j (?P<verdict>\S+)", re.MULTILINE)
_NFT_CHAIN = re.compile(r"chain (\S{1,200}) \{((?:(?!\bchain ).)*?)\n[ \t]*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Firewall:
    """What a program reports. `closed`: what no rule lets in is refused. `ports`: let in from anywhere.

    `open_rules` let in something that is no port: such a rule may let in everything. `some`: let in from some
    addresses. `six`: IPv6 is refused as well.
    """

    tool: str
    closed: bool
    ports: frozenset[int]
    open_rules: Sequence[str] = ()
    some: frozenset[int] = frozenset()
    six: bool = False


async def read(host: HostProbe) -> Sequence[Firewall]:
    """What each program that answers reports.

    Raises:
        Unobservable: none answers; only root may ask.
    """
    found: list[Firewall] = []
    problems: list[str] = []
    for program, arguments, parse in (
        ("ufw", ("status", "verbose"), _ufw),
        ("iptables-save", (), _iptables),
        ("nft", ("list", "ruleset"), _nft),
    ):
        try:
            said = await host.ask(program, *arguments)
        except Unobservable as hidden:
            problems.append(hidden.problem)
            continue
        if said.code == 0:
            found.append(replace(parse(said.output), six=await _six(host, program, said.output)))
            if found[-1].closed:  # what another one refuses besides opens nothing
                break
        else:
            problems.append(f"{program}: {said.errors.strip()[:80] or 'refused'}")
    if not found:
        raise Unobservable(f"no firewall can be read: {'; '.join(problems)}", "run as root on the machine that serves")
    return found


async def _six(host: HostProbe, program: str, output: str) -> bool:
    """Whether IPv6 is refused too."""
    if program == "ufw":
        return any(re.search(r"^IPV6=yes", text, re.MULTILINE) for text in host.files("etc/default/ufw").values())
    if program == "nft":
        return _nft(_tables(output, "inet", "ip6")).closed
    try:
        return _iptables((await host.ask("ip6tables-save")).output).closed
    except Unobservable:
        return False


def _tables(text: str, *families: str) -> str:
    """The tables of these families."""
    parts = re.split(r"^(?=table )", text, flags=re.MULTILINE)
    return "".join(part for part in parts if part.split(" ", 2)[1:2] and part.split(" ", 2)[1] in families)


def _ufw(text: str) -> Firewall:
    active = re.search(r"^Status: active", text, re.MULTILINE) is not None
    denies = re.search(r"^Default: (?:deny|reject) \(incoming\)", text, re.MULTILINE) is not None
    ports: set[int] = set()
    some: set[int] = set()
    odd: list[str] = []
    for rule in map(_UFW_RULE.match, text.splitlines()):
        if rule is None or rule["action"] not in {"ALLOW", "LIMIT"}:
            continue
        named = _ufw_ports(rule["to"])
        if not named and "on lo" not in rule["to"]:
            odd.append(rule[0].strip())
        (ports if rule["who"].startswith("Anywhere") else some).update(named)
    return Firewall("ufw", active and denies, frozenset(ports), odd, frozenset(some))


def _ufw_ports(to: str) -> Iterable[int]:
    name = to.replace(" (v6)", "").strip().lower()
    if SERVICES.get(name) == -1:
        return {80, 443}
    if name in SERVICES:
        return {SERVICES[name]}
    return _numbers(name.partition("/")[0])


def _iptables(text: str) -> Firewall:
    table = _filter_table(text)
    closed = re.search(r"^:INPUT DROP", table, re.MULTILINE) is not None
    ports: set[int] = set()
    some: set[int] = set()
    odd: list[str] = []
    for rule in _IPTABLES.finditer(table):
        if rule["chain"] == "INPUT" and rule["verdict"] in {"DROP", "REJECT"} and not rule["rest"].strip():
            closed = True
        elif rule["verdict"] == "ACCEPT" and (rule["chain"] == "INPUT" or "input" in rule["chain"].lower()):
            _let_in(rule["rest"], rule[0], (ports, some, odd))
    return Firewall("iptables", closed, frozenset(ports), odd, frozenset(some))


def _filter_table(text: str) -> str:
    found = re.search(r"^\*filter$(.*?)^COMMIT$", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _let_in(rest: str, rule: str, into: tuple[set[int], set[int], list[str]]) -> None:
    ports, some, odd = into
    answers = "ESTABLISHED" in rest and "NEW" not in rest
    if answers or re.search(r"-i lo\b|-p (?:icmp|ipv6-icmp|icmpv6|igmp|udp)\b", rest):
        return
    named = [number for part in re.findall(r"--dports? (\S+)", rest) for number in _numbers(part)]
    if not named:
        odd.append(rule)
    (some if re.search(r"(?:^|\s)(?:-s|-i) \S", rest) else ports).update(named)


def _nft(text: str) -> Firewall:
    closed = False
    ports: set[int] = set()
    some: set[int] = set()
    odd: list[str] = []
    for _, body in _NFT_CHAIN.findall(text):
        if not re.search(r"type filter hook input\b", body):
            continue
        closed = (
            closed
            or "policy drop" in body
            or bool(re.search(r"^[ \t]*(?:counter[^;\n]*)?(?:drop|reject)\s*$", body, re.MULTILINE))
        )
        for line in body.splitlines():
            if re.search(r"\baccept\s*$", line.strip()) is None:
                continue
            answers = "ct state" in line and "established" in line and "new" not in line
            if answers or re.search(r"iif(?:name)? \"?lo\"?|icmp|igmp|udp dport", line):
                continue
            named = [n for part in re.findall(r"tcp dport (\{[^}]*\}|\S+)", line) for n in _numbers(part)]
            if not named:
                odd.append(line.strip())
            (some if re.search(r"saddr|iif", line) else ports).update(named)
    return Firewall("nft", closed, frozenset(ports), odd, frozenset(some))


def _numbers(text: str) -> list[int]:
    """Ports in "22", "80,443", "{ 22, http }", "8000:8002"."""
    found: list[int] = []
    for part in re.findall(r"[\w:-]+", text):
        edges = [int(edge) for edge in re.split(r"[:-]", part) if edge.isdigit()]
        if len(edges) == 2 and 0 < edges[1] - edges[0] <= 65_535:  # noqa: PLR2004 - a range has two ends
            found.extend(range(edges[0], edges[1] + 1))
        elif edges:
            found.append(edges[0])
        elif part in SERVICES:
            found.append(SERVICES[part])
    return found

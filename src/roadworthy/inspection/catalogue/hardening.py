"""The machine against strangers: firewall, fail2ban, SSH."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, not_applicable, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import firewall, sshd
from roadworthy.inspection.probes.firewall import Firewall
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.sshd import SshServer

JAIL_FILES = (
    "etc/fail2ban/jail.conf",
    "etc/fail2ban/jail.d/*.conf",
    "etc/fail2ban/jail.local",
    "etc/fail2ban/jail.d/*.local",
)
"""In the order in which they are read: the later wins."""
BY_ADDRESS = re.compile(
    r"restrict\w{0,9} to|your ip|specific ip|whitelist|allow-?list|vpn|bastion|jump|port \d|non-standard", re.IGNORECASE
)
ELSEWHERE = re.compile(r"security groups?|\bvpc\b|\bwaf\b|cloud(?:flare)?\b|provider", re.IGNORECASE)
ROOT = re.compile(r"\broot\b", re.IGNORECASE)
KEYS = re.compile(r"\bkeys?\b|password|harden|secur", re.IGNORECASE)
PROXIED = frozenset({"docker-proxy"})


async def _firewall(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    if ELSEWHERE.search(requirement.text("subject")):
        raise Unobservable("the line speaks of a firewall outside this machine", "attest it, or name the machine's own")
    found = await firewall.read(host)
    shown = "; ".join(
        f"{one.tool}: {'refuses the rest' if one.closed else 'lets everything in'}, open {listed(sorted(one.ports))}"
        for one in found
    )
    evidence = observe("firewall of this machine", shown, host.vantage)
    closed = [one for one in found if one.closed]
    if "ufw" in requirement.text("subject").lower() and not any(one.tool == "ufw" for one in closed):
        return failed(
            f"ufw is not active: {shown}", evidence, mend="switch it on", patch="ufw default deny incoming\nufw enable"
        )
    if not closed:
        return failed(
            f"nothing is refused: {shown}; a firewall in front of the machine can't be seen from here",
            evidence,
            mend="refuse what is not let in",
            patch="ufw default deny incoming\nufw allow 22,80,443/tcp\nufw enable",
        )
    return _ports_let_in(host, requirement, closed, evidence)


def _ports_let_in(host: HostProbe, requirement: Requirement, closed: Sequence[Firewall], evidence: Evidence) -> Verdict:
    """Only the ports that the line names; what Docker publishes goes around the rules for input."""
    open_ports = frozenset.intersection(*(one.ports for one in closed))
    odd = [rule for one in closed for rule in one.open_rules]
    if host.global_ipv6() and not any(one.six for one in closed):
        odd.insert(0, "IPv6, which this machine has and these rules don't cover")
    published = _published(host)
    wanted = {int(port) for port in requirement.names("ports") if str(port).isdigit()}
    seen = (
        (evidence,)
        if not published
        else (evidence, observe("ports that Docker publishes", listed(published), host.vantage))
    )
    reachable = open_ports | set(published)
    if wanted and reachable - wanted:
        return failed(
            f"also open: {listed(sorted(reachable - wanted))}", *seen, mend="close what strangers need not reach"
        )
    some = frozenset().union(*(one.some for one in closed))
    if wanted - reachable - some:
        return failed(
            f"not let in: {listed(sorted(wanted - reachable - some))}", *seen, mend="let them in, or mend the line"
        )
    if odd:
        return unknown(f"a rule lets in more than ports: {odd[0][:100]}", *seen, mend="let in ports only")
    return passed(f"only {listed(sorted(reachable))} are let in, the rest is refused", *seen)


def _published(host: HostProbe) -> Sequence[int]:
    found: set[int] = set()
    for process in host.running(*PROXIED):
        words = list(process.argv)
        if "-host-ip" in words and words[words.index("-host-ip") + 1].startswith("127."):
            continue
        if "-host-port" in words:
            found.add(int(words[words.index("-host-port") + 1]))
    return sorted(found)


async def _bans(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host = offered(probes.host, "host")
    running = host.running("fail2ban-server")
    jails = _jails(host)
    evidence = observe(
        "fail2ban",
        f"{len(running)} processes; jails that are on: {listed(jails)}",
        host.vantage,
        basis=f"{bool(running)} {jails}",
    )
    if not running:
        return failed("fail2ban does not run", evidence, mend="install and start it", patch="apt-get install fail2ban")
    if not jails:
        return failed(
            "fail2ban runs, but no jail is on", evidence, mend="switch jails on", patch="[sshd]\nenabled = true"
        )
    return passed(f"fail2ban runs with {listed(jails)}", evidence)


def _jails(host: HostProbe) -> Sequence[str]:
    """Jails that are on, by the files in their order; what stands under [DEFAULT] holds for all that don't say."""
    on: dict[str, bool] = {}
    for pattern in JAIL_FILES:
        for _, text in sorted(host.files(pattern).items()):
            section = ""
            for line in text.splitlines():
                heading = re.match(r"^\[([^\]]+)\]", line)
                section = heading[1] if heading else section
                switch = re.match(r"^[ \t]*enabled\s*=\s*(\w+)", line)
                if heading and section != "DEFAULT":
                    on.setdefault(section, on.get("DEFAULT", False))
                if switch and section:
                    on[section] = switch[1].lower() in {"true", "yes", "1", "on"}
    return sorted(name for name, enabled in on.items() if enabled and name not in {"DEFAULT", "INCLUDES"})


async def _keys_only(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    if BY_ADDRESS.search(requirement.text("subject")):
        raise Unobservable("the line asks from where SSH may be reached, which its configuration does not say")
    server, running = sshd.read(host), host.running("sshd")
    if server is None:
        looked = observe("sshd", f"no sshd_config; {len(running)} processes of sshd", host.vantage)
        if running or not host.systemd:
            raise Unobservable("no sshd_config can be read", "run on the machine that serves")
        return not_applicable("no SSH server is installed on this machine", looked)
    shown = ", ".join(f"{name} {server.get(name)}" for name in sorted(sshd.DEFAULTS))
    evidence = observe(f"effective configuration from {listed(server.files)}", shown, host.vantage)
    problems = _weak(server, requirement.text("subject"))
    if problems:
        return failed(
            "; ".join(problems),
            evidence,
            mend="keys only, and never root; then sshd -t and reload",
            patch="PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no",
        )
    return passed(f"as it should be: {shown}", evidence)


def _weak(server: SshServer, subject: str) -> Sequence[str]:
    """What lets somebody in; a line about root alone, or about keys alone, is held to that."""
    root, keys = bool(ROOT.search(subject)), bool(KEYS.search(subject))
    problems: list[str] = []
    if keys or not root:
        problems += _without_keys(server)
    if (root or not keys) and server.get("permitrootlogin") != "no":
        problems.append(f"root may sign in ({server.get('permitrootlogin')})")
    loosened = {("passwordauthentication", "yes"), ("permitrootlogin", "yes"), ("permitemptypasswords", "yes")}
    problems += [
        f"Match {condition}: {keyword} {value}"
        for condition, keyword, value in server.matched
        if (keyword, value.lower()) in loosened
    ]
    return problems


def _without_keys(server: SshServer) -> Sequence[str]:
    problems = []
    if server.get("passwordauthentication") != "no":
        problems.append("passwords are taken")
    if server.get("kbdinteractiveauthentication") != "no" and server.get("usepam") == "yes":
        problems.append("passwords are taken at a keyboard prompt")
    if server.get("pubkeyauthentication") == "no":
        problems.append("keys are not taken")
    return problems


SAVED = "*filter\n:INPUT {} [0:0]\n-A INPUT -i lo -j ACCEPT\n"
RULES = SAVED + "-A INPUT -p tcp -m multiport --dports 22,80,443 -j ACCEPT\n{}COMMIT\n"
HARDENED = "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nUsePAM yes\n"
DROP_IN = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"
FIREWALL = Check(
    id="host.firewall.rules",
    requirements=("host.firewall",),
    title="A firewall refuses all but the right ports",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_firewall,
    documentation=Documentation(
        what="The machine's firewall refuses what no rule lets in, and lets in the line's ports, no other.",
        why="A database that listens on all addresses is found within hours.",
        how_verified="ufw status, iptables-save and nft list ruleset, which only root may read: without it unknown, "
        "never a pass. Ports that Docker publishes go around the rules for input, and count.",
        how_to_mend="ufw default deny incoming, then allow what is needed; bind the rest to 127.0.0.1.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.firewall",
        {"ports": ("22", "80", "443")},
        must_fail=Stage(
            machine=Machine(
                commands={"iptables-save": RULES.format("DROP", "-A INPUT -p tcp --dport 5432 -j ACCEPT\n")}
            )
        ),
        mended=Stage(machine=Machine(commands={"iptables-save": RULES.format("DROP", "")})),
    ),
)
BANS = Check(
    id="host.fail2ban.jails",
    requirements=("host.fail2ban",),
    title="fail2ban runs with a jail",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_bans,
    documentation=Documentation(
        what="fail2ban runs, and at least one jail is on.",
        why="Installed without a jail it watches nothing.",
        how_verified="Processes of this machine; jail.conf, jail.local and jail.d in the order in which they are read.",
        how_to_mend="[sshd] enabled = true, in jail.local.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.fail2ban",
        must_fail=Stage(
            machine=Machine(
                (Program("/usr/bin/fail2ban-server -xf start"),),
                files={"etc/fail2ban/jail.local": "[sshd]\nenabled = false\n"},
            )
        ),
        mended=Stage(
            machine=Machine(
                (Program("/usr/bin/fail2ban-server -xf start"),),
                files={"etc/fail2ban/jail.local": "[sshd]\nenabled = true\n"},
            )
        ),
    ),
)
SSH = Check(
    id="host.ssh.keys",
    requirements=("host.ssh",),
    title="SSH takes keys only, and never root",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host"}),
    run=_keys_only,
    documentation=Documentation(
        what="The SSH server takes no passwords, at no prompt either, and does not let root in.",
        why="Every public address is tried by machines within minutes.",
        how_verified="sshd_config with its includes in their place, the first value wins; the server's defaults; "
        "Match blocks that loosen it.",
        how_to_mend="A file in sshd_config.d; sshd -t, then reload.",
        not_applicable_when="systemd runs the machine, and there is no SSH server.",
    ),
    fixtures=twins(
        "host.ssh",
        must_fail=Stage(machine=Machine(files={"etc/ssh/sshd_config": HARDENED})),
        mended=Stage(
            machine=Machine(files={"etc/ssh/sshd_config": HARDENED, "etc/ssh/sshd_config.d/10-keys.conf": DROP_IN})
        ),
    ),
)

CHECKS = (FIREWALL, BANS, SSH)

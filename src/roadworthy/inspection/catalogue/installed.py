"""Programs and packages of the machine: there, of the version asked for, and kept current."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.versions import at_least, installed

FOLDERS = (
    *("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin", "snap/bin", "usr/local/go/bin"),
    *("home/*/.local/bin", "root/.local/bin", "home/*/.cargo/bin", "home/*/.nvm/versions/node/*/bin"),
    *("root/.nvm/versions/node/*/bin", "home/*/.pyenv/versions/*/bin", "home/*/.rbenv/versions/*/bin", "opt/*/bin"),
)
EXECUTABLES: Mapping[str, tuple[str, ...]] = {
    "node.js": ("node", "nodejs"), "nodejs": ("node", "nodejs"), "node": ("node", "nodejs"),
    "python": ("python3", "python"), "python3": ("python3",), "java": ("java",), "jdk": ("javac",),
    "golang": ("go",), "redis": ("redis-server", "valkey-server"), "postgresql": ("postgres", "psql"),
    "supervisor": ("supervisord",), "imagemagick": ("magick", "convert"), "pip": ("pip3", "pip"),
    "poppler": ("pdftotext",), "apache2-utils": ("ab",), "libreoffice": ("soffice", "libreoffice"),
}  # fmt: skip
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "node": ("nodejs",), "node.js": ("nodejs",), "python": ("python3",), "go": ("golang-go",), "java": ("default-jre",),
    "jdk": ("default-jdk",), "docker": ("docker-ce", "docker.io", "moby-engine"), "redis": ("redis-server",),
    "docker compose": ("docker-compose-plugin", "docker-compose-v2"), "php": ("php", "php-cli"),
}  # fmt: skip
"""A tool as lines call it -> its executables, and the packages that bring it where the name differs."""
SIMULATION_SECONDS = 15.0
LISTS_DAYS, RUNS_DAYS = 3.0, 4.0
DAY_SECONDS = 86_400
APT_WRITES_NOTHING = (
    *("-o", "Debug::NoLocking=true", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
    *("-o", "APT::Get::List-Cleanup=false"),
)
"""Without them a simulation takes locks and, as root, renews the caches."""
APT = "etc/apt/apt.conf.d/*"
STAMPS = ("var/lib/apt/periodic/unattended-upgrades-stamp", "var/lib/apt/periodic/upgrade-stamp")
UPDATED = ("var/lib/apt/periodic/update-success-stamp", "var/lib/apt/lists/*Release", "var/lib/apt/lists/partial/.")
_SWITCH = re.compile(r'^[ \t]*APT::Periodic::([\w-]+)\s+"?(\w+)"?\s*;', re.MULTILINE)
_PENDING = re.compile(r"^Inst (\S+) .*(?:-security|Debian-Security|-Security)", re.MULTILINE | re.IGNORECASE)


async def _there(probes: Probes, requirement: Requirement) -> Verdict:
    host, names = offered(probes.host, "host"), requirement.names("names")
    if not names:
        raise Unobservable("the line names no tool that is known", "name the tool as its package is called")
    packages = known_packages(host)
    missing: list[str] = []
    seen: list[str] = []
    for name in names:
        where = located(host, name)
        version = version_of(name, packages, where)
        (seen if where or version else missing).append(f"{name}: {where or 'package'} {version}".strip())
    evidence = observe(f"tools {listed(names)}", "; ".join(seen + missing), "folders of programs and lists of packages")
    if missing:
        return failed(f"{listed(one.partition(':')[0] for one in missing)} is not installed here", evidence,
                      mend="install it, or mend the line")  # fmt: skip
    asked = requirement.text("version")
    meant = _versioned(names, asked, requirement.text("subject"))
    version = version_of(meant, packages, located(host, meant)) if asked else ""
    if asked and at_least(version, asked) is None:
        return unknown(f"{meant} is there; its version was not seen", evidence, mend="ask it: --version")
    if asked and not at_least(version, asked):
        return failed(f"{meant} {version}, {asked} is asked for", evidence, mend="upgrade it")
    return passed(listed(seen), evidence)


def _versioned(names: Sequence[str], asked: str, subject: str) -> str:
    """The tool that the version belongs to: the last one named before it, else the first of all."""
    before = subject.lower().partition(asked)[0] if asked and asked in subject else ""
    return max(names, key=lambda name: before.rfind(name.lower())) if before else names[0]


def located(host: HostProbe, name: str) -> str:
    """The first executable of that name in the usual folders; empty where there is none."""
    wanted = EXECUTABLES.get(name.lower(), (name.lower().replace(" ", "-"),))
    found = host.paths(*(f"{folder}/{one}" for one in wanted for folder in FOLDERS))
    runnable = [path for path in found if path.stat().st_mode & 0o111]
    return "/" + str(runnable[0].relative_to(host.root)) if runnable else ""


def known_packages(host: HostProbe) -> Mapping[str, str]:
    """Packages with their versions, by dpkg and apk."""
    texts = [host.text(path) for path in ("var/lib/dpkg/status", "lib/apk/db/installed")]
    return installed(*texts)


def version_of(name: str, packages: Mapping[str, str], where: str = "") -> str:
    """Version of the package that brings a tool, or the one in the path of its executable; empty where not seen."""
    names = (*PACKAGES.get(name.lower(), ()), name.lower())
    managed = re.search(r"/versions/(?:node/)?v?(\d[\w.]*)/", where)
    if managed:
        return managed[1]
    return (
        next((packages[one] for one in names if one in packages), "")
        if where.startswith("/usr/bin") or not where
        else ""
    )


async def _current(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host = offered(probes.host, "host")
    switches = {name: value for text in host.files(APT).values() for name, value in _SWITCH.findall(text)}
    automatic = all(switches.get(name, "0") not in {"0", ""} for name in ("Update-Package-Lists", "Unattended-Upgrade"))
    ran, listed_at = _newest(host, STAMPS), _newest(host, UPDATED)
    pending = await _pending(host)
    evidence = observe(
        "security updates",
        f"unattended: {automatic}; last run {_ago(ran)}; lists from {_ago(listed_at)}; pending: "
        f"{'not seen' if pending is None else listed(pending)}",
        host.vantage,
        basis=f"{automatic} {pending}",
    )
    if pending and listed_at:
        return failed(f"{len(pending)} security updates wait: {listed(pending, 4)}", evidence,
                      mend="install them", patch="apt-get update && apt-get upgrade")  # fmt: skip
    if host.files("run/reboot-required", "var/run/reboot-required"):
        return failed("updates wait for a restart of the machine", evidence, mend="restart it")
    fresh = listed_at is not None and listed_at <= LISTS_DAYS
    if pending is not None and fresh:
        return passed(f"no security update waits, lists from {_ago(listed_at)}", evidence)
    if automatic and ran is not None and ran <= RUNS_DAYS:
        return passed(f"security updates install themselves, last {_ago(ran)}", evidence)
    if not automatic and (switches or known_packages(host)):
        return failed("security updates don't install themselves, and nobody looked for days", evidence,
                      mend="unattended-upgrades", patch="apt-get install unattended-upgrades")  # fmt: skip
    return unknown("whether security updates are installed was not seen", evidence, mend="apt-get update, then again")


async def _pending(host: HostProbe) -> Sequence[str] | None:
    """Security updates that a simulated upgrade would install; None where apt does not say."""
    try:
        said = await host.ask("apt-get", "-s", *APT_WRITES_NOTHING, "dist-upgrade", timeout_seconds=SIMULATION_SECONDS)
    except Unobservable:
        return None
    return sorted(set(_PENDING.findall(said.output))) if said.code == 0 and "upgraded," in said.output else None


def _newest(host: HostProbe, patterns: Sequence[str]) -> float | None:
    """Days since the newest of some files was written."""
    moments = [path.stat().st_mtime for path in host.paths(*patterns)]
    return max(0.0, time.time() - max(moments)) / DAY_SECONDS if moments else None


def _ago(days: float | None) -> str:
    return "never" if days is None else f"{days:.1f} days ago"


PERIODIC = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "{}";\n'
DPKG = "Package: nodejs\nStatus: install ok installed\nVersion: {}\n"
QUIET = "0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
WAITS = "Inst openssl [3.0.11] (3.0.13 Debian-Security:12/stable-security [amd64])\n1 upgraded, 0 newly installed\n"
PACKAGE = Check(
    id="host.pkg.installed",
    requirements=("host.pkg",),
    title="A tool is installed",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_there,
    documentation=Documentation(
        what="Every tool that the line names is on this machine, of the version asked for or later.",
        why="A script that misses its tool fails at night.",
        how_verified="The usual folders of programs, version managers' included; lists of dpkg and apk.",
        how_to_mend="Install it.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.pkg",
        {"names": ("node.js",), "version": "20"},
        must_fail=Stage(machine=Machine(files={"usr/bin/node*x": "", "var/lib/dpkg/status": DPKG.format("18.19.0")})),
        mended=Stage(machine=Machine(files={"usr/bin/node*x": "", "var/lib/dpkg/status": DPKG.format("20.11.0")})),
    ),
)
UPDATES = Check(
    id="host.updates.security",
    requirements=("host.updates",),
    title="Security updates are installed",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_current,
    documentation=Documentation(
        what="No security update waits, by lists of the last days; or they install themselves and lately did. No "
        "restart is due.",
        why="Exploits follow an advisory within days.",
        how_verified="A simulated upgrade (nothing is installed), the age of apt's lists, unattended-upgrades and its "
        "stamp, reboot-required.",
        how_to_mend="unattended-upgrades with a restart at night.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "host.updates",
        must_fail=Stage(
            machine=Machine(commands={"apt-get": WAITS}, files={"var/lib/apt/periodic/update-success-stamp": ""})
        ),
        mended=Stage(
            machine=Machine(commands={"apt-get": QUIET}, files={"var/lib/apt/periodic/update-success-stamp": ""})
        ),
    ),
    timeout_seconds=20.0,
)

CHECKS = (PACKAGE, UPDATES)

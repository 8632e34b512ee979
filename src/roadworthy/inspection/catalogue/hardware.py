"""The machine as lines ask for it: cores, memory, disk, operating system."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.declaring import QUICK_SECONDS, Run, check
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement
from roadworthy.inspection.probes.host import Disk
from roadworthy.inspection.probes.versions import at_least, release
from roadworthy.inspection.requirements import BY_ID

GIB = 1 << 30
TOLERANCE = 0.9
"""Firmware, kernel and file system keep some: a machine sold with 16 GB shows 15.5."""
FREE_RATIO, FREE_BYTES = 0.2, 5 * GIB
SOLID = re.compile(r"\b(?:ssd|nvme|solid)\b", re.IGNORECASE)


async def _cores(probes: Probes, requirement: Requirement) -> Verdict:
    host, wanted = offered(probes.host, "host"), requirement.number("cores")
    if wanted is None:
        raise Unobservable("the line names no number of cores", 'write it as "4 CPU cores"')
    cores = host.cores()
    evidence = observe("processors that may be used here", f"{cores}", host.vantage)
    if cores < wanted:
        return failed(f"{counted(cores, 'core')}, {wanted:g} asked for", evidence, mend="a machine with more cores")
    return passed(f"{counted(cores, 'core')}, {wanted:g} asked for", evidence)


async def _memory(probes: Probes, requirement: Requirement) -> Verdict:
    host, wanted = offered(probes.host, "host"), requirement.number("bytes")
    if wanted is None:
        raise Unobservable("the line names no amount of memory", 'write it as "16 GB RAM"')
    total = host.memory().get("MemTotal")
    if not total:
        raise Unobservable("meminfo can't be read", "run on the machine that serves")
    limit = host.memory_limit()
    usable = min(total, limit) if limit else total
    said = f"MemTotal {_gib(total)}" + (f", limited to {_gib(limit)}" if limit else "")
    evidence = observe("meminfo and control group", said, host.vantage)
    if usable < wanted * TOLERANCE:
        return failed(f"{_gib(usable)} of memory, {_gib(wanted)} are asked for", evidence, mend="more memory")
    return passed(f"{_gib(usable)} of memory, {_gib(wanted)} are asked for", evidence)


async def _disk(probes: Probes, requirement: Requirement) -> Verdict:
    host, wanted = offered(probes.host, "host"), requirement.number("bytes")
    disk = host.disk()
    if not disk.total:
        raise Unobservable("the file system does not say how large it is", "run on the machine that serves")
    figures = f"/ holds {_gib(disk.total)}, {disk.free / max(1, disk.total):.0%} free"
    spins = host.spinning()
    evidence = observe("statvfs / and block devices", f"{figures}; spinning: {spins}", host.vantage, basis=str(spins))
    if wanted is not None and disk.total < wanted * TOLERANCE:
        return failed(f"{_gib(disk.total)} of disk, {_gib(wanted)} are asked for", evidence, mend="a larger disk")
    if disk.free < min(FREE_BYTES, (wanted or FREE_BYTES)) or disk.free < disk.total * FREE_RATIO / 2:
        return failed(f"the disk is nearly full: {figures}", evidence, mend="remove what is old, or a larger disk")
    if SOLID.search(requirement.text("subject")) and spins is not False:
        found = "it spins" if spins else "whether it is solid was not seen"
        return (failed if spins else unknown)(f"{figures}; {found}", evidence, mend="a solid-state disk")
    if wanted is None and disk.free < disk.total * FREE_RATIO:
        return unknown(f"{figures}; the line does not say how much is enough", evidence, mend="name a size in the line")
    return passed(figures, evidence)


async def _system(probes: Probes, requirement: Requirement) -> Verdict:
    host, wanted = offered(probes.host, "host"), requirement.text("tool").lower()
    if not wanted:
        raise Unobservable("the line names no operating system", 'write it as "Ubuntu 22.04 or later"')
    facts = release(next(iter(host.files("etc/os-release", "usr/lib/os-release").values()), ""))
    if not facts.get("ID"):
        raise Unobservable("/etc/os-release can't be read", "run on the machine that serves")
    name, version = facts["ID"].lower(), facts.get("VERSION_ID", "")
    evidence = observe("/etc/os-release", f"{name} {version}", host.vantage)
    if name != wanted:
        return failed(f"{name} {version} runs here, not {wanted}", evidence, mend="mend the line, or the machine")
    asked = requirement.text("version")
    if asked and at_least(version, asked) is None:
        raise Unobservable(f"{name} names no version", "compare by hand")
    if asked and not at_least(version, asked):
        return failed(f"{name} {version}, {asked} is asked for", evidence, mend="upgrade the operating system")
    return passed(f"{name} {version}", evidence)


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"


def _check(
    requirement: str, run: Run, asked: dict[str, Param], stages: tuple[Machine, Machine], text: Documentation
) -> Check:
    return check(
        requirement,
        "here",
        BY_ID[requirement].title,
        run,
        text,
        severity=Severity.MEDIUM,
        must_fail=Stage(machine=stages[0]),
        mended=Stage(machine=stages[1]),
        params=asked,
        needs=("host",),
        radius=BlastRadius.READ_ONLY,
        seconds=QUICK_SECONDS,
    )


def _processors(count: int) -> Machine:
    return Machine(files={"proc/cpuinfo": "".join(f"processor\t: {number}\n" for number in range(count))})


def _sold_with(gibibytes: float) -> Machine:
    return Machine(files={"proc/meminfo": f"MemTotal: {int(gibibytes * 1024 * 1024)} kB\n"})


def _runs(name: str, version: str) -> Machine:
    return Machine(files={"etc/os-release": f'ID={name}\nVERSION_ID="{version}"\n'})


CPU = _check(
    "host.cpu",
    _cores,
    {"cores": 4},
    (_processors(2), _processors(4)),
    Documentation(
        what="The machine has as many cores for the service as the line asks.",
        why="Workers are counted by cores; half of them wait on a smaller machine.",
        how_verified="Processors that may be used (affinity), cut by the control group's quota.",
        how_to_mend="A larger machine, or a larger quota.",
        not_applicable_when="Never.",
    ),
)
RAM = _check(
    "host.ram",
    _memory,
    {"bytes": 16 * GIB},
    (_sold_with(8), _sold_with(15.6)),
    Documentation(
        what="The machine has the memory that the line asks; a tenth less is tolerated, firmware and kernel keep some.",
        why="What does not fit is killed, the database first.",
        how_verified="MemTotal, and the limit of the control group.",
        how_to_mend="More memory, or a larger limit.",
        not_applicable_when="Never.",
    ),
)
DISK = _check(
    "host.disk",
    _disk,
    {"bytes": 200 * GIB, "subject": "200GB SSD minimum"},
    (
        Machine(disk=Disk(100 * GIB, 80 * GIB), files={"sys/block/sda/queue/rotational": "0"}),
        Machine(disk=Disk(196 * GIB, 150 * GIB), files={"sys/block/sda/queue/rotational": "0"}),
    ),
    Documentation(
        what="The root file system has the size that the line asks and is not nearly full; where the line says SSD, no "
        "disk spins.",
        why="A full disk stops the database, and takes its log with it.",
        how_verified="statvfs of /, and what block devices say of themselves.",
        how_to_mend="A larger disk; remove what is old.",
        not_applicable_when="Never.",
    ),
)
SYSTEM = _check(
    "host.os",
    _system,
    {"tool": "ubuntu", "version": "22.04"},
    (_runs("ubuntu", "20.04"), _runs("ubuntu", "24.04")),
    Documentation(
        what="The distribution is the one that the line names, of that version or later.",
        why="Old releases get no security updates; other ones lay files elsewhere than scripts expect.",
        how_verified="/etc/os-release.",
        how_to_mend="Upgrade, or mend the line.",
        not_applicable_when="Never.",
    ),
)

CHECKS = (CPU, RAM, DISK, SYSTEM)

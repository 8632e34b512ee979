"""The machine against the numbers of a line."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Param
from roadworthy.inspection.probes.host import Disk
from roadworthy.inspection.probes.versions import at_least, installed

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
GIB = 1 << 30
MEMINFO = {"proc/meminfo": f"MemTotal: {16 << 20} kB\n"}


@pytest.mark.parametrize(
    ("check", "machine", "params", "status"),
    [
        ("host.cpu.here", Machine(files={"proc/cpuinfo": "processor : 0\n" * 8}), {"cores": 4}, PASS),
        ("host.cpu.here", Machine(files={"proc/cpuinfo": "processor : 0\n" * 8}), {}, UNKNOWN),
        (
            "host.cpu.here",
            Machine(files={"proc/cpuinfo": "processor : 0\n" * 8, "sys/fs/cgroup/cpu.max": "200000 100000"}),
            {"cores": 4},
            FAIL,
        ),
        ("host.ram.here", Machine(files=MEMINFO), {"bytes": 16 * GIB}, PASS),
        ("host.ram.here", Machine(files=MEMINFO), {}, UNKNOWN),
        (
            "host.ram.here",
            Machine(files={**MEMINFO, "sys/fs/cgroup/memory.max": str(2 * GIB)}),
            {"bytes": 16 * GIB},
            FAIL,
        ),
        ("host.ram.here", Machine(files={**MEMINFO, "sys/fs/cgroup/memory.max": "max"}), {"bytes": 16 * GIB}, PASS),
        ("host.ram.here", Machine(), {"bytes": GIB}, UNKNOWN),
        ("host.disk.here", Machine(), {"bytes": GIB}, UNKNOWN),
        ("host.disk.here", Machine(disk=Disk(500 * GIB, 5 * GIB)), {"bytes": 200 * GIB}, FAIL),
        ("host.disk.here", Machine(disk=Disk(500 * GIB, 80 * GIB)), {}, UNKNOWN),
        ("host.disk.here", Machine(disk=Disk(500 * GIB, 250 * GIB)), {}, PASS),
        ("host.disk.here", Machine(disk=Disk(500 * GIB, 250 * GIB)), {"subject": "200GB SSD"}, UNKNOWN),
        (
            "host.disk.here",
            Machine(disk=Disk(500 * GIB, 250 * GIB), files={"sys/block/sda/queue/rotational": "1\n"}),
            {"subject": "200GB SSD"},
            FAIL,
        ),
        (
            "host.disk.here",
            Machine(disk=Disk(500 * GIB, 250 * GIB), files={"sys/block/loop0/queue/rotational": "0\n"}),
            {"subject": "SSD storage"},
            UNKNOWN,
        ),
        ("host.os.here", Machine(files={"etc/os-release": "ID=debian\nVERSION_ID=12\n"}), {"tool": "ubuntu"}, FAIL),
        (
            "host.os.here",
            Machine(files={"etc/os-release": "ID=debian\n"}),
            {"tool": "debian", "version": "12"},
            UNKNOWN,
        ),
        ("host.os.here", Machine(files={"etc/os-release": "ID=debian\n"}), {}, UNKNOWN),
        ("host.os.here", Machine(), {"tool": "debian"}, UNKNOWN),
    ],
)
async def test_hardware(check: str, machine: Machine, params: dict[str, Param], status: Status) -> None:
    verdict = await verdict_of(check, Stage(machine=machine), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("found", "wanted", "so"),
    [
        ("22.04", "22.04", True),
        ("24.04", "22.04", True),
        ("2:7.0.15-1~deb12u1", "7.0", True),
        ("5:24.0.7-1", "24.0", True),
        ("9.5", "10", False),
        ("v2.20.3", "2.20", True),
        ("", "1", None),
    ],
)
def test_versions(found: str, wanted: str, so: bool | None) -> None:
    assert at_least(found, wanted) is so


def test_packages_that_were_removed_are_not_installed() -> None:
    status = "Package: git\nStatus: install ok installed\nVersion: 1:2.39\n\n"
    status += "Package: ufw\nStatus: deinstall ok config-files\nVersion: 0.36\n"
    assert installed(status, "P:curl\nV:8.5.0-r0\n") == {"git": "1:2.39", "curl": "8.5.0-r0"}

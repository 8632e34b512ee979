"""What is installed, what runs in containers, and whose they are."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.engine import GIB, SERVED, running
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Param

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
DPKG = "Package: php\nStatus: install ok installed\nVersion: {}\n"
PHP = {"names": ("php",), "version": "8.2"}
LISTS = "var/lib/dpkg/status"
BOTH = {
    "usr/bin/java*x": "",
    "usr/bin/node*x": "",
    LISTS: f"{DPKG.format('17.0').replace('php', 'java')}\n{DPKG.format('14.2').replace('php', 'nodejs')}",
}
STAMP = "var/lib/apt/periodic/update-success-stamp"
RAN = "var/lib/apt/periodic/unattended-upgrades-stamp"
ON = {"etc/apt/apt.conf.d/20auto": 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'}
QUIET = "0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"


@pytest.mark.parametrize(
    ("files", "params", "status"),
    [
        ({"usr/bin/git*x": ""}, {"names": ("git",)}, PASS),
        ({"usr/bin/git": ""}, {"names": ("git",)}, FAIL),
        ({}, {"names": ("git",)}, FAIL),
        ({"usr/bin/git*x": ""}, {}, UNKNOWN),
        ({"usr/bin/git*x": ""}, {"names": ("git", "npm")}, FAIL),
        ({"usr/bin/php*x": ""}, PHP, UNKNOWN),
        ({"usr/bin/php*x": "", LISTS: DPKG.format("2:8.2+93")}, PHP, PASS),
        ({"usr/bin/php*x": "", LISTS: DPKG.format("2:7.4+76")}, PHP, FAIL),
        ({"home/app/.nvm/versions/node/v20.1.0/bin/node*x": ""}, {"names": ("node.js",), "version": "20"}, PASS),
        ({"home/app/.nvm/versions/node/v18.1.0/bin/node*x": ""}, {"names": ("node.js",), "version": "20"}, FAIL),
        ({"usr/share/doc/git": "git"}, {"names": ("git",)}, FAIL),
        (BOTH, {"names": ("java", "node.js"), "version": "16", "subject": "Node.js 16+ and Java"}, FAIL),
        (BOTH, {"names": ("java", "node.js"), "version": "14", "subject": "Node.js 14+ and Java"}, PASS),
    ],
)  # fmt: skip
async def test_tools(files: dict[str, str], params: dict[str, Param], status: Status) -> None:
    verdict = await verdict_of("host.pkg.installed", Stage(machine=Machine(files=files)), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("machine", "status"),
    [
        (Machine(commands={"apt-get": QUIET}, files={STAMP: ""}), PASS),
        (Machine(commands={"apt-get": QUIET}, files={STAMP: ""}, days_old={STAMP: 30}), UNKNOWN),
        (Machine(commands={"apt-get": QUIET}), UNKNOWN),
        (Machine(commands={"apt-get": "E: broken\n"}, files={STAMP: ""}), UNKNOWN),
        (Machine(files={**ON, RAN: ""}), PASS),
        (Machine(files={**ON, RAN: ""}, days_old={RAN: 60}), UNKNOWN),
        (Machine(files={**ON, RAN: "", "run/reboot-required": ""}), FAIL),
        (Machine(files={"etc/apt/apt.conf.d/20auto": 'APT::Periodic::Unattended-Upgrade "0";\n', RAN: ""}), FAIL),
        (Machine(files={"etc/apt/apt.conf.d/20auto": '// APT::Periodic::Unattended-Upgrade "1";\n'}), UNKNOWN),
        (Machine(), UNKNOWN),
    ],
)
async def test_updates(machine: Machine, status: Status) -> None:
    verdict = await verdict_of("host.updates.security", Stage(machine=machine))
    assert verdict.status is status, verdict.summary


def may_open(files: int) -> Machine:
    return Machine(SERVED.programs, files={"proc/101/limits": f"Max open files  {files}  524288  files\n"})


SITE = pages({"/": reply("shop")})
GROUP = {"sys/fs/cgroup/app.slice/memory.max": str(GIB), "sys/fs/cgroup/app.slice/cpu.max": "100000 100000"}
IN_GROUP = {"proc/101/cgroup": "0::/app.slice/app.service\n", "sys/fs/cgroup/app.slice/app.service/memory.max": "max\n"}


@pytest.mark.parametrize(
    ("stage", "params", "status"),
    [
        (Stage(site=SITE, machine=SERVED, docker=running(memory=2 * GIB, cores=2)), {"bytes": 2 * GIB}, PASS),
        (Stage(site=SITE, machine=SERVED, docker=running(memory=4 * GIB, cores=2)), {"bytes": 2 * GIB}, FAIL),
        (Stage(site=SITE, machine=SERVED, docker=running(memory=4 * GIB)), {"subject": "Memory limits set"}, PASS),
        (Stage(site=SITE, machine=SERVED, docker=running(memory=4 * GIB)), {}, FAIL),
        (Stage(site=SITE, machine=SERVED, docker=running(memory=GIB)), {"subject": "0 memory leaks"}, UNKNOWN),
        (Stage(site=SITE, machine=SERVED), {}, FAIL),
        (Stage(site=SITE, machine=Machine(SERVED.programs, files={**GROUP, **IN_GROUP})), {}, PASS),
        (Stage(site=SITE, machine=Machine(SERVED.programs, files=GROUP)), {}, FAIL),
        (Stage(site=SITE, machine=Machine((Program("gunicorn app:app"),))), {}, UNKNOWN),
        (Stage(site=SITE, machine=may_open(1024)),
         {"subject": "ulimit / open files"}, FAIL),
        (Stage(site=SITE, machine=may_open(65535)),
         {"subject": "nofile 65535"}, PASS),
    ],
)  # fmt: skip
async def test_limits(stage: Stage, params: dict[str, Param], status: Status) -> None:
    verdict = await verdict_of("host.limits.group", stage, **params)
    assert verdict.status is status, verdict.summary


async def test_another_apps_container_is_nobodys_health_nor_use() -> None:
    elsewhere = Stage(site=SITE, machine=SERVED, docker=pages({
        "/version": reply({"Version": "26.0"}),
        "/containers/json": reply([{"Id": "abc"}]),
        "/containers/abc/json": reply({"Name": "/other", "State": {"Health": {"Status": "healthy"}},
                                       "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "1"}], "81/tcp": None}}}),
    }))  # fmt: skip
    assert (await verdict_of("mon.health.containers", elsewhere)).status is UNKNOWN
    assert (await verdict_of("host.docker.engine", elsewhere, subject="Use Docker")).status is UNKNOWN
    assert (await verdict_of("host.docker.engine", elsewhere, subject="Docker installed")).status is PASS


async def test_an_unhealthy_container_fails() -> None:
    stage = Stage(site=SITE, machine=SERVED, docker=running(health="unhealthy"))
    assert (await verdict_of("mon.health.containers", stage)).status is FAIL


@pytest.mark.parametrize("body", [b"[" * 9999, b'{"Version": 3}', b"no", b"[]"])
async def test_nonsense_on_the_socket_is_no_engine(body: bytes) -> None:
    stage = Stage(site=SITE, machine=SERVED, docker=pages({}, reply(body)))
    assert (await verdict_of("host.docker.engine", stage, version="24")).status is UNKNOWN

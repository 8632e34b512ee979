"""Disruptive checks: what is taken is given back, and nobody else's process is touched."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from roadworthy.contracts.checks import BlastRadius, Status, Verdict
from roadworthy.inspection import runner
from roadworthy.inspection.catalogue.cutting import CHECKS
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures import victims
from roadworthy.inspection.model import Check, Requirement
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.disruptions import DisruptionsProbe, terminate
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.scenario import Cut, Stop

READY, SURVIVES, STOPS = CHECKS


def test_none_runs_unless_asked_for() -> None:
    assert all(check.blast_radius is BlastRadius.DISRUPTIVE for check in CHECKS)
    assert BlastRadius.DISRUPTIVE not in runner.DEFAULT_RADIUS


def lever(folder: Path, *, cut: str = "", restore: str = "") -> Cut:
    (folder / "redis").touch()
    return Cut("redis", cut or f"rm {folder}/redis", restore or f"touch {folder}/redis", settle_seconds=1)


async def test_what_is_taken_is_given_back_when_the_check_breaks(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what breaks
        async with DisruptionsProbe([]).taken_away(lever(tmp_path)):
            assert not (tmp_path / "redis").exists()
            raise ZeroDivisionError
    assert (tmp_path / "redis").exists()


async def test_what_is_taken_is_given_back_when_time_is_up(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), DisruptionsProbe([]).taken_away(lever(tmp_path)):
            await asyncio.sleep(20)
    assert (tmp_path / "redis").exists()


async def test_a_cut_that_failed_halfway_is_given_back_too(tmp_path: Path) -> None:
    cut = lever(tmp_path, cut=f"sh -c 'rm {tmp_path}/redis; exit 3'")
    with pytest.raises(Unobservable, match="ended with 3"):
        async with DisruptionsProbe([]).taken_away(cut):
            pass
    assert (tmp_path / "redis").exists()


async def test_what_was_not_given_back_is_shouted(tmp_path: Path) -> None:
    with pytest.raises(Unobservable, match="NOT given back"):
        async with DisruptionsProbe([]).taken_away(lever(tmp_path, restore="false")):
            pass


async def test_without_its_command_nothing_is_cut(tmp_path: Path) -> None:
    with pytest.raises(Unobservable, match="not installed"):
        async with DisruptionsProbe([]).taken_away(lever(tmp_path, restore="roadworthy-no-such-program")):
            pass
    assert (tmp_path / "redis").exists()


async def test_a_killed_inspector_leaves_nothing_cut(tmp_path: Path) -> None:
    lever(tmp_path)
    script = (
        "import asyncio, os, signal\n"
        "from roadworthy.inspection.probes.disruptions import DisruptionsProbe\n"
        "from roadworthy.inspection.scenario import Cut\n"
        "async def main():\n"
        f"    cut = Cut('redis', 'rm {tmp_path}/redis', 'touch {tmp_path}/redis')\n"
        "    async with DisruptionsProbe([]).taken_away(cut):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    async with asyncio.timeout(20):
        await process.wait()
    for _ in range(50):
        if (tmp_path / "redis").exists():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the watchdog did not give it back")


async def verdict(check: Check, probes: ProbeSet, **params: str) -> Verdict:
    try:
        async with asyncio.timeout(30):
            return await check.run(probes, Requirement(check.requirements[0], params))
    except Unobservable as hidden:
        return Verdict(Status.UNKNOWN, hidden.problem)


async def test_a_cut_of_something_else_answers_nothing() -> None:
    async with victims.opened(careful=True, stops=False) as probes:
        assert isinstance(probes, ProbeSet)
        found = await verdict(READY, probes, dependency="database")
    assert (found.status, "none of 1 cuts" in found.summary) == (Status.UNKNOWN, True)


async def test_nobody_elses_process_is_stopped() -> None:
    async with victims.opened(careful=True, stops=False) as probes:
        stranger = await asyncio.create_subprocess_exec("sleep", "30")
        try:
            aimed = ProbeSet(
                http=probes.http,
                host=HostProbe(),
                disruptions=DisruptionsProbe([], Stop(stranger.pid, "true", "/slow")),
            )
            found = await verdict(STOPS, aimed)
            assert (found.status, stranger.returncode) == (Status.UNKNOWN, None)
        finally:
            stranger.kill()
            await stranger.wait()


async def test_a_service_elsewhere_is_not_stopped() -> None:
    aimed = ProbeSet(
        http=HttpProbe("http://elsewhere.test"),
        host=HostProbe(),
        disruptions=DisruptionsProbe([], Stop(os.getpid(), "true", "/")),
    )
    assert (await verdict(STOPS, aimed)).status is Status.UNKNOWN


def test_a_process_that_is_not_there() -> None:
    with pytest.raises(Unobservable, match="no process"):
        terminate(2**22 + 1)

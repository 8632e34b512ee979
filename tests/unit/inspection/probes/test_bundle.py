from __future__ import annotations

import threading
from pathlib import Path

import pytest

from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.repo import RepoProbe


async def test_folders_are_walked_before_the_checks_and_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: dict[str, threading.Thread] = {}

    class Repo(RepoProbe):
        @property
        def files(self) -> list[str]:
            walked["repo"] = threading.current_thread()
            return []

    def processes(_: HostProbe) -> list[str]:
        walked["host"] = threading.current_thread()
        return []

    monkeypatch.setattr(HostProbe, "processes", processes)
    async with ProbeSet(repo=Repo(tmp_path), host=HostProbe()):
        assert set(walked) == {"repo", "host"}
    assert threading.main_thread() not in walked.values()


async def test_what_can_t_be_walked_is_for_the_checks_to_say(tmp_path: Path) -> None:
    async with ProbeSet(repo=RepoProbe(tmp_path / "none"), host=HostProbe(proc=tmp_path)):
        pass

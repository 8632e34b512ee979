"""A source tree that somebody else packed neither holds the inspector up, nor leads it astray, nor fills memory."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from roadworthy.contracts.checks import Status
from roadworthy.inspection import runner
from roadworthy.inspection.catalogue import BY_REQUIREMENT, CHECKS
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.probes import repo as repo_module
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.repo import RepoProbe

GIGABYTE = 1024**3
PATIENCE_SECONDS = 60


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with links that go round and out, a pipe, a device, a file of a gigabyte and one of no text."""
    root = tmp_path / "repo"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "app.py").write_text("print('hello')\n")
    (root / "src" / "deep" / "round").symlink_to(root)
    (root / "round").symlink_to(root / "src")
    (tmp_path / "secret.py").write_text("outside = 1\n")
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    (root / "gone.py").symlink_to(tmp_path / "nowhere")
    for name in ("Dockerfile", "requirements.txt", "pipe.py", ".env", "docker-compose.yml"):
        os.mkfifo(root / name)
    (root / "random.py").write_bytes(os.urandom(400_000))
    (root / ("n" * 200)).mkdir()
    (root / "new\nline.py").write_text("x = 1\n")
    with (root / "huge.py").open("wb") as file:
        file.truncate(GIGABYTE)
    return root


def test_only_ordinary_files_within_are_listed_and_little_of_each_is_read(tree: Path) -> None:
    repo = RepoProbe(tree)
    assert set(repo.files) == {"src/app.py", "random.py", "huge.py", "new\nline.py"}
    tracemalloc.start()
    assert [len(repo.read(path)) <= 300_000 for path in repo.files] == [True] * 4
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()
    assert repo.read("Dockerfile") == "", "a pipe that nobody writes to"


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root makes devices")
def test_a_device_is_not_read(tree: Path) -> None:
    os.mknod(tree / "zero.py", 0o600 | 0o020000, os.makedev(1, 5))
    repo = RepoProbe(tree)
    assert "zero.py" not in repo.files
    assert repo.read("zero.py") == ""


def planned(ids: Sequence[str]) -> runner.Plan:
    lines = [Mapped(Item(number, (), name), (Requirement(name),)) for number, name in enumerate(ids, start=1)]
    return runner.plan(lines, BY_REQUIREMENT)


@pytest.mark.timeout(120)
async def test_every_check_ends_on_it(tree: Path) -> None:
    asked = sorted({name for check in CHECKS if check.needs <= {"repo"} for name in check.requirements})
    async with ProbeSet(repo=RepoProbe(tree)) as probes:
        found = await runner.inspect(planned(asked), probes, checklist="x", target="x", limit_seconds=PATIENCE_SECONDS)
    said = [answer.verdict for line in found.lines for answer in line.answers]
    assert said
    assert [one.summary for one in said if "itself broke" in one.summary] == []
    assert [one.summary for one in said if "no verdict within" in one.summary] == []
    assert "outside = 1" not in str(said)


@pytest.mark.timeout(120)
async def test_too_many_files_are_refused_as_a_whole_and_walked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repo_module, "ENTRIES_LIMIT", 100)
    for number in range(150):
        (tmp_path / f"{number}.py").touch()
    repo = RepoProbe(tmp_path)
    with pytest.raises(Unobservable, match="over 100 entries"):
        _ = repo.files
    monkeypatch.setattr(os, "scandir", None)
    with pytest.raises(Unobservable, match="over 100 entries"):
        repo.find("*.py")
    monkeypatch.undo()
    absent = sorted(check.requirements[0] for check in CHECKS if check.needs == {"repo"})
    async with ProbeSet(repo=repo) as probes:
        found = await runner.inspect(planned(absent), probes, checklist="x", target="x", limit_seconds=PATIENCE_SECONDS)
    statuses = {line.status for line in found.lines}
    assert Status.PASS not in statuses, "what was not looked at is not absent"

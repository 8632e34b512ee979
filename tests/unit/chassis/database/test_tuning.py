from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.chassis.database import tuning
from roadworthy.chassis.database.embedded import explain

GIGABYTE = 1024**3


def test_a_small_shared_memory_folder_is_not_relied_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, kind in ((64 * 1024**2, "mmap"), (GIGABYTE, "posix")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, size=size: SimpleNamespace(total=size))
        assert tuning.dynamic_shared_memory(tmp_path) == kind
    monkeypatch.undo()
    assert tuning.dynamic_shared_memory(tmp_path / "missing") == "mmap"


@pytest.mark.parametrize(
    ("memory", "buffers"), [(GIGABYTE // 2, "64MB"), (4 * GIGABYTE, "512MB"), (64 * GIGABYTE, "1024MB")]
)
def test_buffers_follow_memory_within_bounds(memory: int, buffers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "memory_bytes", lambda: memory)
    assert f"shared_buffers = '{buffers}'" in tuning.server_settings(1, Path("/logs"))


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1048576\n")
    monkeypatch.setattr(tuning, "CGROUP_LIMITS", (limit,))
    assert tuning.memory_bytes() == 1048576
    limit.write_text("max\n")
    assert tuning.memory_bytes() > 1048576


def test_quotes_in_a_path_stay_inside_the_value() -> None:
    assert "log_directory = '/it''s'" in tuning.server_settings(1, Path("/it's"))


def test_only_tests_trade_durability_for_speed() -> None:
    assert "fsync" not in tuning.server_settings(1, Path("/logs"))
    assert "fsync = 'off'" in tuning.server_settings(1, Path("/logs"), durable=False)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("initdb: error: could not write: No space left on device", "is full"),
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "too little memory"),
        ("LOG: hello\nFATAL:  lock file is nonsense", "lock file is nonsense"),
        ("", "without a word"),
    ],
)
def test_what_postgres_says_is_put_into_words(output: str, problem: str) -> None:
    error = explain(output, Path("/state/postgres"))
    assert problem in error.problem
    assert error.remedy

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from tests.settings import settings_from

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings
from roadworthy.ops.up import run
from roadworthy.ops.up.logfiles import LogFile
from roadworthy.ops.up.plan import make_plan
from roadworthy.ops.up.stage import with_secret
from roadworthy.ops.up.target import write_target


def settings(folder: Path, **changes: object) -> Settings:
    plain = settings_from(secret_key=None, ROADWORTHY_STATE_DIR=folder)
    return plain.model_copy(update={"database_url": None, "redis_url": None, "secret_key": None, **changes})


def test_a_log_grown_too_long_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log")
    writer = log.open()
    os.write(writer, b"old\n" * 10)
    assert not log.trim(size_max_bytes=40)
    os.write(writer, b"more\n")
    assert log.trim(size_max_bytes=40)
    os.write(writer, b"new\n")
    os.close(writer)
    assert log.path.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "old\n" * 10 + "more\n"
    assert log.last_lines(1) == ["new"]
    assert log.path.stat().st_mode & 0o077 == 0


def test_the_target_can_be_read_by_its_owner_only_and_says_what_runs(tmp_path: Path) -> None:
    dsn = 'postgresql://u:p"w\\ö@127.0.0.1/d'
    file = write_target(
        settings(tmp_path, database_url=SecretStr(dsn)), url="http://127.0.0.1:1", web_pid=7, logs=tmp_path / "logs"
    )
    assert file.stat().st_mode & 0o777 == 0o600
    found = tomllib.loads(file.read_text())
    assert found["postgres"] == {"dsn": dsn}
    assert found["http"] == {"url": "http://127.0.0.1:1"}
    assert found["config"]["pid"] == 7
    assert "redis" not in found


def test_the_target_names_drills_and_backups_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    state.mkdir()

    def written() -> dict[str, dict[str, str]]:
        file = write_target(settings(state), url="http://127.0.0.1:1", web_pid=7, logs=tmp_path / "logs")
        return tomllib.loads(file.read_text())

    assert not {"drills", "backup"} & written().keys()
    (tmp_path / "tests" / "drills" / "results").mkdir(parents=True)
    (state / "backups").mkdir()
    assert written()["drills"] == {"path": str(tmp_path / "tests" / "drills" / "results")}
    assert written()["backup"] == {"path": str(state / "backups")}
    (state / "drills").mkdir()
    assert written()["drills"] == {"path": str(state / "drills")}


def test_development_makes_a_secret_once(tmp_path: Path) -> None:
    first, second = (with_secret(settings(tmp_path / "state")) for _ in range(2))
    assert first.secret_key is not None
    assert first.secret_key == second.secret_key
    assert len(first.secret_key.get_secret_value()) == 64
    assert (tmp_path / "state" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_staging_brings_its_own_secret(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="SECRET_KEY is missing"):
        with_secret(settings(tmp_path, environment="staging"))


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(settings(tmp_path), demo=None, cores=1)
    run.check_disk(plan)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * 1024 * 1024))
    with pytest.raises(StartupError, match="100 MB are free, 1536 MB are needed"):
        run.check_disk(plan)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    run.check_disk(plan)

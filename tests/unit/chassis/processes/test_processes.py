from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from roadworthy.chassis.cache import embedded as embedded_valkey
from roadworthy.chassis.database import embedded as embedded_postgres
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.launch import PARENT_IS_GONE
from roadworthy.chassis.processes.lifetime import LAUNCHER, raise_open_files_limit, spawn, stop
from roadworthy.chassis.processes.state import (
    FileLock,
    end_orphan,
    naming_a_full_disk,
    port_is_free,
    stable_port,
    write_private,
)

SLEEP = ["/bin/sleep", "600"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)",
]


def test_a_child_that_ignores_the_request_is_killed() -> None:
    child = spawn(STUBBORN, output=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert not stop(child, signal.SIGTERM, 0.1)
    assert child.returncode == -signal.SIGKILL
    child.stdout.close()


def test_a_child_that_obeys_is_not_killed() -> None:
    child = spawn(SLEEP)
    assert stop(child, signal.SIGTERM, 10)
    assert stop(child, signal.SIGTERM, 10), "a second stop finds it ended"


def test_a_thread_may_not_be_a_parent() -> None:
    failures: list[Exception] = []

    def try_to() -> None:
        try:
            spawn(SLEEP)
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=try_to)
    thread.start()
    thread.join()
    assert len(failures) == 1


def test_a_launch_whose_parent_went_in_the_meantime_starts_nothing() -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    done = subprocess.run([sys.executable, "-I", "-S", LAUNCHER, f"--parent={gone.pid}", "--", *SLEEP], check=False)
    assert done.returncode == PARENT_IS_GONE


def test_the_limit_of_open_files_is_lifted_as_far_as_allowed() -> None:
    assert raise_open_files_limit(512) >= 512


def test_a_lock_has_one_holder_and_goes_with_it(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == os.getpid()
    first.release()
    assert second.acquire()
    second.release()
    second.release()


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for text in ("first and long", "second"):
        write_private(file, text)
        assert file.read_text() == text
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_only_a_process_with_that_very_command_is_ended() -> None:
    with subprocess.Popen(SLEEP) as process:
        assert end_orphan(process.pid, ["/bin/sleep", "601"], signal.SIGKILL, 0)
        assert process.poll() is None
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        assert end_orphan(process.pid, SLEEP, signal.SIGKILL, 10)
        reaper.join()


def test_an_orphan_that_does_not_end_is_reported() -> None:
    child = spawn(STUBBORN, output=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert not end_orphan(child.pid, STUBBORN, signal.SIGTERM, 0.1)
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_remembered_port_is_kept_unless_taken() -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        taken = owner.getsockname()[1]
        assert not port_is_free(taken)
        assert stable_port(taken) != taken
    free = stable_port(None)
    assert stable_port(free) == free


def test_a_full_disk_is_named_and_other_troubles_pass() -> None:
    with pytest.raises(StartupError, match="/state is full"), naming_a_full_disk(Path("/state")):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), naming_a_full_disk(Path("/state")):
        raise PermissionError


@pytest.mark.parametrize("module", [embedded_postgres, embedded_valkey])
def test_a_platform_without_a_wheel_is_told_what_to_do(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    find = module.programs if module is embedded_postgres else module.program
    with pytest.raises(StartupError, match="none for this platform") as failure:
        find()
    assert "_URL" in failure.value.remedy


def test_a_child_is_in_a_session_of_its_own() -> None:
    child = spawn(SLEEP)
    deadline = time.monotonic() + 10
    while os.getsid(child.pid) != child.pid:  # the launcher makes it, a moment after the fork
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop(child, signal.SIGKILL, 5)

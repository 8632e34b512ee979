"""The inspector goes on in a session of its own; what started it sees one program: exit code, signals, end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.processes import wait_until

from roadworthy.inspection.stepping_back import NICENESS, SESSION_NICENESS

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
from roadworthy.inspection import stepping_back
stepping_back.AUTOGROUPS = Path(sys.argv[1])
stepping_back.OWN_AUTOGROUP, stepping_back.POLITE_SECONDS = Path(sys.argv[2]), float(sys.argv[4])
stepping_back.step_back()
try:
    print(os.getpid(), os.getsid(0), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), flush=True)
    until = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < until:
        time.sleep(0.05)  # Python is told of a signal that comes as it falls asleep when it wakes
except KeyboardInterrupt:
    sys.exit(77)
sys.exit(5)
"""


@contextmanager
def stepping(
    tmp_path: Path, *, by_session: bool, seconds: float, polite: float = 60.0
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A program that stepped back, and its process, session, niceness and policy."""
    (tmp_path / "enabled").write_text("1\n" if by_session else "0\n")
    (tmp_path / "autogroup").write_text("")
    files = [str(tmp_path / "enabled"), str(tmp_path / "autogroup")]
    command = [sys.executable, "-c", SCRIPT, *files, str(seconds), str(polite)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, [int(word) for word in process.stdout.readline().split()]
        finally:
            process.kill()


def test_where_sessions_compete_it_goes_on_in_one_of_its_own(tmp_path: Path) -> None:
    with stepping(tmp_path, by_session=True, seconds=0) as (process, (child, session, nice, policy)):
        assert process.wait(20) == 5
    assert child == session != process.pid
    assert (nice, policy) == (max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)), os.SCHED_BATCH)
    assert (tmp_path / "autogroup").read_text() == str(SESSION_NICENESS)


def test_where_others_never_pause_it_takes_its_share_in_the_end(tmp_path: Path) -> None:
    with stepping(tmp_path, by_session=True, seconds=60, polite=0.1):
        wait_until(lambda: (tmp_path / "autogroup").read_text() == "0", "it stayed behind for ever")


def test_elsewhere_it_stays_where_it_is(tmp_path: Path) -> None:
    with stepping(tmp_path, by_session=False, seconds=0) as (process, (child, session, nice, _)):
        assert process.wait(20) == 5
    assert (child, session) == (process.pid, os.getsid(0))
    assert nice >= NICENESS
    assert (tmp_path / "autogroup").read_text() == ""


def test_ctrl_c_reaches_it(tmp_path: Path) -> None:
    with stepping(tmp_path, by_session=True, seconds=60) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 77


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_what_started_it(tmp_path: Path, how: signal.Signals) -> None:
    with stepping(tmp_path, by_session=True, seconds=60) as (process, (child, *_)):
        process.send_signal(how)
        assert process.wait(20) in {128 + how, -how}
    wait_until(lambda: not psutil.pid_exists(child), "it went on alone")

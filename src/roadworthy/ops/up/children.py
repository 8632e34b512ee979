"""The processes of ours that run as long as `roadworthy up` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import KILL_WAIT_SECONDS, spawn
from roadworthy.chassis.processes.server import EmbeddedServer
from roadworthy.ops.up.logfiles import LogFile

WATCH_SECONDS = 0.5
LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Child:
    """One of them, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: LogFile


class Children:
    """Started one by one, watched together, stopped together."""

    def __init__(self, stop_timeout_seconds: float) -> None:
        """`stop_timeout_seconds`: how long a stop waits before it kills."""
        self._children: list[Child] = []
        self._stop_timeout_seconds = stop_timeout_seconds

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: LogFile) -> None:
        """Start `python -m roadworthy *arguments`, its output appended to `log`."""
        output = log.open()
        try:
            # SIGKILL: when we are killed the databases end too, and a slower end would only wait for them.
            command = [sys.executable, "-m", "roadworthy", *arguments]
            process = spawn(command, death_signal=signal.SIGKILL, environment=environment, output=output)
        finally:
            os.close(output)
        self._children.append(Child(name, process, log))

    def pid_of(self, name: str) -> int:
        """Process id of the child called `name`."""
        return next(child.process.pid for child in self._children if child.name == name)

    def check(self) -> None:
        """Return while all live.

        Raises:
            StartupError: one has ended, with the last lines of its log.
        """
        for child in self._children:
            if (code := child.process.poll()) is not None:
                words = "".join(f"\n    {line}" for line in child.log.last_lines(LAST_LINES))
                raise StartupError(
                    f"the {child.name} ended with exit code {code}:{words}", f"look into {child.log.path}"
                )

    def watch(self, servers: Sequence[EmbeddedServer]) -> NoReturn:
        """Look after them and the embedded servers until one ends (StartupError) or a signal interrupts."""
        while True:
            self.check()
            for server in servers:
                if not server.running:
                    raise StartupError(f"{server.name} ended by itself", "look into its log, and start again")
            for child in self._children:
                child.log.trim()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Ask all to end, wait for what they have under way, and kill who takes too long."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        for child in self._children:
            try:  # no second signal: that would cut the wait of READINESS_WAIT_SECONDS short
                child.process.wait(self._stop_timeout_seconds)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait(KILL_WAIT_SECONDS)

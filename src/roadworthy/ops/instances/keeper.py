"""Keeps the instances of `roadworthy serve` running where no service manager does: starts, restarts and stops them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import KILL_WAIT_SECONDS, spawn
from roadworthy.chassis.processes.stopping import Stops
from roadworthy.ops.instances import record
from roadworthy.ops.instances.record import Instance
from roadworthy.ops.up.ready import wait_until_ready

WATCH_SECONDS = 0.1
RESTART_SECONDS_MIN, RESTART_SECONDS_MAX = 0.1, 10.0
# One that lived that long did not fail to start.
SETTLED_SECONDS = 10.0


@dataclass(slots=True)
class _Kept:
    number: int
    host: str
    port: int
    process: subprocess.Popen[bytes]
    started_at: float
    pause_seconds: float = RESTART_SECONDS_MIN
    ended_at: float | None = None

    @property
    def as_instance(self) -> Instance:
        return Instance(self.number, self.port, self.process.pid if self.ended_at is None else None, self.host)


@dataclass(slots=True)
class Keeper:
    """Runs `python -m roadworthy serve --instance N` for each of `ports`, N from 1, with `environment`.

    An instance that ends is started anew: at once if it had settled, else after a pause that doubles up to ten
    seconds. The new process reads program and `.env` as they are then: that is how a release gets in.
    """

    state_dir: Path
    host: str
    ports: Sequence[int]
    environment: Mapping[str, str]
    stop_timeout_seconds: float
    arguments: Sequence[str] = ()
    _kept: list[_Kept] = field(default_factory=list)

    def run(self) -> None:
        """Start all, keep them until SIGTERM or SIGINT, stop all. Call it in the main thread.

        Raises:
            StartupError: another keeper is at work here, or an instance did not become ready at the start.
        """
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = record.lock_of(self.state_dir)
        if not lock.acquire():
            raise StartupError(
                f"instances run here already, kept by process {lock.holder()}",
                "`roadworthy reload` replaces them; or set ROADWORTHY_STATE_DIR to another folder",
            )
        stops = Stops()
        with ExitStack() as stack:
            stack.callback(lock.release)
            stack.callback(self._stop)
            self._start_all(stops)
            while not stops.wait(WATCH_SECONDS):
                self._look(time.monotonic())

    def _start_all(self, stops: Stops) -> None:
        for number, port in enumerate(self.ports, start=1):
            self._kept.append(_Kept(number, self.host, port, self._spawn(number), time.monotonic()))
        self._write()
        for kept in self._kept:
            wait_until_ready(kept.as_instance.ready_url, self._refusing_to_go_on(stops, kept))

    def _refusing_to_go_on(self, stops: Stops, kept: _Kept) -> Callable[[], None]:
        def check() -> None:
            if stops.wait(0):
                raise StartupError("asked to stop before it was ready", "start it again")
            if (code := kept.process.poll()) is not None:
                raise StartupError(f"instance {kept.number} ended with exit code {code}", "see above for its reason")

        return check

    def _look(self, now: float) -> None:
        for kept in self._kept:
            if kept.ended_at is None and kept.process.poll() is not None:
                kept.ended_at = now
                settled = now - kept.started_at > SETTLED_SECONDS
                kept.pause_seconds = (
                    RESTART_SECONDS_MIN if settled else min(RESTART_SECONDS_MAX, kept.pause_seconds * 2)
                )
                self._write()
            if kept.ended_at is not None and now - kept.ended_at >= kept.pause_seconds:
                kept.process, kept.started_at, kept.ended_at = self._spawn(kept.number), now, None
                self._write()

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "roadworthy", "serve", f"--instance={number}", *self.arguments]
        return spawn(command, death_signal=signal.SIGTERM, environment=self.environment)

    def _write(self) -> None:
        record.write(self.state_dir, [kept.as_instance for kept in self._kept])

    def _stop(self) -> None:
        for kept in self._kept:
            if kept.process.poll() is None:
                kept.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.stop_timeout_seconds
        for kept in self._kept:
            try:  # no second signal: that would cut the wait of READINESS_WAIT_SECONDS short
                kept.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                kept.process.kill()
                kept.process.wait(KILL_WAIT_SECONDS)

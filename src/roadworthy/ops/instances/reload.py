"""Replaces running instances one by one behind their proxy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings
from roadworthy.ops.instances import record
from roadworthy.ops.instances.record import Instance
from roadworthy.ops.up.ready import is_ready, wait_until_ready

UNIT = "roadworthy-web@{number}.service"
POLL_SECONDS = 0.05
START_GRACE_SECONDS = 60.0
# The nginx that we ship remembers no failure and needs no wait; a balancer with health checks of its own does.
SETTLE_SECONDS = 1.0

Say = Callable[[str], object]


class Keeping(Protocol):
    """Who starts and stops the instances."""

    def instances(self) -> Sequence[Instance]:
        """Those that are kept."""

    def restart(self, instance: Instance) -> None:
        """Stop it in order, and return when another process has its place; it need not be ready yet."""


class Kept:
    """Instances that `roadworthy serve` keeps: what ends is started anew, so ending it is all there is to do."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings that name the state folder, and how long a stop may take."""
        self._folder = settings.state_dir.resolve()
        self._patience_seconds = settings.unready_seconds + settings.shutdown_timeout_seconds + START_GRACE_SECONDS

    def instances(self) -> Sequence[Instance]:
        """What the state folder says."""
        return record.read(self._folder)

    def restart(self, instance: Instance) -> None:
        """End it by SIGTERM, and wait for its successor."""
        if instance.pid is not None:
            os.kill(instance.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._patience_seconds
        while (pid := self._pid_of(instance.number)) is None or pid == instance.pid:
            if time.monotonic() > deadline:
                raise StartupError(
                    f"instance {instance.number} did not end and start anew within {self._patience_seconds:.0f} s",
                    f"look at process {instance.pid}",
                )
            time.sleep(POLL_SECONDS)

    def _pid_of(self, number: int) -> int | None:
        return next((one.pid for one in self.instances() if one.number == number), None)


class Units:
    """Instances that systemd keeps: roadworthy-web@1 and so on."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings that the units have: PORT and INSTANCES."""
        self._numbers = range(1, settings.instances + 1)
        self._host, self._first_port = settings.host, settings.port
        self._systemctl = shutil.which("systemctl") or "systemctl"
        self._timeout_seconds = settings.unready_seconds + settings.shutdown_timeout_seconds + START_GRACE_SECONDS

    def instances(self) -> Sequence[Instance]:
        """Those that systemd says are active."""
        return [
            Instance(number, self._first_port + number - 1, host=self._host)
            for number in self._numbers
            if self._run("is-active", "--quiet", number) == 0
        ]

    def restart(self, instance: Instance) -> None:
        """`systemctl restart`, which returns when the old one has ended and the new one has begun."""
        if self._run("restart", "", instance.number) != 0:
            unit = UNIT.format(number=instance.number)
            raise StartupError(f"systemctl restart {unit} failed", f"journalctl -u {unit} -n 50")

    def _run(self, verb: str, option: str, number: int) -> int:
        command = [self._systemctl, verb, *([option] if option else []), UNIT.format(number=number)]
        unheard = subprocess.DEVNULL if verb == "is-active" else None  # where there is no systemd it complains
        try:
            done = subprocess.run(command, check=False, timeout=self._timeout_seconds, stderr=unheard)  # noqa: S603  # verbs and numbers of our own
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return -1
        return done.returncode


def reload(settings: Settings, say: Say, *, alone: bool = False, settle_seconds: float = SETTLE_SECONDS) -> None:
    """Replace whatever runs here, instance by instance, `settle_seconds` between one and the next.

    Raises:
        StartupError: nothing runs, an instance would leave nobody behind, or a new one did not become ready.
    """
    for keeping in (Kept(settings), Units(settings)):
        if instances := keeping.instances():
            roll(keeping, instances, say, alone=alone, settle_seconds=settle_seconds)
            return
    raise StartupError(
        "no instances run here: neither kept by `roadworthy serve` nor as systemd's roadworthy-web@1, @2, ...",
        "start them with INSTANCES=2 roadworthy serve, or as `roadworthy deploy` says",
    )


def roll(
    keeping: Keeping,
    instances: Sequence[Instance],
    say: Say,
    *,
    alone: bool = False,
    settle_seconds: float = SETTLE_SECONDS,
) -> None:
    """Restart `instances` one after the other, each only while all others are ready.

    Raises:
        StartupError: the others are not ready, or the new one did not become it: the rest stay as they are.
    """
    for place, instance in enumerate(instances):
        others = [other for other in instances if other is not instance]
        _refuse_to_leave_nobody(instance, others, alone=alone)
        if place:
            time.sleep(settle_seconds)
        started = time.monotonic()
        keeping.restart(instance)
        wait_until_ready(instance.ready_url, lambda: None, START_GRACE_SECONDS)
        say(f"instance {instance.number} on port {instance.port}: replaced in {time.monotonic() - started:.1f} s")


def _refuse_to_leave_nobody(instance: Instance, others: Sequence[Instance], *, alone: bool) -> None:
    if alone:
        return
    if not others:
        raise StartupError(
            "only one instance runs: nobody would answer while it is replaced",
            "INSTANCES=2, with nginx from `roadworthy deploy` in front; or --alone, and requests are lost",
        )
    for other in others:
        if not is_ready(other.ready_url):
            raise StartupError(
                f"instance {other.number} is not ready: replacing instance {instance.number} would leave nobody",
                f"see why at {other.ready_url.removesuffix('/ready')} and in the log",
            )

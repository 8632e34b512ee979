"""Closed-loop load: `wrk` where it is installed, else a generator of our own; both ask for random paths of a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

THREADS = 2
TIMEOUT_SECONDS = 10
GRACE_SECONDS = 60
SCRIPT = Path(__file__).with_name("random.lua")


class LoadFailed(Exception):
    """The load generator ended without a result."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the generator saw; latencies are of answered requests."""

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    status_errors: int
    socket_errors: int
    timeouts: int

    @property
    def rps(self) -> float:
        """Answers a second, good or bad."""
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        """Answers of 400 and above, broken connections, and answers that took longer than ten seconds."""
        return self.status_errors + self.socket_errors + self.timeouts


def generator() -> str:
    """Name of the generator that this machine has, for the results."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return "benchmarks.generator"
    banner = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(banner.split()[:2])


def run(base_url: str, paths: Path, *, connections: int, seconds: float, seed: int) -> Load:
    """Load `base_url` for `seconds`, a request at a time on each of `connections`.

    Raises:
        LoadFailed: with what the generator said.
    """
    command = _wrk if shutil.which("wrk") else _own
    done = subprocess.run(
        command(base_url, paths, connections, seconds, seed),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + GRACE_SECONDS,
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise LoadFailed((done.stdout + done.stderr).strip()[-2000:])
    return Load(**json.loads(results[0].removeprefix("RESULT ")))


def _wrk(base_url: str, paths: Path, connections: int, seconds: float, seed: int) -> list[str]:
    # wrk takes whole seconds only.
    options = [f"-t{THREADS}", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_SECONDS}s"]
    return ["wrk", *options, "--latency", f"--script={SCRIPT}", base_url, "--", str(paths), str(seed)]


def _own(base_url: str, paths: Path, connections: int, seconds: float, seed: int) -> list[str]:
    numbers = [str(connections), str(seconds), str(seed), str(THREADS), str(TIMEOUT_SECONDS)]
    return [sys.executable, "-m", "benchmarks.generator", base_url, str(paths), *numbers]

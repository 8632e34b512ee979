"""What needs the product: the five seeds against what `roadworthy up` starts, memory, and a load beside them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.processes import free_port

from benchmarks.inspection.rows import Row
from benchmarks.stage import STATE_DIR

ROOT = Path(__file__).resolve().parents[2]
SECONDS, RATIO, MEMORY_MB = 60.0, 1.25, 200
COVERAGE = 0.90
START_SECONDS, INSPECT_SECONDS = 300, 240
PAIRS, WINDOW_SECONDS, RATE, CONNECTIONS = 5, 8.0, 200.0, 20
OURS = ("spajobs",)


@dataclass(frozen=True, slots=True)
class Product:
    """What runs: its address, and a target.toml that describes it and this source tree."""

    url: str
    target: Path


@contextlib.contextmanager
def product(folder: Path, **settings: str) -> Iterator[Product]:
    """`roadworthy up` in `folder`, its demo data kept between runs; stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / ".roadworthy" / "target.toml").unlink(missing_ok=True)
    command = [sys.executable, "-m", "roadworthy", "up", "--with-parent"]
    environment = {**os.environ, "PORT": str(port), **settings}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield Product(f"http://127.0.0.1:{port}", _described(folder, process, port))
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        process.wait()


def _described(folder: Path, process: subprocess.Popen[bytes], port: int) -> Path:
    """Wait until it answers; the target that it wrote, with this repository as its source."""
    deadline = time.monotonic() + START_SECONDS
    written = folder / ".roadworthy" / "target.toml"
    while not (written.exists() and _answers(port)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"`roadworthy up` did not start: see {folder / 'up.log'}")
        time.sleep(0.3)
    parts = tomllib.loads(written.read_text())
    parts["repository"] = {"path": str(ROOT)}
    target = folder / "target.toml"
    lines = (
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in part.items())
        for name, part in parts.items()
    )
    target.write_text("\n".join(lines))
    target.chmod(0o600)
    return target


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


MEASURED = """
import atexit, re, runpy, sys
from pathlib import Path

told, sys.argv = Path(sys.argv[1]), ["roadworthy", *sys.argv[2:]]

def note():
    told.write_text(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

atexit.register(note)
runpy.run_module("roadworthy", run_name="__main__", alter_sys=True)
"""
"""An inspection that notes its own peak: what `wait4` calls a child's begins at that of the process that forked it."""


def inspected(checklist: Path, target: Path, report: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one inspection, in a process of its own as a user starts it."""
    peak = report.with_suffix(".peak")
    arguments = ["inspect", str(checklist), "--target", str(target), "--json", str(report)]
    began = time.monotonic()
    command = [sys.executable, "-c", MEASURED, str(peak), *arguments]
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_as_installed(),
        timeout=INSPECT_SECONDS,
        check=False,
    )
    if done.returncode not in {0, 1, 2}:
        raise SystemExit(f"the inspection of {checklist.name} ended with {done.returncode}")
    return time.monotonic() - began, int(peak.read_text()) / 1024


def _as_installed() -> dict[str, str]:
    """Modules are compiled once, as an installation does it, also where the environment says otherwise."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seeds(corpus: Path | None, running: Product) -> Iterator[Row]:
    """The five seeds, one after the other: time, memory, and what was verified of each."""
    if corpus is None:
        yield Row("the five seeds against the product", "not run: give CHECKLISTS=folder, with seeds/")
        return
    total, peak = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="roadworthy-bench-") as folder:
        for number, checklist in enumerate(sorted((corpus / "seeds").iterdir()), start=1):
            report = Path(folder) / "report.json"
            seconds, megabytes = inspected(checklist, running.target, report)
            total, peak = total + seconds, max(peak, megabytes)
            summary = json.loads(report.read_text())["summary"]
            words = ", ".join(f"{count} {name}" for name, count in summary.items() if name != "coverage" and count)
            yield Row(f"  checklist {number}", f"{summary['coverage']:.0%} verified in {seconds:.1f} s: {words}")
    yield Row("five seeds, read-only and probing", f"{total:.1f} s", f"under {SECONDS:g} s", total < SECONDS)
    yield Row("peak memory of an inspection", f"{peak:.0f} MB", f"{MEMORY_MB} MB", peak <= MEMORY_MB)


def beside_a_load(corpus: Path | None, running: Product) -> Iterator[Row]:
    """p99 of a service under a steady load, with and without an inspection beside it."""
    what = f"p99 at {RATE:g} requests a second while it is inspected"
    if corpus is None:
        yield Row(what, "not run: give CHECKLISTS=folder, with seeds/")
        return
    checklist = min((corpus / "seeds").iterdir())
    p99_of(running)  # warm
    pairs = [_pair(running, checklist) for _ in range(PAIRS)]
    ratios = [beside / alone for alone, beside in pairs]
    shown = ", ".join(f"{alone:.1f} -> {beside:.1f}" for alone, beside in pairs)
    median = statistics.median(ratios)
    yield Row(what, f"{median:.2f}x, median of {PAIRS} pairs ({shown} ms)", f"{RATIO}x", median <= RATIO)


def _pair(running: Product, checklist: Path) -> tuple[float, float]:
    alone = p99_of(running)
    with (
        tempfile.TemporaryDirectory(prefix="roadworthy-bench-") as folder,
        _inspecting(running, checklist, Path(folder)),
    ):
        beside = p99_of(running)
    return alone, beside


@contextlib.contextmanager
def _inspecting(running: Product, checklist: Path, folder: Path) -> Iterator[None]:
    """Inspections one after the other, for as long as the context is open."""
    inner = f"{sys.executable} -m roadworthy inspect '{checklist}' --target '{running.target}' --json '{folder}/r.json'"
    command = ["bash", "-c", f"while true; do {inner} > /dev/null 2>&1; done"]
    process = subprocess.Popen(command, start_new_session=True, env=_as_installed())
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def p99_of(running: Product) -> float:
    """Milliseconds, from the moment at which each request was due."""
    latencies = asyncio.run(_load(running.url))
    return statistics.quantiles(latencies, n=100)[98] * 1000


async def _load(url: str) -> Sequence[float]:
    host, port = url.removeprefix("http://").split(":")
    began = asyncio.get_running_loop().time() + 0.2
    parts = await asyncio.gather(*(_client(host, int(port), began, number) for number in range(CONNECTIONS)))
    return [latency for part in parts for latency in part]


async def _client(host: str, port: int, began: float, number: int) -> Sequence[float]:
    """One of the connections: its share of the rate, each request sent when it is due, late ones at once."""
    loop, latencies = asyncio.get_running_loop(), []
    reader, writer = await asyncio.open_connection(host, port)
    every = CONNECTIONS / RATE
    for turn in range(int(WINDOW_SECONDS / every)):
        due = began + number / RATE + turn * every
        await asyncio.sleep(max(0.0, due - loop.time()))
        path = f"/api/jobs/{(number * 7919 + turn * 104_729) % 190_000 + 1}"
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n".encode())
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
        latencies.append(loop.time() - due)
    writer.close()
    return latencies


def measured(corpus: Path | None) -> Iterator[Row]:
    """Everything that needs the product; the load comes with its rate limits openly off."""
    folder = STATE_DIR / "inspected"
    with product(folder) as running:
        yield from seeds(corpus, running)
    with product(folder, RATE_LIMIT_ENABLED="false") as running:
        yield from beside_a_load(corpus, running)

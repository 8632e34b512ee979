"""`python -m benchmarks.overload [--quick]`: what becomes of the service when twice as much is asked as it can answer.

Lists with rotating filters, nothing kept. A closed loop says roughly what the capacity is; an open one then offers
parts of that and twice that. The peak is the most that was answered of what the open loop offered, for its generator
has the same cores as the service and PostgreSQL. Ratios are taken within a round, since the machine may be busier in
the next, and the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import contenders, load
from benchmarks.openloop import Offered, offer
from benchmarks.results import RESULTS, machine
from benchmarks.servers import Server
from benchmarks.stage import RUN_PREFIX, STATE_DIR, Stage, staged
from benchmarks.workloads import WORKLOADS
from roadworthy.chassis.processes.lifetime import raise_open_files_limit

CLOSED_CONNECTIONS = 256
PARTS = (0.7, 0.85, 1.0)
OPEN_CONNECTIONS = 4000  # so many may wait that the generator never holds a request back
THROUGHPUT_BAR, LATENCY_BAR, REFUSED_BAR_MS = 0.9, 2.0, 50.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round; rates in answers a second."""

    closed_rps: float
    offered: tuple[Offered, ...]
    at_twice: Offered

    @property
    def at_capacity(self) -> Offered:
        """Of what was offered below twice, that of which the most was answered."""
        return max(self.offered, key=lambda each: each.answered_rps)

    @property
    def throughput_share(self) -> float:
        """What is answered under twice the load, of the most that was answered in this round."""
        return self.at_twice.answered_rps / max(self.at_capacity.answered_rps, 1e-9)

    @property
    def latency_ratio(self) -> float:
        """p99 of those admitted under twice the load, over that at capacity."""
        return self.at_twice.p99_ms / max(self.at_capacity.p99_ms, 1e-9)


@dataclass(frozen=True, slots=True)
class Overload:
    """Medians of the rounds, and whether each bar is met."""

    rounds: tuple[Round, ...]
    throughput_share: float
    latency_ratio: float
    refused_p99_ms: float
    errors: int

    @property
    def missed(self) -> list[str]:
        """The bars that are not met, in words."""
        found = [
            (self.throughput_share >= THROUGHPUT_BAR, f"throughput {self.throughput_share:.2f} of its peak, bar 0.9"),
            (self.latency_ratio <= LATENCY_BAR, f"p99 of the admitted {self.latency_ratio:.1f} times, bar 2"),
            (self.refused_p99_ms < REFUSED_BAR_MS, f"refused within {self.refused_p99_ms:.0f} ms at p99, bar 50"),
            (not self.errors, f"{self.errors} errors, bar 0"),
        ]
        return [words for met, words in found if not met]


def measure(stage: Stage, folder: Path, *, rounds: int, seconds: float) -> Overload:
    """Load the product on `stage`.

    Raises:
        NotReady, LoadFailed: a server or a generator failed.
    """
    lists = next(each for each in WORKLOADS if each.name == "job_list")
    paths = lists.write_paths(stage, folder)
    with contenders.ours(stage, folder, cached=False) as server:
        load.run(server.url, paths, connections=CLOSED_CONNECTIONS, seconds=seconds, seed=1)
        seen = tuple(_round(server, paths, seconds, number) for number in range(rounds))
    return Overload(
        seen,
        throughput_share=round(median(each.throughput_share for each in seen), 3),
        latency_ratio=round(median(each.latency_ratio for each in seen), 2),
        refused_p99_ms=round(median(each.at_twice.refused_p99_ms for each in seen), 1),
        errors=sum(each.at_twice.errors for each in seen),
    )


def _round(server: Server, paths: Path, seconds: float, number: int) -> Round:
    closed = load.run(server.url, paths, connections=CLOSED_CONNECTIONS, seconds=seconds, seed=number)
    *parts, twice = (
        offer(server.url, paths, closed.rps * times, seconds=seconds, connections=OPEN_CONNECTIONS, seed=number)
        for times in (*PARTS, 2.0)
    )
    return Round(round(closed.rps, 1), tuple(parts), twice)


def line(found: Overload) -> str:
    """What was found, for people."""
    words = f"overload: {found.throughput_share:.2f} of the peak, p99 {found.latency_ratio:.1f} times, refused "
    words += f"{found.refused_p99_ms:.0f} ms at p99"
    return f"{words}; {'bars met' if not found.missed else 'missed: ' + '; '.join(found.missed)}"


def write(found: Overload) -> Path:
    """Write results/overload.json."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "overload.json"
    content = {**asdict(found), "missed": found.missed, "conditions": machine()}
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return file


def main() -> int:
    """Measure and print; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.overload")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    raise_open_files_limit()
    with ExitStack() as stack:
        stage = stack.enter_context(staged(lambda *_: None))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=RUN_PREFIX, dir=STATE_DIR)))
        found = measure(stage, folder, rounds=3, seconds=3 if quick else 10)
    for each in found.rounds:
        print(json.dumps(asdict(each)))
    print(line(found))
    print(f"Written to {write(found)}")
    return int(bool(found.missed))


if __name__ == "__main__":
    sys.exit(main())

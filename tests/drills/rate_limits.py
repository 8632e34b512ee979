"""Over- and under-admission of a limit that four processes share, while its shared tier dies and returns.

`python -m tests.drills.rate_limits [--quick]` prints the figures. Each process asks for one address as fast as it can
and notes the moment of each admission; here they are put together and the fullest and emptiest windows are looked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.drills.drill import Conditions, Drill, Report

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import LimitPolicy, Quota
from roadworthy.chassis.limits.window import SLICES
from roadworthy.contracts.drills import DrillKind

PROCESSES = 4
ADDRESS = "192.0.2.1"
LIMIT, WINDOW_SECONDS = 240, 3
ASK_SECONDS = 0.002
START_SECONDS = 0.3
READY = "ready\n"
# While the tier is away each process counts for itself from what it had admitted itself: traffic that was spread evenly
# goes over by little, and never by more than one limit.
AWAY_SLACK = 1.0


@dataclass(frozen=True, slots=True)
class Admissions:
    """When requests were admitted, in seconds of one steady clock, and between which moments all processes asked."""

    at: tuple[float, ...]
    began: float
    ended: float

    def fullest(self, seconds: float, since: float = 0.0, until: float = float("inf")) -> int:
        """The most in any window of `seconds` that begins at an admission between `since` and `until`."""
        starts = range(bisect_left(self.at, since), bisect_left(self.at, until))
        return max((bisect_left(self.at, self.at[first] + seconds) - first for first in starts), default=0)

    def emptiest(self, seconds: float) -> int:
        """The least in any window of `seconds` within the run, from just after each admission."""
        windows = [first for first, at in enumerate(self.at) if self.began <= at and at + seconds <= self.ended]
        return min((bisect_left(self.at, self.at[n] + seconds) - n - 1 for n in windows), default=0)


def measure(seconds: float, outage: tuple[float, float] | None, *, planted: bool = False) -> Admissions:
    """Ask from four processes for `seconds`; the shared tier is away for `outage`, from and to in seconds of the run.

    `planted`: the processes don't know of each other.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roadworthy-limits-")))
        valkey = EmbeddedValkey(folder)
        stack.callback(valkey.stop)
        valkey.start()
        processes = [stack.enter_context(_asking(valkey.url, seconds, planted)) for _ in range(PROCESSES)]
        start = _all_begin(processes)
        if outage is not None:
            _sleep_until(start + outage[0])
            valkey.stop()
            _sleep_until(start + outage[1])
            valkey.start()
        found = [process.communicate(timeout=seconds + 60)[0] for process in processes]
    each = [json.loads(output) for output in found]
    # On a busy machine a process may be late: what is asked of a window holds once all of them ask.
    began = max(start, *(moments[0] if moments else start for moments in each))
    return Admissions(tuple(sorted(moment for moments in each for moment in moments)), began, start + seconds)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _asking(url: str, seconds: float, planted: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.drills.rate_limits", "--ask", url, str(seconds), str(int(planted))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _all_begin(processes: Sequence[subprocess.Popen[str]]) -> float:
    """When all are there, tell them when to begin, and return it: on a busy machine they start seconds apart."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == READY
    start = time.monotonic() + START_SECONDS
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{start}\n")
        process.stdin.flush()
    return start


async def _ask(url: str, seconds: float, *, planted: bool) -> list[float]:
    tier = SharedTier(url)
    policy = LimitPolicy("drill", (Quota("window", LIMIT, WINDOW_SECONDS),))
    limiter = RateLimiter(policy, None if planted else tier, local_share=1.0 if planted else 1 / PROCESSES)
    admitted: list[float] = []
    if not planted:
        await tier.ping()
    print(READY, end="", flush=True)
    start = float(await asyncio.to_thread(sys.stdin.readline))
    await asyncio.sleep(max(0.0, start - time.monotonic()))
    while (now := time.monotonic()) < start + seconds:
        standing = limiter.use(ADDRESS, now)
        verdict = not standing.refused if standing is not None else (await limiter.ask(ADDRESS))[0]
        if verdict:
            admitted.append(time.monotonic())
        await asyncio.sleep(ASK_SECONDS)
    await tier.close()
    return admitted


def run(conditions: Conditions) -> Report:
    """Steady first, then with the shared tier away for a while; `conditions.databases` are not needed."""
    report = Report(DrillKind.LIMITS, f"{PROCESSES} processes share {LIMIT} requests in any {WINDOW_SECONDS} s")
    windows = 2 if conditions.quick else 6
    steady = measure(WINDOW_SECONDS * windows, None, planted=conditions.planted)
    over = steady.fullest(WINDOW_SECONDS) - LIMIT
    # A slot comes free at most a slice late, so only a window longer by that holds the whole limit for certain.
    under = LIMIT - steady.emptiest(WINDOW_SECONDS * (1 + 2 / SLICES))
    report.figures |= {"over_admitted": over, "under_admitted": under}
    report.demand(over <= 0, f"{over} more than {LIMIT} were admitted in a window of {WINDOW_SECONDS} s")
    report.demand(under <= LIMIT // SLICES * 2, f"only {LIMIT - under} of {LIMIT} were admitted in some window")
    if not conditions.planted:
        _with_outage(report, windows)
    return report


def _with_outage(report: Report, windows: int) -> None:
    outage = (WINDOW_SECONDS * 1.5, WINDOW_SECONDS * (1.5 + windows / 2))
    seen = measure(outage[1] + WINDOW_SECONDS * 2.5, outage)
    over = seen.fullest(WINDOW_SECONDS) - LIMIT
    after = seen.fullest(WINDOW_SECONDS, since=seen.began + outage[1] + WINDOW_SECONDS) - LIMIT
    under = LIMIT - seen.emptiest(WINDOW_SECONDS * (1 + 2 / SLICES))
    report.figures |= {"over_admitted_in_outage": over, "over_admitted_after_outage": after}
    report.figures["under_admitted_in_outage"] = under
    report.demand(over <= LIMIT * AWAY_SLACK, f"{over} over the limit while the shared tier went and came")
    report.demand(after <= 0, f"{after} over the limit a window after the shared tier was back")


DRILL = Drill(
    "rate_limits",
    "a limit over four processes, with its shared tier, without it, and with it again",
    "four processes that do not know of each other",
    run,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 when something in them must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.rate_limits")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.ask:
        url, seconds, planted = options.ask
        print(json.dumps(asyncio.run(_ask(url, float(seconds), planted=planted == "1"))))
        return 0
    conditions = Conditions(None, Path(), quick=options.quick, planted=options.planted)  # type: ignore[arg-type]  # unused
    report = run(conditions)
    print(json.dumps({"figures": report.figures, "problems": report.problems}, indent=2))
    return int(bool(report.problems))


if __name__ == "__main__":
    sys.exit(main())

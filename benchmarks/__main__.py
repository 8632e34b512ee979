"""`python -m benchmarks [--quick]`: measure, print the table, write results/latest.json."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import invalidation, overload
from benchmarks.complete import SomethingIsOff
from benchmarks.equality import AnswersDiffer
from benchmarks.limits import LimitFailed
from benchmarks.load import LoadFailed, generator
from benchmarks.measure import FULL, QUICK, Bench, Pace
from benchmarks.report import latency, picture, throughput
from benchmarks.results import Record, write
from benchmarks.servers import NotReady
from benchmarks.stage import RUN_PREFIX, STATE_DIR, Stage, staged
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.lifetime import raise_open_files_limit

FAILED, INTERRUPTED = 1, 130
FAILURES = (StartupError, SomethingIsOff, AnswersDiffer, NotReady, LoadFailed, LimitFailed)


def main() -> int:
    """Return the exit code: 0 measured, whether or not the bars are met; 1 something failed; 130 interrupted."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds: under four minutes, rougher figures")
    quick = parser.parse_args().quick
    # Whoever stops us stops all that we started: SIGTERM ends the run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise_open_files_limit()
    console = Console()
    try:
        records = _measured(console, QUICK if quick else FULL)
    except FAILURES as error:
        console.print(f"[red]The benchmark could not be run:[/] {error}", highlight=False)
        return FAILED
    except KeyboardInterrupt:
        console.print("Interrupted; every server is stopped, and nothing was written.")
        return INTERRUPTED
    pace = "quick" if quick else "full"
    console.print(throughput(records, f"Answers a second, {pace} run, by {generator()}"), latency(records))
    console.print(f"Written to {write(records, picture(records))}", highlight=False, soft_wrap=True)
    return 0


def _measured(console: Console, pace: Pace) -> list[Record]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        stage = stack.enter_context(staged(_loading(progress)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=RUN_PREFIX, dir=STATE_DIR)))
        return _run(progress, stage, folder, pace)


def _run(progress: Progress, stage: Stage, folder: Path, pace: Pace) -> list[Record]:
    bar = progress.add_task("starting")
    bench = Bench(stage, folder, pace, lambda words: progress.update(bar, description=words, advance=1))
    progress.update(bar, total=bench.steps)
    records = []
    for each in bench.run():
        records.append(each)
        progress.console.print(_line(each), highlight=False, soft_wrap=True)
    _run_others(progress, stage, folder, quick=pace is QUICK)
    return records


def _run_others(progress: Progress, stage: Stage, folder: Path, *, quick: bool) -> None:
    """What has no counterpart in the reference, and files of its own."""
    overloaded = overload.measure(stage, folder, rounds=1 if quick else 3, seconds=2 if quick else 10)
    overload.write(overloaded)
    progress.console.print(overload.line(overloaded), highlight=False, soft_wrap=True)
    for each in invalidation.measure(2.0 if quick else 10.0):
        progress.console.print(invalidation.line(each), highlight=False, soft_wrap=True)


def _line(each: Record) -> str:
    if each.workload == "memory":
        return f"memory: {each.ours_pss_mb:.0f} MB a web process, the reference {each.reference_pss_mb:.0f} MB"
    words = f"{each.workload} @ {each.connections}: {each.ours_rps:,.0f}/s, the reference {each.reference_rps:,.0f}/s"
    return f"{words} ({each.variant}), {each.ratio:.1f}x, {each.share_of_limit:.2f} of the limit"


def _loading(progress: Progress) -> Callable[[int, int, str], None]:
    bar = progress.add_task("demo data", visible=False)

    def tell(done: int, total: int, what: str) -> None:
        progress.update(bar, completed=done, total=total, description=f"demo data: {what}", visible=done < total)

    return tell


if __name__ == "__main__":
    sys.exit(main())

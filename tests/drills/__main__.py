"""Runs drills, prints their figures, and proves by a planted defect that each can fail.

`python -m tests.drills [--quick] [--no-planted] [--results DIR] [NAME ...]` exits with 1 when a drill fails, or does
not notice its defect.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.drills import crowds, faults, outages, rate_limits, reloading, schemas
from tests.drills.drill import Conditions, Drill, Report, save
from tests.drills.product import Databases

from roadworthy.chassis.processes.lifetime import raise_open_files_limit

DRILLS: Mapping[str, Drill] = {
    one.DRILL.name: one.DRILL for one in (reloading, outages, faults, schemas, crowds, rate_limits)
}
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    options = _options()
    raise_open_files_limit()
    failed: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="roadworthy-drills-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        with Databases(folder / "databases") as databases:
            for name in options.names or DRILLS:
                failed += _both(DRILLS[name], databases, folder, options)
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all passed'} in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-planted", dest="planted", action="store_false")
    parser.add_argument("--only-planted", dest="plain", action="store_false")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    parser.add_argument("names", nargs="*", choices=[*DRILLS, []], metavar="NAME")
    return parser.parse_args()


def _both(drill: Drill, databases: Databases, folder: Path, options: argparse.Namespace) -> Sequence[str]:
    failed: list[str] = []
    if options.plain:
        began = time.monotonic()
        print(f"\n== {drill.name}: {drill.title}", flush=True)
        report = _run(drill, Conditions(databases, folder / drill.name, options.quick))
        _print(report, time.monotonic() - began)
        for name, one in {drill.name: report, **report.further}.items():
            save(one.result(time.monotonic() - began, "127.0.0.1"), options.results / f"{name}.json")
        failed += [drill.name] if report.all_problems() else []
    if options.planted:
        began = time.monotonic()
        print(f"-- planted: {drill.defect}", flush=True)
        report = _run(drill, Conditions(databases, folder / f"{drill.name}-planted", quick=True, planted=True))
        problems = report.all_problems()
        noticed = bool(problems)
        words = f"noticed: {problems[0].splitlines()[0][:200]}" if noticed else "NOT NOTICED"
        print(f"   {words} ({time.monotonic() - began:.0f} s)", flush=True)
        failed += [] if noticed else [f"{drill.name} (planted)"]
    return failed


def _run(drill: Drill, conditions: Conditions) -> Report:
    conditions.folder.mkdir(parents=True)
    conditions.folder.chmod(0o755)
    return drill.run(conditions)


def _print(report: Report, seconds: float) -> None:
    for one in (report, *report.further.values()):
        for name, value in (*one.figures.items(), *one.printed.items()):
            print(f"   {name}: {value}")
    for problem in report.all_problems():
        print(f"   FAILED: {problem}")
    print(f"   {'failed' if report.all_problems() else 'passed'} in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        code = main()
    except Exception:  # noqa: BLE001  # whatever a drill ran into, it did not pass
        traceback.print_exc()
        code = 1
    sys.exit(code)

"""What the command line asks of the inspector: plan, execute, prove. Exit codes are part of the contract."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from roadworthy.contracts.checks import Status
from roadworthy.inspection import catalogue, runner, target
from roadworthy.inspection.checklist import document, rewriting, structure
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.fixtures.servers import Servers
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.probes.bundle import open_probes
from roadworthy.inspection.reports import machine, terminal
from roadworthy.inspection.results import Inspection
from roadworthy.inspection.selftest import Outcome, self_test
from roadworthy.inspection.sweep import sweep

MIN_COVERAGE_PERCENT = 75.0
PIPE_WIDTH = 160


class ExitCode(IntEnum):
    """What a program that runs the inspector can rely on."""

    GOOD = 0
    FAILED = 1
    TOO_LITTLE_SEEN = 2
    TOOL_FAILED = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to inspect, and where to write. `json` of "-" is standard output; `out` may be the checklist itself."""

    checklist: Path
    target: Path | None = None
    url: str | None = None
    json: Path | None = None
    out: Path | None = None
    min_coverage_percent: float = MIN_COVERAGE_PERCENT


class Unwritable(InspectionError):
    """A report cannot be written where it was asked for."""


class NothingToInspect(InspectionError):
    """The document holds no line that asks anything."""


def show_plan(wanted: Wanted) -> int:
    """Print what each line is understood to ask; nothing is connected to."""
    _, planned = _planned(wanted)
    terminal.show_plan(_console(), planned)
    return ExitCode.GOOD


def execute(wanted: Wanted) -> int:
    """Inspect, print, write what was asked for; the exit code says how it went."""
    read, planned = _planned(wanted)
    looked_at = target.load(wanted.target, wanted.url)
    _refuse_unwritable(wanted)
    found = asyncio.run(_inspect(wanted, planned, looked_at))
    if wanted.out:
        _write(wanted.out, rewriting.rewrite(read, found))
    if wanted.json == Path("-"):
        sys.stdout.buffer.write(machine.encode(found))
    else:
        terminal.show(_console(), found)
    if wanted.json and wanted.json != Path("-"):
        _write(wanted.json, machine.encode(found))
    return exit_code(found, wanted.min_coverage_percent)


def prove(lend: Callable[[], AbstractContextManager[Servers]]) -> int:
    """Run every check against its planted defect, its mended twin and empty systems, in servers that `lend` starts."""
    console = _console()
    with lend() as servers:
        proofs = asyncio.run(self_test(catalogue.CHECKS, servers, lambda proof: terminal.show_proof(console, proof)))
        swept = asyncio.run(sweep(catalogue.CHECKS, servers))
    terminal.show_proofs(console, proofs)
    terminal.show_sweep(console, swept)
    wrong = any(proof.outcome is Outcome.WRONG for proof in proofs)
    return ExitCode.TOOL_FAILED if wrong or swept.found else ExitCode.GOOD


def exit_code(found: Inspection, min_coverage_percent: float) -> ExitCode:
    """A failed line counts before too little seen: it was seen."""
    if found.counts[Status.FAIL]:
        return ExitCode.FAILED
    machine_lines = found.machine_lines
    unseen = sum(line.status in {Status.UNKNOWN, Status.UNMAPPED} for line in machine_lines)
    if not machine_lines or unseen > len(machine_lines) * (1 - min_coverage_percent / 100):
        return ExitCode.TOO_LITTLE_SEEN
    return ExitCode.GOOD


def _planned(wanted: Wanted) -> tuple[document.Document, runner.Plan]:
    read = document.read(wanted.checklist)
    lines = Mapper().map(structure.read(read.readable))
    if not lines:
        raise NothingToInspect(
            f"{wanted.checklist}: no line of it asks anything", "a checklist has list items, tables or code blocks"
        )
    return read, runner.plan(lines, catalogue.BY_REQUIREMENT)


async def _inspect(wanted: Wanted, planned: runner.Plan, looked_at: target.Target) -> Inspection:
    async with open_probes(looked_at) as probes:
        with _progress() as progress:
            return await runner.inspect(
                planned, probes, checklist=str(wanted.checklist), target=looked_at.name, progress=progress
            )


@contextlib.contextmanager
def _progress() -> Iterator[runner.Progress]:
    """A bar on standard error while checks run; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("inspecting", total=None)
        yield runner.Progress(
            lambda done, total, title: bar.update(task, completed=done, total=total, description=title)
        )


def _console() -> Console:
    """Standard output as wide as the terminal; a file or a pipe gets room enough that nothing is cut mid-word."""
    return Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)


def _refuse_unwritable(wanted: Wanted) -> None:
    """Before anything runs: a minute of checks for a report that has nowhere to go helps nobody."""
    for path in (wanted.out, wanted.json):
        if path in {None, Path("-")}:
            continue
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise Unwritable(f"{path}: cannot be written", "give a file in a folder that exists and is yours")


def _write(path: Path, content: bytes) -> None:
    """Put `content` there whole or not at all; a file that already says so is left alone."""
    if path.exists() and path.read_bytes() == content:
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path.resolve())
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise Unwritable(f"{path}: {error.strerror}", "free some space, or write elsewhere") from error

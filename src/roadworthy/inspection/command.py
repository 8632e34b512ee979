"""What the command line asks of the inspector: plan, execute, prove. Exit codes are part of the contract."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from roadworthy.contracts.checks import BlastRadius, Status
from roadworthy.inspection import attestation, catalogue, comparison, gate, history, people, runner, target
from roadworthy.inspection.checklist import document, rewriting, structure
from roadworthy.inspection.comparison import Change
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.fixtures.servers import Servers
from roadworthy.inspection.gate import Judged
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.probes.bundle import open_probes
from roadworthy.inspection.reach import unreachable
from roadworthy.inspection.reports import difference, junit, machine, page, sarif, terminal
from roadworthy.inspection.results import Inspection
from roadworthy.inspection.selftest import Outcome, self_test
from roadworthy.inspection.sweep import sweep
from roadworthy.inspection.writing import STANDARD_OUTPUT, Unwritable, refuse_unwritable, write

MIN_COVERAGE_PERCENT = 75.0
PIPE_WIDTH = 160
RADII = (BlastRadius.READ_ONLY, BlastRadius.PROBE, BlastRadius.DISRUPTIVE)
"""From the gentlest; allowing one allows those before it."""
UP_LOCK = "up.lock"
"""Beside a target.toml it says that `roadworthy up` wrote that, for the system that it runs."""
Encode = Callable[[Inspection], bytes]


class ExitCode(IntEnum):
    """What a program that runs the inspector can rely on."""

    GOOD = 0
    FAILED = 1
    TOO_LITTLE_SEEN = 2
    TOOL_FAILED = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to inspect, and where to write. `json` of "-" is standard output; `out` may be the checklist itself.

    `require` are ids that must have passed, and then decide the exit code. `min_coverage_percent` None: the default,
    or of no matter where `require` decides. `allow` is the strongest blast radius that checks may have.
    """

    checklist: Path
    target: Path | None = None
    url: str | None = None
    json: Path | None = None
    out: Path | None = None
    sarif: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    attestations: Path | None = None
    require: tuple[str, ...] = ()
    allow: BlastRadius = BlastRadius.PROBE
    min_coverage_percent: float | None = None

    @property
    def reports(self) -> Mapping[Path, Encode]:
        """Files to write for programs and readers, and what makes each."""
        asked = {self.json: machine.encode, self.sarif: sarif.encode, self.junit: junit.encode, self.html: page.encode}
        return {path: encode for path, encode in asked.items() if path not in {None, STANDARD_OUTPUT}}

    @property
    def own(self) -> frozenset[Path]:
        """What the inspection itself reads or writes, resolved: no work of the team's that waits for a commit."""
        asked = (
            self.checklist,
            self.target or target.OWN_PATH,
            self.attestations or self.checklist.with_name(attestation.FILE),
        )
        written = (self.json, self.out, self.sarif, self.junit, self.html)
        return frozenset(path.resolve() for path in (*asked, *written) if path not in {None, STANDARD_OUTPUT})

    @property
    def state(self) -> Path | None:
        """The folder of the `roadworthy up` that runs what is inspected; None for a system of somebody's own."""
        described = (self.target or target.description_here()) if self.url is None else None
        return described.parent if described is not None and (described.parent / UP_LOCK).exists() else None


class NothingToInspect(InspectionError):
    """The document holds no line that asks anything."""


class OnePath(InspectionError):
    """A report is to be written over another, or over what is read."""


def show_plan(wanted: Wanted) -> int:
    """Print what each line is understood to ask; nothing is connected to."""
    _, planned = _planned(wanted)
    terminal.show_plan(_console(), planned)
    return ExitCode.GOOD


def execute(wanted: Wanted) -> int:
    """Inspect, print, write what was asked for; the exit code says how it went."""
    ids = gate.required(wanted.require)
    read, planned = _planned(wanted)
    said = attestation.load(wanted.attestations, wanted.checklist)
    looked_at = target.load(wanted.target, wanted.url, beside=wanted.checklist)
    if hint := target.hint(wanted.target, wanted.url, looked_at):
        Console(stderr=True, highlight=False, soft_wrap=True).print(hint, markup=False)
    _refuse_unwritable(wanted)
    _warn_of_disruption(planned, looked_at)
    try:
        found = asyncio.run(_inspect(wanted, planned, looked_at, said))
    except KeyboardInterrupt:
        Console(stderr=True, highlight=False).print("interrupted: nothing was written")
        raise
    judged = gate.judge(found, ids)
    _write_reports(wanted, read, found)
    if wanted.json == STANDARD_OUTPUT:
        sys.stdout.buffer.write(machine.encode(found))
    else:
        terminal.show(_console(), found)
    if judged:
        beside = Console(stderr=True, highlight=False) if wanted.json == STANDARD_OUTPUT else _console()
        terminal.show_gate(beside, judged)
    return exit_code(found, wanted.min_coverage_percent, judged)


def compare(before: Path, after: Path) -> int:
    """Print what changed between two JSON reports; 1 when something got worse."""
    old, new = comparison.load(before), comparison.load(after)
    changes = comparison.compare(old, new)
    difference.show(_console(), old, new, changes)
    return ExitCode.FAILED if comparison.counts(changes)[Change.WORSE] else ExitCode.GOOD


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


def exit_code(found: Inspection, min_coverage_percent: float | None, judged: Sequence[Judged] = ()) -> ExitCode:
    """A failed line counts before too little seen: it was seen. Where ids are required, these count instead of lines.

    Coverage counts beside required ids only where a minimum was asked for.
    """
    failed = not all(one.holds for one in judged) if judged else bool(found.counts[Status.FAIL])
    if failed:
        return ExitCode.FAILED
    minimum = (0.0 if judged else MIN_COVERAGE_PERCENT) if min_coverage_percent is None else min_coverage_percent
    return ExitCode.TOO_LITTLE_SEEN if _too_little_seen(found, minimum) else ExitCode.GOOD


def _too_little_seen(found: Inspection, min_coverage_percent: float) -> bool:
    machine_lines = found.machine_lines
    unseen = sum(line.status in {Status.UNKNOWN, Status.UNMAPPED} for line in machine_lines)
    none_asked = not machine_lines and min_coverage_percent > 0
    return none_asked or unseen > len(machine_lines) * (1 - min_coverage_percent / 100)


def _planned(wanted: Wanted) -> tuple[document.Document, runner.Plan]:
    read = document.read(wanted.checklist)
    lines = Mapper().map(structure.read(read.readable))
    if not lines:
        raise NothingToInspect(
            f"{wanted.checklist}: no line of it asks anything", "a checklist has list items, tables or code blocks"
        )
    return read, runner.plan(lines, catalogue.BY_REQUIREMENT, frozenset(RADII[: RADII.index(wanted.allow) + 1]))


async def _inspect(
    wanted: Wanted, planned: runner.Plan, looked_at: target.Target, said: attestation.People
) -> Inspection:
    async with open_probes(looked_at, wanted.own) as probes:
        silent = await unreachable(probes, _advice(wanted))
        with _progress() as progress:
            found = await runner.inspect(
                planned, probes, checklist=str(wanted.checklist), target=looked_at.name, progress=progress
            )
        today = datetime.now(UTC).date()
        return people.beside(replace(found, unreachable=silent), said, today, probes.secrets())


def _advice(wanted: Wanted) -> str:
    if wanted.state is not None:
        return "is `make up` still running in the other terminal?"
    return "check the address after --url" if wanted.url else f"start it, or mend {wanted.target or 'the target'}"


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
    files = [path for path in (wanted.out, wanted.sarif, wanted.junit, wanted.html) if path is not None]
    if STANDARD_OUTPUT in files:
        raise Unwritable("only --json can go to standard output", "give the others a file each")
    files += [wanted.json] if wanted.json not in {None, STANDARD_OUTPUT} else []
    read = {path.resolve() for path in (wanted.checklist, wanted.target, wanted.attestations) if path is not None}
    for path in files:
        if files.count(path) > 1:
            raise OnePath(f"{path}: several reports are to be written there", "give each a file of its own")
        if path.resolve() in read and path != wanted.out:
            raise OnePath(f"{path}: what is read would be written over", "only --out may be the checklist itself")
    refuse_unwritable(files)


def _warn_of_disruption(planned: runner.Plan, looked_at: target.Target) -> None:
    disruptive = {run.check.id: run.check.title for run in planned.runs if run.check.blast_radius is RADII[-1]}
    if disruptive:
        terminal.warn(
            Console(stderr=True, highlight=False),
            f"Checks that disrupt {looked_at.name} are allowed, and run last: {', '.join(sorted(disruptive))}",
            "They stop processes, cut connections or fill queues for a while. Not on a system that people depend on.",
        )


def _write_reports(wanted: Wanted, read: document.Document, found: Inspection) -> None:
    if wanted.out:
        write(wanted.out, rewriting.rewrite(read, found))
    for path, encode in wanted.reports.items():
        write(path, encode(found))
    if wanted.state is not None:
        reports = {"json": machine.encode(found), "html": page.encode(found)}
        try:
            history.keep(wanted.state / history.FOLDER, found, reports)
        except Unwritable as refused:
            terminal.warn(Console(stderr=True, highlight=False), refused.problem, "the console will not show this run")

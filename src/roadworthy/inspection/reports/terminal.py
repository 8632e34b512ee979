"""The report for people at a terminal: what to mend first, what was found, then calm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.gate import Judged
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports.words import (
    STATUS_WORDS,
    count,
    coverage_line,
    flat,
    share_line,
    statements_of,
    title_of,
    verified_line,
)
from roadworthy.inspection.results import Inspection, LineResult
from roadworthy.inspection.runner import Plan
from roadworthy.inspection.selftest import Outcome, Proof
from roadworthy.inspection.sweep import Swept

MARKS = {
    Status.PASS: ("✓", "green"),
    Status.FAIL: ("✗", "bold red"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.NOT_APPLICABLE: ("-", "dim"),
    Status.HUMAN: ("☺", "dim"),
    Status.UNMAPPED: ("·", "dim"),
}
REMEDIES_SHOWN = 6
PATCH_LIMIT_LINES = 6


def show(console: Console, inspection: Inspection) -> None:
    """Print what `inspection` found."""
    console.print(Group(*_report(inspection)), soft_wrap=False)


def show_gate(console: Console, judged: Sequence[Judged]) -> None:
    """Print what became of each requirement that had to pass."""
    holding = sum(one.holds for one in judged)
    console.print(Text(f"\nRequired: {holding} of {count(len(judged), 'requirement')} passed", style="bold"))
    for one in judged:
        mark, style = MARKS[Status.PASS if one.holds else one.status or Status.UNMAPPED]
        text = Text(f"{mark} ", style=style)
        said = "attested" if one.attested else STATUS_WORDS[one.status] if one.status else "missing"
        text.append(f"{one.requirement} {said}: {flat(one.words)}", style="default")
        console.print(text)


def warn(console: Console, problem: str, remedy: str) -> None:
    """Print a warning before anything runs: what is about to happen, and what to think of."""
    console.print(Text(f"! {flat(problem)}", style="bold yellow"))
    console.print(Text(f"  {flat(remedy)}", style="yellow"))


def _report(inspection: Inspection) -> Iterator[RenderableType]:
    yield from _unreachable(inspection)
    yield _headline(inspection)
    if inspection.mend_first:
        yield _heading("Mend first")
        for ordinal, line in enumerate(inspection.mend_first, 1):
            yield _finding(line, f"{ordinal}.")
    rest = [line for line in inspection.failures if line not in inspection.mend_first]
    if rest:
        yield _heading(f"Also failed ({len(rest)})")
        for line in rest:
            yield _finding(line, MARKS[Status.FAIL][0], brief=True)
    yield from _unknowns([line for line in inspection.lines if line.status is Status.UNKNOWN])
    yield from _rest(inspection)
    if inspection.notes:
        yield _heading(f"About people's statements ({len(inspection.notes)})")
        yield from (Text(f"! {flat(note)}", style="yellow") for note in inspection.notes)


def _unreachable(inspection: Inspection) -> Iterator[RenderableType]:
    for one in inspection.unreachable:
        text = Text(f"\n{MARKS[Status.FAIL][0]} {flat(one.problem)}", style=MARKS[Status.FAIL][1])
        text.append(f"\n  → {flat(one.remedy)}", style="default")
        yield text
    if inspection.unreachable:
        yield Text("  Lines that need it can't be judged until it answers.", style="dim")


def _headline(inspection: Inspection) -> Text:
    text = Text("\n")
    text.append(flat(inspection.target), style="bold")
    text.append(f" against {flat(inspection.checklist)}, {inspection.seconds:.1f} s\n", style="dim")
    text.append(coverage_line(inspection), style="bold")
    text.append(f"\n{verified_line(inspection)}; {share_line(inspection)}", style="dim")
    return text


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold underline")


def _finding(line: LineResult, mark: str, *, brief: bool = False) -> Text:
    text = Text()
    text.append(f"{mark} ", style=MARKS[Status.FAIL][1])
    text.append(f"{title_of(line)}", style="" if brief else "bold")
    text.append(f"  line {line.item.line}, {line.severity}", style="dim")
    text.append(f"\n  {flat(line.summary)}", style="red" if not brief else "")
    for said in line.statements:
        text.append(f"\n  {flat(said.sentence)}", style="" if said.stands else "yellow")
    mend = line.deciding.verdict.remediation if line.deciding else None
    if mend:
        text.append(f"\n  → {flat(mend.text)}")
    if mend and mend.patch and not brief:
        patch = printable(mend.patch).strip().splitlines()
        shown = [*patch[:PATCH_LIMIT_LINES], *(["..."] if len(patch) > PATCH_LIMIT_LINES else [])]
        for one in shown:
            text.append(f"\n    {one}", style="cyan")
    return text


def _unknowns(lines: Sequence[LineResult]) -> Iterator[RenderableType]:
    if not lines:
        return
    yield _heading(f"Could not be seen ({len(lines)})")
    for reason, several in _grouped(lines):
        text = Text(f"{MARKS[Status.UNKNOWN][0]} ", style=MARKS[Status.UNKNOWN][1])
        text.append(
            f"{count(len(several), 'line')}: " if len(several) > 1 else f"{title_of(several[0])}: ",
            style="default",
        )
        text.append(flat(reason), style="default")
        text.append(f"  {_lines(several)}", style="dim")
        yield text
        mend = several[0].deciding.verdict.remediation if several[0].deciding else None
        if mend and mend.text:
            yield Text(f"  → {flat(mend.text)}")
        yield from (Text(f"  line {one.item.line}: {said}") for one in several for said in statements_of(one))


def _grouped(lines: Iterable[LineResult]) -> list[tuple[str, list[LineResult]]]:
    groups: dict[str, list[LineResult]] = {}
    for line in lines:
        groups.setdefault(line.summary, []).append(line)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[1][0].item.line))


def _rest(inspection: Inspection) -> Iterator[RenderableType]:
    passed = [line for line in inspection.lines if line.status is Status.PASS]
    if passed:
        yield _heading(f"Holds ({len(passed)})")
        yield from (_calm(line) for line in passed)
    for status, words in (
        (Status.NOT_APPLICABLE, "Does not apply"),
        (Status.HUMAN, "Only people know"),
        (Status.UNMAPPED, "Not understood"),
    ):
        lines = [line for line in inspection.lines if line.status is status]
        if lines:
            yield _heading(f"{words} ({len(lines)})")
            yield from (_calm(line) for line in lines)


def _calm(line: LineResult) -> Text:
    mark, style = MARKS[line.status]
    text = Text(f"{mark} ", style=style)
    text.append(title_of(line), style="default")
    said = [] if line.status in {Status.HUMAN, Status.UNMAPPED} else [flat(line.summary)]
    said += statements_of(line)
    text.append(f"{': ' if said else ''}{'; '.join(said)}  line {line.item.line}", style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def show_plan(console: Console, planned: Plan) -> None:
    """Print what each line is understood to ask, and which checks would answer it."""
    for mapped in planned.lines:
        item = mapped.item
        text = Text(f"{item.line:>5} ", style="dim")
        text.append(f"{flat(redact(item.text))}\n")
        if not mapped.requirements:
            text.append("      not understood\n" if item.kind is Kind.MACHINE else "", style="yellow")
        for one in mapped.requirements:
            checks = ", ".join(check.id for check in planned.checks_of(one)) or "no check yet"
            told = " ".join(
                f"{name}={flat(redact(str(value)))}" for name, value in one.params.items() if name != "value"
            )
            text.append(f"      {one.id} {told}".rstrip(), style="cyan")
            text.append(f"  because of {one.why}; {checks}\n", style="dim")
        console.print(text, end="")
    kinds = Counter(mapped.item.kind for mapped in planned.lines)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    unmapped = sum(not mapped.requirements for mapped in planned.lines)
    console.print(
        f"\n{count(len(planned.lines), 'line')} ({said}), {unmapped} not understood, "
        f"{count(len(planned.runs), 'check')} would run"
    )


def show_proof(console: Console, proof: Proof) -> None:
    """Print one fixture of a self-test as it ends."""
    style = {Outcome.AS_EXPECTED: "green", Outcome.WRONG: "bold red", Outcome.NOT_RUN: "yellow"}[proof.outcome]
    text = Text(f"{proof.outcome:<12} ", style=style)
    text.append(f"{proof.check} {proof.fixture}", style="default")
    if proof.outcome is not Outcome.AS_EXPECTED:
        text.append(f": expected {proof.expected}, saw {proof.seen or 'nothing'}: {flat(proof.words)}", style="dim")
    console.print(text)


def show_proofs(console: Console, proofs: Sequence[Proof]) -> None:
    """Print what a self-test came to."""
    counts = Counter(proof.outcome for proof in proofs)
    checks = len({proof.check for proof in proofs})
    console.print(
        f"\n{count(checks, 'check')}, {count(len(proofs), 'fixture')}: {counts[Outcome.AS_EXPECTED]} as expected, "
        f"{counts[Outcome.WRONG]} wrong, {counts[Outcome.NOT_RUN]} not run"
    )


def show_sweep(console: Console, swept: Swept) -> None:
    """Print whether any check passed where there is nothing."""
    for one in swept.found:
        console.print(f"[red]vacuous[/red]  {one.check} passes on {one.on}: {flat(one.words)}")
    for reason in swept.not_run:
        console.print(f"[yellow]not run[/yellow]  {flat(reason)}")
    console.print(f"{swept.runs} runs on empty, silent and absent systems: {len(swept.found)} passes out of nothing")


def _lines(several: Sequence[LineResult]) -> str:
    numbers = [str(line.item.line) for line in several]
    shown = ", ".join(numbers[:12]) + (f" and {len(numbers) - 12} more" if len(numbers) > 12 else "")  # noqa: PLR2004
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}"

"""The report for people at a terminal: what to mend first, what was found, then calm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.gate import Judged
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports.hanging import Hanging
from roadworthy.inspection.reports.words import (
    STATUS_WORDS,
    count,
    coverage_line,
    flat,
    line_numbers,
    share_line,
    sharing,
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
ABSENT = "\N{EMPTY SET}"
"""Beside trouble that a line names and that is not there: a tick would read as if it were."""
REMEDIES_SHOWN = 6
PATCH_LIMIT_LINES = 6


def show(console: Console, inspection: Inspection) -> None:
    """Print what `inspection` found."""
    console.print(Group(*_report(inspection)), soft_wrap=False, crop=False)


def show_gate(console: Console, judged: Sequence[Judged]) -> None:
    """Print what became of each requirement that had to pass."""
    holding = sum(one.holds for one in judged)
    console.print(Text(f"\nRequired: {holding} of {count(len(judged), 'requirement')} passed", style="bold"))
    for one in judged:
        said = "attested" if one.attested else STATUS_WORDS[one.status] if one.status else "missing"
        mark = _mark(Status.PASS if one.holds else one.status or Status.UNMAPPED)
        console.print(Hanging(mark, Text(f"{one.requirement} {said}: {flat(one.words)}")))


def warn(console: Console, problem: str, remedy: str) -> None:
    """Print a warning before anything runs: what is about to happen, and what to think of."""
    console.print(Text(f"! {flat(problem)}", style="bold yellow"))
    console.print(Text(f"  {flat(remedy)}", style="yellow"))


def _report(inspection: Inspection) -> Iterator[RenderableType]:
    yield from _unreachable(inspection)
    yield from _headline(inspection)
    if inspection.mend_first:
        yield _heading("Mend first")
        for ordinal, line in enumerate(inspection.mend_first, 1):
            yield from _first(line, ordinal, sharing(inspection, line))
    named = {one.remedy_key for one in inspection.mend_first}
    rest = [line for line in inspection.failures if line.remedy_key not in named]
    if rest:
        yield _heading(f"Also failed ({len(rest)})")
        for several in _grouped(rest):
            yield from _failed(several)
    yield from _unasked(inspection)
    yield from _unknowns([line for line in inspection.lines if line.status is Status.UNKNOWN])
    yield from _rest(inspection)
    if inspection.notes:
        yield _heading(f"About people's statements ({len(inspection.notes)})")
        yield from (Hanging("! ", Text(flat(note), style="yellow")) for note in inspection.notes)


def _unasked(inspection: Inspection) -> Iterator[RenderableType]:
    """What fails although no line asks for it; it changes neither boxes nor the exit code."""
    if inspection.findings:
        yield _heading(f"Nobody asked, but ({len(inspection.findings)})")
    for one in inspection.findings:
        text = Text(flat(one.verdict.summary))
        text.append(f"  {one.check.id}, {one.check.severity}", style="dim")
        yield Hanging(Text("! ", style="yellow"), text)
        if one.verdict.remediation and one.verdict.remediation.text:
            yield Hanging("  → ", Text(flat(one.verdict.remediation.text)))


def _unreachable(inspection: Inspection) -> Iterator[RenderableType]:
    for one in inspection.unreachable:
        yield Text()
        yield Hanging(_mark(Status.FAIL), Text(flat(one.problem), style=MARKS[Status.FAIL][1]))
        yield Hanging("  → ", Text(flat(one.remedy)))
    if inspection.unreachable:
        yield Text("  Lines that need it can't be judged until it answers.", style="dim")


def _headline(inspection: Inspection) -> Iterator[RenderableType]:
    what = Text(flat(inspection.target), style="bold")
    what.append(f" against {flat(inspection.checklist)}, {inspection.seconds:.1f} s", style="not bold dim")
    yield Text()
    yield Hanging("", what)
    yield Hanging("", Text(coverage_line(inspection), style="bold"))
    yield Hanging("", Text(f"{verified_line(inspection)}; {share_line(inspection)}", style="dim"))


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold underline")


def _mark(status: Status) -> Text:
    sign, style = MARKS[status]
    return Text(f"{sign} ", style=style)


def _first(line: LineResult, ordinal: int, others: Sequence[LineResult]) -> Iterator[RenderableType]:
    title = Text(title_of(line), style="bold")
    title.append(f"  line {line.item.line}, {line.severity}", style="not bold dim")
    yield Hanging(Text(f"{ordinal}. ", style=MARKS[Status.FAIL][1]), title)
    yield Hanging("  ", Text(flat(line.summary), style="red"))
    yield from _said(line)
    mend = line.deciding.verdict.remediation if line.deciding else None
    if mend:
        yield Hanging("  → ", Text(flat(mend.text)))
    if mend and mend.patch:
        yield from _patch(mend.patch)
    if others:
        yield Hanging("  ", Text(f"mends {line_numbers(others)} as well", style="dim"))
    for one in others:
        yield from (Hanging(f"  line {one.item.line}: ", said.text) for said in _said(one))


def _failed(several: Sequence[LineResult]) -> Iterator[RenderableType]:
    yield from _group(Status.FAIL, several, f", {several[0].severity}")


def _group(status: Status, several: Sequence[LineResult], more: str = "") -> Iterator[RenderableType]:
    """Lines of which the same was seen: what it was, once, and what mends it."""
    who = count(len(several), "line") if len(several) > 1 else title_of(several[0])
    text = Text(f"{who}: {flat(several[0].summary)}")
    text.append(f"  {line_numbers(several)}{more}", style="dim")
    yield Hanging(_mark(status), text)
    mend = several[0].deciding.verdict.remediation if several[0].deciding else None
    if mend and mend.text:
        yield Hanging("  → ", Text(flat(mend.text)))
    for one in several:
        yield from _said(one)


def _patch(patch: str) -> Iterator[Text]:
    """Lines to copy: never broken, or they would not run."""
    lines = printable(patch).strip().splitlines()
    for one in [*lines[:PATCH_LIMIT_LINES], *(["..."] if len(lines) > PATCH_LIMIT_LINES else [])]:
        yield Text(f"    {one}", style="cyan", no_wrap=True, overflow="ignore")


def _said(line: LineResult) -> Iterator[Hanging]:
    for one in line.statements:
        yield Hanging("  ", Text(flat(one.sentence), style="" if one.stands else "yellow"))


def _unknowns(lines: Sequence[LineResult]) -> Iterator[RenderableType]:
    if not lines:
        return
    yield _heading(f"Could not be seen ({len(lines)})")
    for several in sorted(_grouped(lines), key=lambda group: -len(group)):
        yield from _group(Status.UNKNOWN, several)


def _grouped(lines: Iterable[LineResult]) -> list[list[LineResult]]:
    """Lines of which the same was seen together, in the order in which the first of them stands."""
    groups: dict[str, list[LineResult]] = {}
    for line in lines:
        groups.setdefault(line.summary, []).append(line)
    return list(groups.values())


def _rest(inspection: Inspection) -> Iterator[RenderableType]:
    passed = [line for line in inspection.lines if line.status is Status.PASS]
    for lines, words in (
        ([line for line in passed if line.holds], "Holds"),
        ([line for line in passed if not line.holds], "Trouble that is named, and not there"),
        (_of(inspection, Status.NOT_APPLICABLE), "Does not apply"),
        (_of(inspection, Status.HUMAN), "Only people know"),
        (_of(inspection, Status.UNMAPPED), "Not understood"),
    ):
        if lines:
            yield _heading(f"{words} ({len(lines)})")
        for line in lines:
            yield _calm(line)
            yield from _said(line)


def _of(inspection: Inspection, status: Status) -> list[LineResult]:
    return [line for line in inspection.lines if line.status is status]


def _calm(line: LineResult) -> Text:
    absent = line.status is Status.PASS and not line.holds
    text = Text.assemble(Text(f"{ABSENT} ", style="green") if absent else _mark(line.status), title_of(line))
    said = "" if line.status in {Status.HUMAN, Status.UNMAPPED} else f": {flat(line.summary)}"
    text.append(f"{said}  line {line.item.line}", style="dim")
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
        for said in _read_as(mapped):
            text.append(f"      {flat(redact(said))}\n", style="yellow")
        console.print(text, end="")
    kinds = Counter(mapped.item.kind for mapped in planned.lines)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    unmapped = sum(not mapped.requirements for mapped in planned.lines)
    console.print(
        f"\n{count(len(planned.lines), 'line')} ({said}), {unmapped} not understood, "
        f"{count(len(planned.runs), 'check')} would run"
    )


_SENSES = {
    Sense.INVERSE: "it names trouble: it holds where the requirement fails, and a tick is bad news",
    Sense.OPPOSITE: "it says that the thing is off: it is false where it is seen",
    Sense.UNTOLD: "it asks for a lack, which no verdict on a presence settles",
}


def _read_as(mapped: Mapped) -> Iterator[str]:
    """What the plan says of a line that is not simply to hold."""
    if mapped.sense in _SENSES and mapped.requirements:
        yield _SENSES[mapped.sense]
    for group in mapped.groups:
        if len(group) > 1:
            yield f"one is enough: {', '.join(dict.fromkeys(mapped.requirements[i].id for i in group))}"
    if mapped.unread:
        yield f"no check looks at: {', '.join(map(repr, mapped.unread))}"
    if mapped.unmeasurable and mapped.sense is not Sense.UNTOLD:
        yield f"no check could settle it: {mapped.unmeasurable}"


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

"""What changed between two inspections, for people at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from roadworthy.inspection.comparison import Change, Changed, Line, Report, counts
from roadworthy.inspection.reports.words import STATUS_WORDS, count, flat

HEADINGS = {
    Change.WORSE: ("Worse", "bold red"),
    Change.BETTER: ("Better", "green"),
    Change.NEW: ("New", "default"),
    Change.GONE: ("Gone", "dim"),
}


def show(console: Console, before: Report, after: Report, changes: Sequence[Changed]) -> None:
    """Print the figures, then each change with what was seen."""
    found = counts(changes)
    said = ", ".join(f"{found[change]} {change}" for change in Change)
    console.print(Text(f"{count(len(after.items), 'line')}: {said}", style="bold"))
    console.print(Text(f"{_when(before)}  →  {_when(after)}", style="dim"))
    if before.target != after.target:
        console.print(Text(f"! two systems: {flat(before.target)}, then {flat(after.target)}", style="yellow"))
    for change, (heading, style) in HEADINGS.items():
        if not found[change]:
            continue
        console.print(Text(f"\n{heading} ({found[change]})", style="bold underline"))
        for one in changes:
            if one.change is change:
                console.print(_change(one, style))


def _when(report: Report) -> str:
    return (
        f"{flat(report.target)}, {flat(report.started_at)}, coverage {round(report.summary.coverage * 10_000) // 100}%"
    )


def _change(one: Changed, style: str) -> Text:
    states = [_state(line) for line in (one.before, one.after) if line is not None]
    text = Text(" → ".join(states), style=style)
    text.append(f"  {flat(one.line.text)}", style="default")
    text.append(f"  line {one.line.line}", style="dim")
    if one.after is not None and one.after.summary:
        text.append(f"\n  {flat(one.after.summary)}", style="dim")
    return text


def _state(line: Line) -> str:
    return f"{STATUS_WORDS[line.status]}{', attested' if line.attested else ''}"

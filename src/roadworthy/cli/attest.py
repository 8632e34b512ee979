"""`roadworthy attest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from roadworthy.inspection import attesting

EXAMPLES = {
    'roadworthy attest CHECKLIST.md --line "Team trained"': "asks for the rest, and writes attestations.toml",
    'roadworthy attest CHECKLIST.md --line "Team trained" --rests-on doc.runbook --report report.json': (
        "void as soon as something else is seen of the runbook"
    ),
}


def attest(
    checklist: Annotated[Path, typer.Argument(help="The checklist that has the line.", show_default=False)],
    *,
    line: Annotated[str, typer.Option(prompt="Which line (its text)", help="The text of the line.")],
    who: Annotated[str, typer.Option(prompt="Who vouches for it", help="Who vouches for it.")],
    role: Annotated[str, typer.Option(prompt="In which role", help="As what.")],
    explanation: Annotated[str, typer.Option(prompt="What was done or seen", help="What was done or seen.")],
    frequency: Annotated[
        str, typer.Option(prompt='Until when: monthly, quarterly, yearly, "90 days"', help="How often it is said anew.")
    ],
    approver: Annotated[str, typer.Option(prompt="Who approves it (somebody else)", help="Who approves it.")],
    section: Annotated[str, typer.Option(help="The heading above, where several lines read the same.")] = "",
    rests_on: Annotated[
        list[str] | None, typer.Option(help="A requirement whose evidence it rests on; needs --report.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="The JSON report in which that evidence was seen.", show_default=False)
    ] = None,
    attestations: Annotated[
        Path | None, typer.Option(help="The file to add to. Default: attestations.toml beside it.", show_default=False)
    ] = None,
) -> None:
    """Write down what only people know: who says so, why, until when, and who approves it.

    The line stays `human`; reports show the attestation beside it until it expires. A line that a machine judges keeps
    the machine's verdict, whatever anybody says.
    """
    words = attesting.Words(line, section, who, role, explanation, frequency, approver, tuple(rests_on or ()))
    written = attesting.attest(checklist, words, report=report, path=attestations)
    console = Console(highlight=False)
    console.print(Text(f"{written.path}: line {written.line} is attested until {written.until}"))

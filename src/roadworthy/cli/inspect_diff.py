"""`roadworthy inspect diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roadworthy.inspection import command

EXAMPLES = {
    "roadworthy inspect diff before.json after.json": "two reports that --json wrote",
}


def inspect_diff(
    before: Annotated[Path, typer.Argument(help="The report of the earlier inspection.", show_default=False)],
    after: Annotated[Path, typer.Argument(help="The report of the later one.", show_default=False)],
) -> None:
    """Say what got better, worse, new or is gone between two inspections.

    A line is the same line when heading and text are, wherever it stands. Worse is what is now seen to fail, what is
    no longer seen, and an attestation that no longer stands.
    Exit codes: 0 nothing got worse; 1 something did; 3 a report can't be read.
    """
    raise typer.Exit(command.compare(before, after))

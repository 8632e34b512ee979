"""`roadworthy annotate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.inspection import annotation, writing

EXAMPLES = {
    "roadworthy annotate CHECKLIST.md": "to the terminal; the file stays as it is",
    "roadworthy annotate CHECKLIST.md --out CHECKLIST.md": "into the file itself; git diff shows what was written",
    "- [ ] Pool is large enough <!-- roadworthy: db.pool min=20 -->": "a line that says what it asks",
    "- [ ] Redis or nothing <!-- roadworthy: redis.up; cache.on store=redis -->": "two requirements, both needed",
    "- [ ] Cache up <!-- roadworthy: redis.up | cache.on -->": "one of them is enough",
    '- [ ] App store page <!-- roadworthy: ignore "not this service" -->': "left to people",
}


def annotate(
    checklist: Annotated[Path, typer.Argument(help="The Markdown file.", show_default=False)],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write the annotated checklist here; may be the input.", show_default=False)
    ] = None,
) -> None:
    """Write into a checklist what each line is understood to ask, as comments for review.

    A comment settles what its line asks: correct what is wrong in it, and `roadworthy inspect` follows. It stands at
    the end of its line, or on a line of its own right under it, and does not show where Markdown is rendered. Lines
    that have one are left alone, so that a second run changes nothing; `unmapped` marks what is not understood.

    `roadworthy inspect CHECKLIST.md --plan` lists ids and parameters; each check has its page in docs/checks.
    """
    made = annotation.annotate(checklist)
    if out:
        writing.write(out, made.content)
    else:
        sys.stdout.buffer.write(made.content)
    typer.echo(_summary(made, out), err=True)


def _summary(made: annotation.Annotated, out: Path | None) -> str:
    counted = f"{made.written} comments written, {made.unmapped} of them on lines that are not understood"
    rest = f"{made.kept} lines had one, {made.left} can't take one"
    return f"{counted}; {rest}" + (f": {out}" if out else "")

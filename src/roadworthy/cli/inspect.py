"""`roadworthy inspect`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.inspection import command
from roadworthy.inspection.fixtures.servers import Servers

EXAMPLES = {
    "roadworthy inspect CHECKLIST.md": "against what `roadworthy up` started",
    "roadworthy inspect CHECKLIST.md --plan": "what each line is understood to ask; nothing is touched",
    "roadworthy inspect CHECKLIST.md --url https://your.app": "what can be seen from outside",
    "roadworthy inspect CHECKLIST.md --target target.toml --out CHECKLIST.md": "all of it, ticks written back",
}


def inspect(
    checklist: Annotated[Path | None, typer.Argument(help="The Markdown file.", show_default=False)] = None,
    *,
    target: Annotated[Path | None, typer.Option(help="What to look at, as TOML.", show_default=False)] = None,
    url: Annotated[
        str | None, typer.Option(help="The address of the service, instead of or besides the target's.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the report for programs here; - is standard output.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the checklist with ticks and evidence here; may be the input.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what each line asks and which checks would run; run none.")
    ] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Prove every check on a planted defect and on its mended twin.")
    ] = False,
    min_coverage: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of machine lines that must be verified; less exits with 2.")
    ] = command.MIN_COVERAGE_PERCENT,
) -> None:
    r"""Execute a production-readiness checklist against a running system.

    Every line is read, mapped to what it asks, and checked: a box is ticked only where something was observed.
    Exit codes: 0 nothing failed and enough was seen; 1 something failed; 2 too little was seen; 3 the tool failed.

    A target is a few lines of TOML, each part optional: \[http] url, \[postgres] dsn, \[redis] url,
    \[repository] path, \[config] env_file or pid, \[logs] path, \[nginx] config. What is missing leaves lines unknown
    and says what to add.
    """
    if self_test:
        raise typer.Exit(command.prove(_lend))
    if checklist is None:
        raise typer.BadParameter("give a checklist: roadworthy inspect CHECKLIST.md", param_hint="CHECKLIST")
    wanted = command.Wanted(checklist, target, url, json, out, min_coverage_percent=min_coverage)
    raise typer.Exit(command.show_plan(wanted) if plan else command.execute(wanted))


@contextlib.contextmanager
def _lend() -> Iterator[Servers]:
    """Servers to plant defects in, if the product that carries them is installed; the inspector alone does without."""
    try:
        lending = import_module("roadworthy.cli.lending")
    except ModuleNotFoundError:
        yield Servers()
        return
    with lending.lend() as servers:
        yield servers

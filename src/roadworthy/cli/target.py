"""`roadworthy target`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from roadworthy.inspection.discovery import command

EXAMPLES = {
    "roadworthy target": "looks around this folder, writes target.toml",
    "roadworthy target ../shop --url https://shop.example": "another folder, and where the service answers",
    "roadworthy target --pid 1234": "the service is this process, wherever it was started",
    "roadworthy target --out -": "show it, write nothing",
    "roadworthy inspect CHECKLIST.md --target target.toml": "what it is for",
}


def target(
    folder: Annotated[Path, typer.Argument(help="The root of the service's source.")] = Path(),
    *,
    url: Annotated[str | None, typer.Option(help="Where the service answers, if not on this machine.")] = None,
    out: Annotated[Path, typer.Option(help="The file to write; - is standard output.")] = Path("target.toml"),
    pid: Annotated[int | None, typer.Option(help="The process of the running service.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    r"""Look around, and write the target.toml that `roadworthy inspect` reads.

    It looks at the source tree (stack, .env, compose, Kubernetes and nginx files), at processes that were started in
    it and listen, and at what those were started with. Nothing is connected to, but one HEAD request to each such
    port. Each part says why it is there; what was not found stands there as a comment that says what to add.

    No secret is copied: addresses are written as ${DATABASE_URL}, and read when you inspect, from the environment, the
    running process or the env file. The file may be committed. A file that exists is left alone without --force.
    """
    wanted = command.Wanted(folder, out, url, pid, force=force)
    found = command.look(wanted)
    if out == Path("-"):
        typer.echo(found.text, nl=False)
        return
    command.write(wanted, found.text)
    console = Console(highlight=False, soft_wrap=True)
    mark = "[bold yellow]![/]" if found.nothing else "[bold green]✓[/]"
    console.print(f"{mark} {escape(str(out))}: {escape(found.summary)}")
    console.print(f"  [bold]→[/] {escape(found.next_step)}")

"""What `roadworthy up` says on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from roadworthy.chassis.settings import Environment
from roadworthy.ops.up.plan import Plan

NAME_WIDTH = 12


class Step:
    """One line of the start, filled in when it is done."""

    def __init__(self) -> None:
        """Nothing to say yet."""
        self.outcome = ""

    def says(self, outcome: str) -> None:
        """What came of it."""
        self.outcome = outcome


class Words:
    """Everything that is printed, in one place."""

    def __init__(self, console: Console, plan: Plan) -> None:
        """Print to `console` about `plan`."""
        self.console = console
        self._plan = plan
        self._started = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show that `name` is under way during the block, and then how long it took."""
        step, started = Step(), time.monotonic()
        yield step
        took = f"[dim]{time.monotonic() - started:5.1f} s[/]"
        self.console.print(f"[green]✓[/] {name:<{NAME_WIDTH}} {took}   {escape(step.outcome)}")

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.console.print(f"  {escape(text)}")

    def warn(self, text: str) -> None:
        """Something that goes on without what the user asked for."""
        self.console.print(f"[yellow]![/] {escape(text)}")

    def ready(self) -> None:
        """Addresses, and what to type next."""
        address, command = self._plan.address, command_name()
        lines = [
            "",
            f"[bold]Ready[/] in {time.monotonic() - self._started:.1f} s",
            "",
            f"  Job board   {address}/",
            f"  API         {address}/api/jobs" + (f"   documented at {address}/docs" if self._docs else ""),
            f"  Health      {address}/health",
            *([f"  Console     {address}/console/inspections"] if self._console else []),
            f"  Logs        {escape(str(self._plan.settings.state_dir / 'logs'))}",
            "",
            "[bold]Next[/], in another terminal",
            "",
            f"  {command} inspect CHECKLIST.md    executes a checklist against this system",
            f"  {command} --help",
            "",
            "[dim]Ctrl-C stops everything; the data stay.[/]",
        ]
        self.console.print("\n".join(lines))

    def stopping(self) -> None:
        """A signal came."""
        self.console.print("\nStopping: requests under way may finish. Ctrl-C again leaves at once.")

    def stopped(self) -> None:
        """All is down."""
        self.console.print("[green]✓[/] Everything has stopped.")

    @property
    def _console(self) -> bool:
        return self._plan.settings.environment is Environment.DEVELOPMENT

    @property
    def _docs(self) -> bool:
        return self._plan.settings.docs_on


def count(number: int, one: str, many: str) -> str:
    """`number` with the right form of the word."""
    return f"{number} {one if number == 1 else many}"


def command_name() -> str:
    """How this program was called, as one would type it again in the same folder."""
    called = Path(sys.argv[0])
    if called.name != "roadworthy":
        return "roadworthy"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return "roadworthy"

"""A row of the table: what was measured, the figure, the bar, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Row:
    """`met` is None where there is no bar, or where it was not run: `measured` then says why."""

    what: str
    measured: str
    bar: str = ""
    met: bool | None = None

    def plain(self) -> dict[str, Any]:
        """For results/inspection.json."""
        return asdict(self)


def table(rows: Sequence[Row]) -> Table:
    """The rows for people."""
    grid = Table(title="Inspection", title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("what", "measured", "bar"):
        grid.add_column(name)
    grid.add_column("", no_wrap=True)
    for row in rows:
        grid.add_row(row.what, row.measured, row.bar, _verdict(row))
    return grid


def _verdict(row: Row) -> Text:
    if row.met is None:
        return Text("")
    return Text("met", style="green") if row.met else Text("missed", style="bold red")

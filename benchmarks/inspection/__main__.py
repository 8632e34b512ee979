"""`python -m benchmarks.inspection [--corpus FOLDER] [--only NAME ...]`: the bars of the inspector, as a table.

FOLDER holds labelled checklists: `items.tsv` with `files/`, `seeds.tsv` with `seeds/`. Without it, what needs them is
said not to have been run.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.inspection import proofs, running
from benchmarks.inspection.rows import Row, table

RESULTS = Path(__file__).resolve().parents[1] / "results" / "inspection.json"


def main() -> None:
    """Measure, print the table, write results/inspection.json."""
    parser = argparse.ArgumentParser(prog="benchmarks.inspection", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="folder of labelled checklists")
    measures: dict[str, Callable[[Path | None], Iterator[Row]]] = {
        "mapping": proofs.mapping,
        "planted": lambda _: proofs.planted(),
        "proven": lambda _: proofs.proven(),
        "running": running.measured,
        "packages": lambda _: proofs.packages(),
    }
    parser.add_argument("--only", nargs="*", choices=measures, default=list(measures), help="measure only these")
    asked = parser.parse_args()
    console, rows = Console(), []
    for name in asked.only:
        for row in measures[name](asked.corpus):
            rows.append(row)
            console.print(f"{row.what}: {row.measured}", highlight=False, soft_wrap=True)
    console.print(table(rows))
    if asked.only == list(measures):
        _write(rows)
        console.print(f"Written to {RESULTS}", highlight=False, soft_wrap=True)


def _write(rows: list[Row]) -> None:
    said = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "rows": [row.plain() for row in rows],
    }
    RESULTS.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

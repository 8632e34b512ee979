"""How well the mapper understands labelled lines of real checklists: precision and recall.

    python -m benchmarks.mapping LABELS.tsv DOCUMENTS_FOLDER [--leave-out NAME ...]

LABELS.tsv has the columns `file` (the start of a document's name), `line` (a number, perhaps with a letter), `kind`
and `check` (the requirement's id). Left out are documents kept unseen until the rules are frozen.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from roadworthy.inspection.checklist import document, structure
from roadworthy.inspection.mapper import Mapper

GROUPS = {"machine and drill": {"machine", "drill"}, "artifact and human": {"artifact", "human"}}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line with what a careful reader says it asks, and what the mapper says."""

    path: Path
    line: int
    kind: str
    requirement: str
    said: tuple[str, ...]


def labelled(labels: Path, folder: Path, leave_out: Sequence[str]) -> Iterator[Labelled]:
    """Every labelled line of the documents in `folder`."""
    with labels.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            name = row.get("file") or row["seed"]
            if any(name.startswith(one) for one in leave_out):
                continue
            path = next(iter(sorted(folder.glob(f"{name}*"))))
            line = int(re.match(r"\d+", row["line"])[0])  # type: ignore[index]  # every label begins with its line
            yield Labelled(path, line, row["kind"], row["check"], mapped(path).get(line, ()))


@cache
def mapped(path: Path) -> dict[int, tuple[str, ...]]:
    """What the mapper says of each line of the document."""
    lines = Mapper().map(structure.read(document.read(path).readable))
    return {one.item.line: tuple(requirement.id for requirement in one.requirements) for one in lines}


def score(lines: Sequence[Labelled]) -> dict[str, float | int]:
    """Precision over the lines that were mapped, recall over all; a line of several claims is right by any of them."""
    answered = [line for line in lines if line.said]
    right = sum(line.requirement in line.said for line in answered)
    return {
        "lines": len(lines),
        "mapped": len(answered),
        "right": right,
        "precision": round(right / len(answered), 4) if answered else 0.0,
        "recall": round(right / len(lines), 4) if lines else 0.0,
    }


def main() -> None:
    """Print the scores, and every line that was misread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leave-out", nargs="*", default=[])
    parser.add_argument("--misread", action="store_true", help="list what was misread")
    asked = parser.parse_args()
    lines = list(labelled(asked.labels, asked.folder, asked.leave_out))
    scores = {name: score([line for line in lines if line.kind in kinds]) for name, kinds in GROUPS.items()}
    print(json.dumps({"all": score(lines), **scores}, indent=2))
    for line in lines if asked.misread else ():
        if line.requirement not in line.said:
            print(f"{line.path.name}:{line.line}: {line.requirement}, said {', '.join(line.said) or 'nothing'}")


if __name__ == "__main__":
    main()

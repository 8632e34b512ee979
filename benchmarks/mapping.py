"""How well the mapper understands labelled lines of real checklists: precision and recall.

    python -m benchmarks.mapping LABELS.tsv DOCUMENTS_FOLDER [--leave-out NAME ...] [--misread]
    python -m benchmarks.mapping --labels LABELS.tsv [--after ROWS] [--misread]

LABELS.tsv has the columns `file` (the start of a document's name), `line` (a number, perhaps with a letter), `kind`,
`check` (the requirement's id; `-` where no requirement fits) and perhaps `also` (ids that are as right). With
`--labels` the documents are those in the folder `files` beside it. Left out are documents kept unseen until the rules
are frozen; `--after` leaves out the first rows, so that a batch can be scored before anything is tuned on it.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from roadworthy.inspection.checklist import document, structure
from roadworthy.inspection.mapper import Mapper

GROUPS = {"machine and drill": {"machine", "drill"}, "artifact and human": {"artifact", "human"}}
NARROWER: Mapping[str, frozenset[str]] = {
    "tls.versions": frozenset({"tls.https", "tls.cert"}),
    "auth.closed": frozenset({"sec.rbac", "auth.jwt", "sec.trusted_net"}),
    "db.index_waste": frozenset({"db.indexes", "db.vacuum"}),
    "db.bloat": frozenset({"db.vacuum"}),
}
"""Requirements that were split off after the labels were written -> what a label calls them."""
NOTHING_FITS = frozenset({"", "-", "none", "unmapped"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line with what a careful reader says it asks (any of `right`; none where nothing fits), and what is said."""

    path: Path
    line: int
    kind: str
    right: frozenset[str]
    said: tuple[str, ...]
    text: str = ""

    @property
    def is_right(self) -> bool:
        """Whether what was said is right; a line of several claims is right by any of them."""
        return bool(self.right & {name for one in self.said for name in (one, *NARROWER.get(one, ()))})

    @property
    def is_misread(self) -> bool:
        """Whether it was mapped wrongly, or not at all where something fits."""
        return not self.is_right and bool(self.right or self.said)


def labelled(labels: Path, folder: Path, leave_out: Sequence[str] = (), after: int = 0) -> Iterator[Labelled]:
    """Every labelled line of the documents in `folder`, but for the first `after` rows."""
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows[after:]:
        name = row.get("file") or row["seed"]
        if not any(name.startswith(one) for one in leave_out):
            path = next(iter(sorted(folder.glob(f"{name}*"))))
            line = int(re.match(r"\d+", row["line"])[0])  # type: ignore[index]  # every label begins with its line
            yield Labelled(path, line, row["kind"], _right(row), mapped(path).get(line, ()), row.get("text") or "")


def _right(row: Mapping[str, str | None]) -> frozenset[str]:
    named = f"{row['check'] or ''} {row.get('also') or ''}"
    return frozenset(re.split(r"[\s,;|]+", named)) - NOTHING_FITS


@cache
def mapped(path: Path) -> dict[int, tuple[str, ...]]:
    """What the mapper says of each line of the document."""
    lines = Mapper().map(structure.read(document.read(path).readable))
    return {one.item.line: tuple(requirement.id for requirement in one.requirements) for one in lines}


def score(lines: Sequence[Labelled]) -> dict[str, float | int]:
    """Precision over the lines that were mapped, recall over those that something fits."""
    answered = [line for line in lines if line.said]
    asking = [line for line in lines if line.right]
    right = sum(line.is_right for line in answered)
    return {
        "lines": len(lines),
        "mapped": len(answered),
        "right": right,
        "precision": round(right / len(answered), 4) if answered else 0.0,
        "recall": round(right / len(asking), 4) if asking else 0.0,
    }


def scores(lines: Sequence[Labelled]) -> dict[str, dict[str, float | int]]:
    """The score of all lines, and by who could verify them."""
    grouped = {name: score([line for line in lines if line.kind in kinds]) for name, kinds in GROUPS.items()}
    return {"all": score(lines), **grouped}


def main() -> None:
    """Print the scores, and every line that was misread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--labels", type=Path, help="a table whose documents are in the folder 'files' beside it")
    parser.add_argument("--leave-out", nargs="*", default=[])
    parser.add_argument("--after", type=int, default=0, help="leave out the first rows of the table")
    parser.add_argument("--misread", action="store_true", help="list what was misread")
    asked = parser.parse_args()
    table, folder = asked.labels or asked.table, asked.labels.parent / "files" if asked.labels else asked.folder
    if table is None or folder is None:
        parser.error("give LABELS.tsv and the folder of its documents, or --labels LABELS.tsv")
    lines = list(labelled(table, folder, asked.leave_out, asked.after))
    print(json.dumps(scores(lines), indent=2))
    if asked.misread:
        _print_misread(lines)


def _print_misread(lines: Sequence[Labelled]) -> None:
    misread = [line for line in lines if line.is_misread]
    for line in misread:
        right = "|".join(sorted(line.right)) or "nothing"
        said = ", ".join(line.said) or "nothing"
        print(f"{line.path.name}:{line.line}: {right}, said {said}: {line.text}")
    print(json.dumps(Counter("missed" if not line.said else "wrong" for line in misread)))


if __name__ == "__main__":
    main()

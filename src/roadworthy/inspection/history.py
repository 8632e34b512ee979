"""The newest inspections of what `roadworthy up` runs, kept beside its target for the console to show."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from roadworthy.inspection.results import Inspection
from roadworthy.inspection.writing import write

FOLDER = "inspections"
KEPT = 50
NAME_LIMIT_CHARACTERS = 60
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


def keep(folder: Path, found: Inspection, reports: Mapping[str, bytes]) -> None:
    """Put `reports` (suffix -> bytes) into `folder`, readable by their owner alone; the newest KEPT inspections stay.

    Raises:
        Unwritable: the folder refuses.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, content in reports.items():
        write(folder / f"{name_of(found)}.{suffix}", content, mode=0o600)
    names = sorted({path.name.rpartition(".")[0] for path in folder.glob("[0-9]*.*")}, reverse=True)
    for gone in names[KEPT:]:
        for path in folder.glob(f"{gone}.*"):
            path.unlink(missing_ok=True)


def name_of(found: Inspection) -> str:
    """`20261122T051500Z-production-checklist`: sorts by time, and says which checklist it was."""
    moment = re.sub(r"[^0-9TZ]", "", found.started_at)
    stem = _NOT_IN_A_NAME.sub("-", PurePath(found.checklist).stem.lower()).strip("-")
    return f"{moment}-{stem[:NAME_LIMIT_CHARACTERS] or 'checklist'}"

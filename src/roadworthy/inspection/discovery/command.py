"""What `roadworthy target` does: look, write, say how to go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection import target
from roadworthy.inspection.discovery.looking import look_around
from roadworthy.inspection.discovery.parts import Part, Seen, parts
from roadworthy.inspection.discovery.writing import written
from roadworthy.inspection.errors import InspectionError


class TargetExists(InspectionError):
    """A file is there already, which somebody may have edited."""


class TargetUnwritable(InspectionError):
    """The file can't be written where it was asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to look, and the file to write; `out` of "-" is standard output."""

    folder: Path
    out: Path
    url: str | None = None
    pid: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The file's text, what is in it in a sentence, and what to do next; `nothing`: every part of it is a comment."""

    text: str
    summary: str
    next_step: str
    nothing: bool = False


def look(wanted: Wanted) -> Found:
    """Look around `wanted.folder`.

    Raises:
        InspectionError: the folder, the process or the address is none, or the file exists.
    """
    _refuse_to_overwrite(wanted)
    base = Path.cwd() if wanted.out == Path("-") else wanted.out.parent
    url = target.address_of(wanted.url) if wanted.url else ""
    seen = look_around(wanted.folder, base, url=url, pid=wanted.pid)
    found = parts(seen)
    nothing = not any(part.found for part in found if part.name != "target")
    if nothing:
        step = f"run it in the root of the service's source; or name by hand, in {wanted.out}, what each comment says"
        return Found(written(found), "nothing of a service was found here: every part is a comment", step, nothing=True)
    return Found(written(found), _summary(found), _next_step(seen, wanted.out))


def write(wanted: Wanted, text: str) -> None:
    """Write `text`; a file that is there is only replaced by force.

    Raises:
        TargetExists: it is there.
        TargetUnwritable: the folder is not ours to write to.
    """
    try:
        if wanted.force:
            wanted.out.write_text(text, encoding="utf-8")
            return
        with wanted.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_to_overwrite(wanted)
        raise
    except OSError as error:
        raise TargetUnwritable(f"{wanted.out}: {error.strerror}", "give --out a place that is yours") from error


def _refuse_to_overwrite(wanted: Wanted) -> None:
    if wanted.out != Path("-") and not wanted.force and os.path.lexists(wanted.out):
        raise TargetExists(
            f"{wanted.out} exists", "give --out another name, or --force to write over it; --out - shows it"
        )


def _summary(found: Sequence[Part]) -> str:
    listed = [part for part in found if part.name != "target"]
    names = [part.name for part in listed if part.found]
    missing = [part.name for part in listed if not part.found]
    return f"found {', '.join(names) or 'nothing'}; not found, and commented: {', '.join(missing) or 'nothing'}"


def _next_step(seen: Seen, out: Path) -> str:
    checklist = str(seen.tree.root / seen.tree.checklists[0]) if seen.tree.checklists else "CHECKLIST.md"
    return f"roadworthy inspect {checklist} --target {out}"

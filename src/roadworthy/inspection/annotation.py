"""Writes into a checklist what each line is understood to ask, for its authors to review and correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roadworthy.inspection.checklist import document, structure
from roadworthy.inspection.checklist.document import Document
from roadworthy.inspection.errors import InvalidOverride
from roadworthy.inspection.mapper import Mapped, Mapper, overrides
from roadworthy.inspection.model import Form, Item

ROUNDS = 3
"""How often what a comment would change is left out and the rest tried again."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """The checklist with comments.

    `written` lines have a new one, of them `unmapped` are not understood; `kept` had one, and `left` can't take one:
    code, or a line whose meaning a comment would change.
    """

    content: bytes
    written: int
    unmapped: int
    kept: int
    left: int


def annotate(path: Path) -> Annotated:
    """The checklist at `path` with a comment on each line that has none; everything else stays, byte for byte.

    Reading the result gives every line the meaning that it has now.

    Raises:
        UnreadableChecklist: see `document.read`.
        InvalidOverride: a comment that is already there can't be understood.
    """
    read = document.read(path)
    mapper = Mapper()
    before = mapper.map(structure.read(read.readable))
    wanted = {one.item.end_line: one for one in before if _takes_comment(one)}
    for _ in range(ROUNDS):
        lines = _with_comments(read, wanted)
        changed = _changed(before, mapper.map(structure.read(document.readable(lines))))
        if not changed:
            break
        wanted = {line: one for line, one in wanted.items() if line not in changed}
    else:
        lines, wanted = list(read.lines), {}
    kept = sum(bool(one.item.override) for one in before)
    unmapped = sum(not one.requirements for one in wanted.values())
    return Annotated(read.encode(lines), len(wanted), unmapped, kept, len(before) - kept - len(wanted))


def _takes_comment(mapped: Mapped) -> bool:
    """Whether a comment can stand there: not in code, and only where the line is an item of the checklist."""
    if mapped.item.override or mapped.item.form is Form.CODE:
        return False
    try:
        overrides.read(replace(mapped.item, override=overrides.write(mapped)))
    except InvalidOverride:  # a parameter that no comment can carry: the line is better left as it is
        return False
    return True


def _with_comments(read: Document, wanted: dict[int, Mapped]) -> list[str]:
    return [
        _with_comment(line, wanted[number]) if number in wanted else line for number, line in enumerate(read.lines, 1)
    ]


def _with_comment(line: str, mapped: Mapped) -> str:
    """`line` with its comment at the end: before the line end, in a table before the last cell's border."""
    bare = line.rstrip("\r\n")
    comment, text = f"<!-- roadworthy: {overrides.write(mapped)} -->", bare.rstrip()
    if mapped.item.form is Form.TABLE and text.endswith("|") and not text.endswith("\\|"):
        return f"{text[:-1].rstrip()} {comment} {bare[len(text) - 1 :]}{line[len(bare) :]}"
    return f"{text} {comment}{bare[len(text) :]}{line[len(bare) :]}"


def _changed(before: Sequence[Mapped], after: Sequence[Mapped]) -> set[int]:
    """Last lines of the items that mean something else than before; all lines where items came or went."""
    now = {(one.item.line, one.item.end_line): one for one in after}
    changed = {one.item.end_line for one in before if not _same(one, now.pop((one.item.line, one.item.end_line), None))}
    return changed | {end for _, end in now}


def _same(one: Mapped, other: Mapped | None) -> bool:
    return other is not None and _meaning(one) == _meaning(other)


def _meaning(mapped: Mapped) -> tuple[object, ...]:
    """All that a verdict rests on, and what the report repeats of the line."""
    asked = [(one.id, dict(one.params)) for one in mapped.requirements]
    turned = mapped.sense if not mapped.unmeasurable else None
    return (
        _place(mapped.item),
        asked,
        mapped.groups,
        mapped.unread,
        mapped.unmeasurable,
        turned,
        mapped.left_out,
        mapped.understood,
        mapped.left,
    )


def _place(item: Item) -> tuple[object, ...]:
    return item.section, item.context, item.text, item.form, item.box, item.claimed, item.kind

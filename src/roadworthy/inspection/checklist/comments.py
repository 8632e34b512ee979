"""Comments by which a checklist says itself what a line asks: `<!-- roadworthy: db.pool min=20 -->`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from roadworthy.inspection.checklist import fences
from roadworthy.inspection.checklist.evidence import BLANK
from roadworthy.inspection.errors import InvalidOverride
from roadworthy.inspection.model import Form, Item

COMMENT_LIMIT_CHARACTERS = 2_000
_COMMENT = re.compile(rf"(?<![ \t])[ \t]*<!--\s*roadworthy:(?P<says>.{{0,{COMMENT_LIMIT_CHARACTERS}}}?)-->")
_BEGUN = re.compile(r"<!--\s*roadworthy:")
_FENCE = re.compile(r"^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)?(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_ALONE = re.compile(r"^[\s>]*$")


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment says, and where: `line` counts from 1; `alone` if nothing else stands there."""

    line: int
    says: str
    alone: bool


def parted(lines: Sequence[str]) -> tuple[list[str], list[Comment]]:
    """`lines` without such comments, their number unchanged, and the comments; what stands in code blocks is code.

    Fences that were never closed are closed, see `fences`.

    Raises:
        InvalidOverride: a comment that does not end on its line, or says nothing.
    """
    # Without comments first: what one says must not decide where a block of code ends.
    bare = fences.mended([_COMMENT.sub("", line) if "roadworthy:" in line else line for line in lines])
    found: list[Comment] = []
    for place, (line, is_code) in enumerate(zip(lines, _code(bare), strict=True)):
        if "roadworthy:" not in line:
            continue
        if is_code:
            bare[place] = line
            continue
        said = tuple(_COMMENT.finditer(line))
        _refuse_broken(place + 1, bare[place], said)
        alone = bool(said) and bool(_ALONE.match(bare[place]))
        found += [Comment(place + 1, match["says"].strip(), alone) for match in said]
        bare[place] = BLANK if alone else bare[place]
    return bare, found


def _refuse_broken(number: int, rest: str, said: Sequence[re.Match[str]]) -> None:
    if _BEGUN.search(rest):
        raise InvalidOverride(
            f"line {number}: a comment for roadworthy does not end", "close it with --> on its own line"
        )
    if any(not match["says"].strip() for match in said):
        raise InvalidOverride(
            f"line {number}: the comment says nothing", "name a requirement: <!-- roadworthy: db.pool -->"
        )


def _code(lines: Sequence[str]) -> Iterator[bool]:
    """Of each line whether it belongs to a fenced block."""
    mark = ""
    for line in lines:
        fence = _FENCE.match(line)
        if fence and not mark:
            mark = fence["mark"]
            yield True
        elif fence and fence["mark"].startswith(mark) and not fence["info"].strip():
            mark = ""
            yield True
        else:
            yield bool(mark)


def attached(items: Sequence[Item], comments: Sequence[Comment], lines: Sequence[str]) -> list[Item]:
    """`items`, each with what the comments on its line or right under it say; `lines` are those without comments.

    Raises:
        InvalidOverride: a comment that belongs to no line.
    """
    owners = _owners(items)
    said: dict[int, list[Comment]] = {}
    for comment in comments:
        owner = owners.get(_line_meant(comment, lines))
        if owner is None:
            raise InvalidOverride(
                f"line {comment.line}: no line of the checklist for this comment to speak of",
                "put it at the end of the item, or on a line of its own right under it",
            )
        said.setdefault(owner, []).append(comment)
    return [_with(item, said.get(place, ())) for place, item in enumerate(items)]


def _owners(items: Sequence[Item]) -> Mapping[int, int]:
    """Line -> the place in `items` of what stands there; lines of code blocks can't be commented on."""
    owners: dict[int, int] = {}
    for place, item in enumerate(items):
        if item.form is not Form.CODE:
            owners |= dict.fromkeys(range(item.line, item.end_line + 1), place)
    return owners


def _line_meant(comment: Comment, lines: Sequence[str]) -> int:
    """The line that a comment speaks of: its own, or the last one above that holds more than comments and evidence."""
    line = comment.line
    while line > 1 and lines[line - 1] == BLANK:
        line -= 1
    return line


def _with(item: Item, comments: Sequence[Comment]) -> Item:
    if not comments:
        return item
    return replace(item, override="; ".join(one.says for one in comments), override_line=comments[0].line)

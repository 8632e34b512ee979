"""Writes a verdict into a row of a table: a mark in its status cell, and beside it what was seen."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.checklist import evidence, words
from roadworthy.inspection.checklist.evidence import EvidenceLine
from roadworthy.inspection.results import LineResult

HOLDS, FAILS, OPEN = "✅", "❌", "⬜"
_BORDER = re.compile(r"(?<!\\)\|")
_PREFIX = re.compile(r"[\s>]*")


def rewritten(raw: str, line: LineResult, said: EvidenceLine | None) -> str:
    """The row `raw` with its status cell brought up to date, and `said` at the end of that cell.

    The cell changes only where it says nothing but a status: a box, a mark, a word such as "Done", or nothing. Words
    that a team wrote besides stay, and the evidence speaks. All other bytes stay.
    """
    bare = raw.rstrip("\r\n")
    old = evidence.INLINE.search(bare)
    row = evidence.without(bare)
    cells = _cells(row)
    start, end = cells[min(line.item.cell, len(cells) - 1)]
    # A short row lacks its status cell, and its last one is the claim itself.
    status = _marked(row[start:end], line) if line.item.cell < len(cells) else row[start:end]
    shown = "" if said is None else old[0].strip() if old and said.same_as(old[0]) else said.render("")
    told = _beside(status, shown, last=end == len(row)) if shown else status
    return row[:start] + told + row[end:] + raw[len(bare) :]


def _cells(row: str) -> list[tuple[int, int]]:
    """Where each cell of `row` begins and ends, without its borders; a row without any is one cell."""
    first = _PREFIX.match(row).end()  # type: ignore[union-attr]  # matches anything
    borders = [match.start() for match in _BORDER.finditer(row, first)]
    framed = row[first : first + 1] == "|"
    starts = [border + 1 for border in borders] if framed else [first, *(border + 1 for border in borders)]
    ends = [*(borders[1:] if framed else borders), len(row)]
    cells = [(start, end) for start, end in zip(starts, ends, strict=True) if end < len(row) or row[start:].strip()]
    return cells or [(len(row), len(row))]


def _marked(cell: str, line: LineResult) -> str:
    """The cell with the mark that the verdict asks for, if it doesn't say so already."""
    text = cell.partition("<!--")[0].strip()  # a comment that says what the line asks stays
    if line.item.kind is Kind.HUMAN or line.item.box is None or line.holds == (line.item.box == "x"):
        return cell
    box = words.BOX_ALONE.fullmatch(text)
    mark = ("[x]" if line.holds else "[ ]") if box else HOLDS if line.holds else _not_holding(line)
    if not text:
        return f" {mark} {cell.lstrip()}"
    return cell.replace(text, mark, 1)


def _not_holding(line: LineResult) -> str:
    return FAILS if line.status is Status.FAIL else OPEN


def _beside(cell: str, said: str, *, last: bool) -> str:
    """Blanks around what stands in the cell stay where they are; a cell that no border ends gets none."""
    text = cell.rstrip()
    return f"{text} {said}{cell[len(text) :] or ('' if last else ' ')}"

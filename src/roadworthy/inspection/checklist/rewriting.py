"""Writes verdicts back into a checklist: a tick where something was observed, and a line that says what."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.checklist import rows
from roadworthy.inspection.checklist.document import Document
from roadworthy.inspection.checklist.evidence import EvidenceLine, is_evidence
from roadworthy.inspection.model import Form
from roadworthy.inspection.results import VERIFIED, Inspection, LineResult

_ITEM = re.compile(
    r"^(?P<before>[\s>]*)(?P<marker>[-*+]|\d{1,9}[.)])(?P<gap>[ \t]+)(?P<box>\[(?P<mark>[^\]\s]{0,2}| | ?[xX] ?)\])?"
)
_LISTED = frozenset({Form.TASK, Form.BULLET, Form.NUMBER})


def rewrite(document: Document, inspection: Inspection) -> bytes:
    """The document with its boxes and evidence lines brought up to date; every other byte stays.

    A box is ticked where the line holds, and cleared where it does not or where nothing was observed; boxes of
    lines that only people can judge stay as people set them. Evidence stands under list items, and in the status cell
    of a table that has such a column; a line inside a table or a block of code would change what those mean.
    """
    by_line = {line.item.line: line for line in inspection.lines if line.item.form in _LISTED}
    tabled = {line.item.line: line for line in inspection.lines if line.item.form is Form.TABLE and line.item.cell >= 0}
    by_end = _grouped(by_line.values())
    written: list[str] = []
    for number, raw in enumerate(document.lines, 1):
        if is_evidence(raw.rstrip("\r\n")):
            continue
        if number in tabled:
            row = tabled[number]
            said = _evidence(row, inspection.started_at) if _deserves(row) else None
            written.append(rows.rewritten(raw, row, said))
            continue
        written.append(_with_box(raw, by_line[number]) if number in by_line else raw)
        for line in by_end.get(number, ()):
            _add_evidence(document, written, line, inspection.started_at)
    return document.encode(written)


def _grouped(lines: Iterable[LineResult]) -> dict[int, list[LineResult]]:
    grouped: dict[int, list[LineResult]] = {}
    for line in lines:
        grouped.setdefault(line.item.end_line, []).append(line)
    return grouped


def _with_box(raw: str, line: LineResult) -> str:
    match = _ITEM.match(raw)
    if not match or not match["box"] or line.item.box is None or line.item.kind is Kind.HUMAN:
        return raw
    if line.holds == (line.item.box == "x"):
        return raw
    return raw[: match.start("box")] + ("[x]" if line.holds else "[ ]") + raw[match.end("box") :]


def _add_evidence(document: Document, written: list[str], line: LineResult, started_at: str) -> None:
    """Append the line under the item, or keep the one of an earlier run that says the same."""
    if not _deserves(line):
        return
    evidence = _evidence(line, started_at)
    old = _below(document, line.item.end_line)
    if old and evidence.same_as(old.rstrip("\r\n")):
        written.append(old)
        return
    at_the_end = not (old or written[-1]).endswith(("\n", "\r"))
    if not written[-1].endswith(("\n", "\r")):
        written[-1] += document.newline
    indent = _indent(document.lines[line.item.line - 1])
    written.append(evidence.render(indent) + ("" if at_the_end else _line_end(written[-1])))


def _line_end(raw: str) -> str:
    """How the line above ends: another end, before an empty line, could become one with it."""
    return raw[len(raw.rstrip("\r\n")) :]


def _evidence(line: LineResult, started_at: str) -> EvidenceLine:
    people = "; ".join(one.sentence for one in line.statements)
    if line.status is Status.HUMAN and line.statements:
        said = line.statements[0]
        day = said.since.isoformat() if said.since else started_at[:10]
        return EvidenceLine(said.standing, day, line.digest, people.removeprefix(f"{said.standing} "))
    return EvidenceLine(line.status, _day(line, started_at), line.digest, line.summary, people)


def _deserves(line: LineResult) -> bool:
    """Every box of a machine's line says why it is ticked or not; other items speak where something was tried."""
    if line.item.kind is Kind.HUMAN:
        return bool(line.statements)
    return line.item.box is not None or line.status in VERIFIED or line.status is Status.UNKNOWN


def _below(document: Document, end_line: int) -> str:
    following = document.lines[end_line : end_line + 1]
    return following[0] if following and is_evidence(following[0].rstrip("\r\n")) else ""


def _day(line: LineResult, started_at: str) -> str:
    seen = [evidence.observed_at for answer in line.answers for evidence in answer.verdict.evidence]
    return max(seen, default=started_at)[:10]


def _indent(raw: str) -> str:
    """What makes the next line part of the same item: its indentation, with blanks for the marker."""
    match = _ITEM.match(raw)
    if not match:
        return ""
    gap = match["gap"] if len(match["gap"].expandtabs(4)) <= 4 else " "  # noqa: PLR2004 - more would be a block of code
    return match["before"] + " " * len(match["marker"]) + gap

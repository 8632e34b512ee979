"""Adds an attestation to the file, once it is known to be about a line and to hold together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from roadworthy.inspection import attestation, comparison
from roadworthy.inspection.attestation import FILE, InvalidAttestations
from roadworthy.inspection.checklist import document, structure
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.nearest import nearest
from roadworthy.inspection.people import digests_of_report, plain
from roadworthy.inspection.writing import write


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says, as typed. `rests_on` are ids of requirements whose evidence it rests on."""

    line: str
    section: str
    who: str
    role: str
    explanation: str
    frequency: str
    approver: str
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Where it was written, about which line of the checklist, and the last day on which it counts."""

    path: Path
    line: int
    until: date


def attest(checklist: Path, words: Words, *, report: Path | None = None, path: Path | None = None) -> Written:
    """Append `words` to `path` (or the `attestations.toml` beside `checklist`), dated today.

    Raises:
        InvalidAttestations: no such line, no such evidence, or something in it that can't be; nothing is written.
        UnreadableChecklist: the checklist can't be read.
    """
    number = _line_of(checklist, words)
    chosen = path or checklist.parent / FILE
    table = _table(words, _digests(words, report))
    before = chosen.read_text("utf-8") if chosen.exists() else ""
    text = f"{before.rstrip()}\n\n{table}".lstrip("\n")
    added = attestation.parse(text, chosen).attestation[-1]
    write(chosen, text.encode())
    return Written(chosen, number, added.until)


def _line_of(checklist: Path, words: Words) -> int:
    lines = Mapper().map(structure.read(document.read(checklist).readable))
    wanted, section = plain(words.line), plain(words.section)
    same = [one.item for one in lines if plain(one.item.text) == wanted]
    same = [item for item in same if not section or section in map(plain, item.section)]
    if len(same) == 1:
        return same[0].line
    if same:
        where = ", ".join(str(item.line) for item in same)
        raise InvalidAttestations(f"{checklist}: lines {where} read the same", "add --section with the heading above")
    like = nearest(words.line, [one.item.text for one in lines], quotes='"')
    raise InvalidAttestations(f'{checklist}: no line reads "{words.line}"{like}', "give the text of one line, whole")


def _digests(words: Words, report: Path | None) -> dict[str, str]:
    if not words.rests_on:
        return {}
    if report is None:
        raise InvalidAttestations("--rests-on needs the evidence that was seen", "add --report with a JSON report")
    comparison.load(report)
    seen = digests_of_report(json.loads(report.read_bytes()))
    for requirement in words.rests_on:
        if requirement not in seen:
            raise InvalidAttestations(
                f"{report}: nothing was seen of {requirement}{nearest(requirement, seen)}",
                "rest it on a requirement that passed, failed or did not apply there",
            )
    return {requirement: seen[requirement] for requirement in words.rests_on}


def _table(words: Words, digests: dict[str, str]) -> str:
    values = {
        "line": words.line,
        **({"section": words.section} if words.section else {}),
        "who": words.who,
        "role": words.role,
        "explanation": words.explanation,
    }
    # A JSON string reads the same in TOML.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    lines.append(f"date = {datetime.now(UTC).date()}")
    lines += [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in {"frequency": words.frequency, "approver": words.approver}.items()
    ]
    if digests:
        inside = ", ".join(f"{json.dumps(name)} = {json.dumps(digest)}" for name, digest in digests.items())
        lines.append(f"evidence = {{ {inside} }}")
    return "\n".join(["[[attestation]]", *lines]) + "\n"

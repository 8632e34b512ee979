"""Puts what people say beside the lines it is about, as it stands today."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from roadworthy.contracts.checks import Status
from roadworthy.inspection.attestation import About, Attestation, People, Waiver
from roadworthy.inspection.nearest import nearest
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports import machine
from roadworthy.inspection.results import VERIFIED, Inspection, LineResult
from roadworthy.inspection.statements import Standing, Statement

_MARKS = re.compile(r"[*_`~]+|^[\s>]*(?:[-*+]|\d{1,9}[.)])?\s*(?:\[[ xX]\])?\s+")


@dataclass(frozen=True, slots=True)
class Matched:
    """The places, in the inspection's order, of the lines that a statement is about; `problem` where there are none."""

    places: tuple[int, ...] = ()
    problem: str = ""


def beside(found: Inspection, people: People, today: date, secrets: frozenset[str] = frozenset()) -> Inspection:
    """`found` with every statement beside its line; those that are about no line become notes.

    `secrets` are masked in what people wrote, as everywhere.
    """
    clean = partial(redact, secrets=secrets)
    said: dict[int, list[Statement]] = {}
    notes: list[str] = []
    digests = evidence_digests(found)
    for attestation in people.attestation:
        statement = _attested(attestation, today, digests)
        _place(found, attestation, _clean(statement, clean), said, notes)
    for waiver in people.waiver:
        _place(found, waiver, _clean(_waived(waiver, today), clean), said, notes)
    lines = tuple(replace(line, statements=tuple(said.get(n, ()))) for n, line in enumerate(found.lines))
    return replace(found, lines=lines, notes=(*found.notes, *map(clean, notes)))


def matching(lines: Sequence[LineResult], about: About, *, several: bool) -> Matched:
    """Which of `lines` a statement is about; `several` may share a requirement, but never a text by chance."""
    if about.requirement:
        return _asking(lines, about.requirement, several=several)
    wanted, section = plain(about.line), plain(about.section)
    same = [n for n, line in enumerate(lines) if plain(line.item.text) == wanted]
    within = [n for n in same if not section or section in map(plain, lines[n].item.section)]
    if len(within) == 1:
        return Matched(tuple(within))
    if within:
        return Matched(problem=f'{_listed(lines, within)} read the same: add section = "the heading above"')
    texts = [line.item.text for line in lines]
    return Matched(problem=f"no line of this checklist reads so{nearest(about.line, texts, quotes=chr(34))}")


def evidence_digests(found: Inspection) -> Mapping[str, str]:
    """Requirement id -> 16 hexadecimal digits over all that was observed for it; absent where nothing was."""
    return digests_of_report(machine.document(found))


def digests_of_report(report: Mapping[str, Any]) -> Mapping[str, str]:
    """The same from a JSON report, so that what a report shows is what an attestation can rest on."""
    seen: dict[str, set[str]] = {}
    for check in (check for item in report["items"] for check in item["checks"]):
        if check["status"] in VERIFIED:
            words = f"{check['id']} {check['status']} {check['evidence']['digest']}"
            seen.setdefault(check["requirement"], set()).add(words)
    return {name: hashlib.sha256("\n".join(sorted(all_)).encode()).hexdigest()[:16] for name, all_ in seen.items()}


def plain(text: str) -> str:
    """A line's text without marks, case and spacing, to tell whether two are the same."""
    return " ".join(_MARKS.sub(" ", f" {text}").split()).rstrip(" .:;").casefold()


def _place(
    found: Inspection, about: About, statement: Statement, said: dict[int, list[Statement]], notes: list[str]
) -> None:
    matched = matching(found.lines, about, several=statement.is_waiver)
    for place in matched.places:
        said.setdefault(place, []).append(statement)
        if statement.is_waiver and found.lines[place].status is Status.PASS:
            notes.append(f"the waiver of {statement.who} about {about.subject}: not needed any more, the line holds")
    if matched.problem:
        kind = "waiver" if statement.is_waiver else "attestation"
        notes.append(f"the {kind} of {statement.who} about {about.subject}: {matched.problem}")


def _asking(lines: Sequence[LineResult], requirement: str, *, several: bool) -> Matched:
    asking = [n for n, line in enumerate(lines) if any(one.id == requirement for one in line.mapped.requirements)]
    if not asking:
        return Matched(problem="no line of this checklist asks for it")
    if len(asking) > 1 and not several:
        # "Trained on call" does not vouch for "trained in first aid", though both ask for team.train.
        return Matched(problem=f"{_listed(lines, asking)} ask for it: attest each by its text, line = ...")
    return Matched(tuple(asking))


def _listed(lines: Sequence[LineResult], places: Iterable[int]) -> str:
    return "lines " + ", ".join(str(lines[n].item.line) for n in places)


def _attested(said: Attestation, today: date, digests: Mapping[str, str]) -> Statement:
    standing, why = Standing.ATTESTED, ""
    if changed := _changed(said, digests):
        standing, why = Standing.VOIDED, changed
    if said.until < today:
        standing, why = Standing.EXPIRED, f"it counted until {said.until} ({said.frequency})"
    return Statement(standing, said.who, said.explanation, said.until, said.role, said.approver, said.date, why)


def _changed(said: Attestation, digests: Mapping[str, str]) -> str:
    for requirement, digest in said.evidence.items():
        if requirement not in digests:
            return f"what it rests on ({requirement}) was not seen this time"
        if digests[requirement] != digest:
            return f"what it rests on ({requirement}) is no longer what was seen then: say it anew"
    return ""


def _waived(said: Waiver, today: date) -> Statement:
    over = said.until < today
    why = f"its last day was {said.until}" if over else ""
    return Statement(Standing.LAPSED if over else Standing.WAIVED, said.owner, said.reason, said.until, why=why)


def _clean(statement: Statement, clean: Callable[[str], str]) -> Statement:
    """Nobody's secret goes into a report because somebody wrote it into a reason."""
    return replace(
        statement,
        who=clean(statement.who),
        role=clean(statement.role),
        approver=clean(statement.approver),
        words=clean(statement.words),
    )

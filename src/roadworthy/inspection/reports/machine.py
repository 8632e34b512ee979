"""The report for programs: JSON, in the shape that the design page fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roadworthy.contracts.checks import Evidence, Status
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.observation import digest_of
from roadworthy.inspection.redaction import MASK, is_secret_name, redact
from roadworthy.inspection.results import Answer, Inspection, LineResult
from roadworthy.inspection.statements import Statement

VERSION = 1
"""Of the shape, not of the program."""


def document(inspection: Inspection) -> dict[str, Any]:
    """The report as plain values."""
    summary: dict[str, Any] = {str(status): inspection.counts[status] for status in Status}
    return {
        "version": VERSION,
        "target": inspection.target,
        "started_at": inspection.started_at,
        "seconds": round(inspection.seconds, 3),
        "summary": {**summary, "coverage": round(inspection.coverage, 4)},
        "items": [_item(line) for line in inspection.lines],
        "findings": [{"title": one.check.title, **_check(one)} for one in inspection.findings],
    }


def encode(inspection: Inspection) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document(inspection)), indent=2) + b"\n"


def _item(line: LineResult) -> dict[str, Any]:
    item = line.item
    said = {"statements": [_statement(one) for one in line.statements]} if line.statements else {}
    read = reading(line.mapped)
    return (
        {
            "line": item.line,
            "section": [redact(one) for one in item.section],
            "text": redact(item.text),
            "kind": str(item.kind),
            "status": str(line.status),
            "requirements": [
                {"id": one.id, "params": params_of(one), "why": one.why} for one in line.mapped.requirements
            ],
            "checks": [_check(answer) for answer in line.answers],
        }
        | ({"reading": read} if read else {})
        | said
    )


def reading(mapped: Mapped) -> dict[str, Any]:
    """How the line is taken where it is not simply to hold: nothing for most lines, else all four keys.

    `sense`: asked, inverse, opposite or untold; `alternatives`: requirements of each group of which one is enough;
    `unread`: what it says besides, which no check looks at; `unmeasurable`: why no check could settle it.
    """
    groups = [[mapped.requirements[i].id for i in group] for group in mapped.groups if len(group) > 1]
    if mapped.sense is Sense.ASKED and not (groups or mapped.unread or mapped.unmeasurable):
        return {}
    return {
        "sense": str(mapped.sense),
        "alternatives": groups,
        "unread": [redact(one) for one in mapped.unread],
        "unmeasurable": redact(mapped.unmeasurable) or None,
    }


def _statement(statement: Statement) -> dict[str, Any]:
    """What somebody says about the line; an item that nobody speaks about has no such key."""
    return {
        "kind": "waiver" if statement.is_waiver else "attestation",
        "standing": str(statement.standing),
        "who": statement.who,
        "role": statement.role or None,
        "approver": statement.approver or None,
        "words": statement.words,
        "since": statement.since.isoformat() if statement.since else None,
        "until": statement.until.isoformat(),
        "why": statement.why or None,
    }


def params_of(requirement: Requirement) -> Mapping[str, Any]:
    """What the line told, without the value of a variable that holds a secret."""
    secret = is_secret_name(requirement.text("name"))
    return {
        name: MASK if secret and name == "value" else redact(value) if isinstance(value, str) else value
        for name, value in requirement.params.items()
    }


def _check(answer: Answer) -> dict[str, Any]:
    verdict, check = answer.verdict, answer.check
    mend = verdict.remediation
    return {
        "id": check.id,
        "requirement": answer.requirement.id,
        "status": str(verdict.status),
        "summary": verdict.summary,
        "severity": str(check.severity),
        "blast_radius": str(check.blast_radius),
        "evidence": _evidence(verdict.evidence, verdict.summary, check.title),
        "remediation": {"text": mend.text, "patch": mend.patch} if mend else None,
    }


def _evidence(seen: Sequence[Evidence], summary: str, title: str) -> dict[str, Any]:
    """One object, also where a verdict rests on several observations or on none."""
    if not seen:
        return {"asked": title, "answer": summary, "observed_at": None, "vantage": None, "digest": digest_of(summary)}
    return {
        "asked": "\n".join(one.asked for one in seen),
        "answer": "\n".join(one.answer for one in seen),
        "observed_at": max(one.observed_at for one in seen),
        "vantage": "; ".join(dict.fromkeys(one.vantage for one in seen)),
        "digest": seen[0].digest if len(seen) == 1 else digest_of(" ".join(one.digest for one in seen)),
    }

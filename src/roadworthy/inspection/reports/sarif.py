"""The report for code scanning: SARIF 2.1.0, a result a failed line, at that line of the checklist."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from roadworthy.contracts.checks import Severity, Status
from roadworthy.inspection.model import Check
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports.words import coverage_line, flat, share_line, statements_of, title_of
from roadworthy.inspection.results import Answer, Inspection, LineResult
from roadworthy.inspection.statements import Standing, Statement

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
DOCS_VARIABLE = "ROADWORTHY_DOCS_URL"
"""Where `docs/checks/` is published; the GitHub Actions step sets it."""
LEVELS: Mapping[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
# What code scanning sorts by: over 9 is critical, over 7 high, over 4 medium.
SCORES: Mapping[Severity, str] = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}


def encode(found: Inspection) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document(found)), indent=2) + b"\n"


def document(found: Inspection) -> dict[str, Any]:
    """The report as plain values.

    Only failures are results: code scanning shows every result as an alert, and what could not be seen is no finding.
    Coverage stands in the run's properties, and what is unreachable or unknown among its notifications.
    """
    failed = [(line, answer) for line in found.failures for answer in _failing(line)]
    rules = list({answer.check.id: answer.check for _, answer in failed}.values())
    index = {check.id: place for place, check in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": _driver(rules)},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder that it was run in."}}},
                "invocations": [_invocation(found)],
                "artifacts": [{"location": _artifact(found.checklist)}],
                "results": [_result(found, line, answer, index) for line, answer in failed],
                "properties": {
                    "target": flat(found.target),
                    "verified": coverage_line(found),
                    "coverage": share_line(found),
                    "statements": [
                        {"line": line.item.line, "says": said} for line in found.lines for said in statements_of(line)
                    ],
                },
            }
        ],
    }


def _failing(line: LineResult) -> Iterable[Answer]:
    """Every answer that says so, or where the line fails by its own words (an inverse line) the deciding one."""
    said = [answer for answer in line.answers if answer.verdict.status is Status.FAIL]
    return said or ([line.deciding] if line.deciding else list(line.answers[:1]))


def _driver(rules: Iterable[Check]) -> dict[str, Any]:
    return {
        "name": "Roadworthy",
        "version": _version(),
        "rules": [_rule(check) for check in rules],
    }


def _version() -> str:
    try:
        return version("roadworthy")
    except PackageNotFoundError:
        return "0"


def _rule(check: Check) -> dict[str, Any]:
    said = check.documentation
    rule = {
        "id": check.id,
        "name": "".join(part.capitalize() for part in check.id.replace("_", ".").split(".")),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": f"{said.what} {said.why}".strip() or check.title},
        "help": {
            "text": f"{said.how_verified} {said.how_to_mend}".strip() or check.title,
            "markdown": _help(check),
        },
        "defaultConfiguration": {"level": LEVELS[check.severity]},
        "properties": {
            "tags": ["production-readiness", *check.requirements],
            "problem.severity": LEVELS[check.severity].replace("note", "recommendation"),
            "security-severity": SCORES[check.severity],
        },
    }
    docs = documentation_url()
    return {**rule, "helpUri": f"{docs}/{quote(check.id)}.md"} if docs else rule


def documentation_url() -> str:
    """Where pages of checks are published, without a slash at the end; empty where nobody said."""
    if said := os.environ.get(DOCS_VARIABLE, ""):
        return said.rstrip("/") if said.startswith(("https://", "http://")) else ""
    try:
        pairs = (entry.partition(",") for entry in metadata("roadworthy").get_all("Project-URL") or ())
    except PackageNotFoundError:
        return ""
    return next((url.strip().rstrip("/") for name, _, url in pairs if name.strip() == "Checks"), "")


def _help(check: Check) -> str:
    said = check.documentation
    parts = {
        "What": said.what,
        "Why": said.why,
        "How it is verified": said.how_verified,
        "How to mend": said.how_to_mend,
        "When it does not apply": said.not_applicable_when,
    }
    return "\n\n".join(f"**{name}.** {words}" for name, words in parts.items() if words) or check.title


def _result(found: Inspection, line: LineResult, answer: Answer, index: Mapping[str, int]) -> dict[str, Any]:
    verdict, check, decides = answer.verdict, answer.check, answer is line.deciding
    said, severity = (line.summary, line.severity) if decides else (verdict.summary, check.severity)
    mend = f" To mend: {flat(verdict.remediation.text)}" if verdict.remediation else ""
    stable = "\n".join([*line.item.section, line.item.text, check.id])
    key = hashlib.sha256(stable.encode("utf-8", "replace")).hexdigest()[:32]
    result: dict[str, Any] = {
        "ruleId": check.id,
        "ruleIndex": index[check.id],
        "level": LEVELS[severity],
        "message": {"text": f"{title_of(line)}: {flat(said)}.{mend}"},
        "locations": [_location(found, line)],
        "partialFingerprints": {"primaryLocationLineHash": key, "roadworthy/v1": key},
        "properties": {
            "requirement": answer.requirement.id,
            "evidence": [
                {
                    "asked": printable(one.asked),
                    "answer": printable(one.answer),
                    "observed_at": one.observed_at,
                    "vantage": printable(one.vantage),
                }
                for one in verdict.evidence
            ],
        },
    }
    if verdict.remediation and verdict.remediation.patch:
        result["properties"]["patch"] = printable(verdict.remediation.patch)
    waivers = [one for one in line.statements if one.is_waiver]
    return {**result, "suppressions": [_suppression(one) for one in waivers]} if waivers else result


def _location(found: Inspection, line: LineResult) -> dict[str, Any]:
    region = {"startLine": line.item.line, "endLine": max(line.item.end_line, line.item.line)}
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(found.checklist),
            "region": {**region, "snippet": {"text": printable(redact(line.item.text))}},
        }
    }


def _artifact(checklist: str) -> dict[str, str]:
    """The checklist as a path from the folder that the run started in, which in CI is the repository's root."""
    path = Path(checklist)
    relative = Path(os.path.relpath(path)) if path.is_absolute() else path
    name = relative.name if ".." in relative.parts else relative.as_posix()
    return {"uri": quote(name, errors="replace"), "uriBaseId": "SRCROOT"}


def _suppression(waiver: Statement) -> dict[str, str]:
    status = "accepted" if waiver.standing is Standing.WAIVED else "rejected"
    return {"kind": "external", "status": status, "justification": flat(waiver.sentence)}


def _invocation(found: Inspection) -> dict[str, Any]:
    silent = [
        {"level": "error", "message": {"text": flat(f"{one.problem}: {one.remedy}")}} for one in found.unreachable
    ]
    unknown = [
        {
            "level": "note",
            "message": {"text": f"{title_of(line)}: {flat(line.summary) or 'not seen'}"},
            "locations": [_location(found, line)],
        }
        for line in found.lines
        if line.status is Status.UNKNOWN
    ]
    return {
        "executionSuccessful": True,
        "startTimeUtc": found.started_at,
        "toolExecutionNotifications": [*silent, *unknown],
    }

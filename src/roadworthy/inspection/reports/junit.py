"""The report for CI servers: JUnit XML, a test case a line."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from roadworthy.contracts.checks import Status
from roadworthy.inspection.observation import printable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.reports.words import coverage_line, flat, share_line, statements_of, title_of
from roadworthy.inspection.results import Inspection, LineResult

SKIPPED = {
    Status.UNKNOWN: "unknown",
    Status.HUMAN: "only people know",
    Status.UNMAPPED: "not understood",
    Status.NOT_APPLICABLE: "does not apply",
}


def encode(found: Inspection) -> bytes:
    """The report as XML; characters that XML has no place for are replaced."""
    suite = ET.Element(
        "testsuite",
        name=flat(found.checklist),
        tests=str(len(found.lines)),
        failures=str(found.counts[Status.FAIL]),
        errors="0",
        skipped=str(sum(found.counts[status] for status in SKIPPED)),
        time=f"{found.seconds:.3f}",
        timestamp=found.started_at.removesuffix("Z"),
        hostname=flat(found.target),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in {"verified": coverage_line(found), "coverage": share_line(found)}.items():
        ET.SubElement(properties, "property", name=name, value=value)
    for line in found.lines:
        _case(suite, found, line)
    attributes = {name: suite.get(name, "0") for name in ("tests", "failures", "errors", "skipped", "time")}
    root = ET.Element("testsuites", {"name": "roadworthy", **attributes})
    root.append(suite)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(suite: ET.Element, found: Inspection, line: LineResult) -> None:
    section = " / ".join(flat(redact(one)).replace(".", "\N{ONE DOT LEADER}") for one in line.item.section)
    case = ET.SubElement(
        suite,
        "testcase",
        classname=section or flat(found.checklist),
        name=f"{title_of(line)} (line {line.item.line})",
        file=flat(found.checklist),
        line=str(line.item.line),
        time="0",
    )
    if line.status is Status.FAIL:
        failure = ET.SubElement(case, "failure", message=_message(line), type=str(line.severity))
        failure.text = details(line)
    elif line.status in SKIPPED:
        ET.SubElement(case, "skipped", message=f"{SKIPPED[line.status]}: {_message(line)}")
    else:
        ET.SubElement(case, "system-out").text = details(line)


def _message(line: LineResult) -> str:
    return "; ".join([flat(line.summary) or "nothing more is known", *statements_of(line)])


def details(line: LineResult) -> str:
    """Evidence and remedy as plain text, a block a check."""
    blocks = [f"{said}." for said in statements_of(line)]
    for answer in line.answers:
        verdict = answer.verdict
        lines = [f"{answer.check.id} ({answer.requirement.id}): {verdict.status}: {verdict.summary}"]
        for one in verdict.evidence:
            lines += [f"  asked: {one.asked}", f"  answer: {one.answer}", f"  {one.vantage}, {one.observed_at}"]
        if verdict.remediation:
            lines.append(f"  mend: {verdict.remediation.text}")
            lines += [f"    {part}" for part in (verdict.remediation.patch or "").splitlines()]
        blocks.append("\n".join(lines))
    return printable("\n".join(blocks))

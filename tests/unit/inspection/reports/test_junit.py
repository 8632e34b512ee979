from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.unit.inspection.reports.hostile import everything

from roadworthy.inspection.reports import junit
from roadworthy.inspection.reports.words import coverage_line


def suite() -> ET.Element:
    root = ET.fromstring(junit.encode(everything()))  # well-formed, or this raises
    assert root.tag == "testsuites"
    return root[0]


def test_a_test_case_a_line_with_figures_that_add_up() -> None:
    found = suite()
    cases = found.findall("testcase")
    assert len(cases) == int(found.attrib["tests"]) == len(everything().lines)
    assert len(found.findall("testcase/failure")) == int(found.attrib["failures"]) == 2
    assert len(found.findall("testcase/skipped")) == int(found.attrib["skipped"]) == 5
    assert found.attrib["errors"] == "0"
    assert all(case.attrib["classname"] and case.attrib["name"] and case.attrib["line"] for case in cases)
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(cases)


def test_a_failure_carries_evidence_and_remedy() -> None:
    failures = {case.attrib["line"]: case.find("failure") for case in suite().findall("testcase")}
    failure = failures["6"]
    assert failure is not None
    assert failure.attrib["type"] == "high"
    assert "waiver lapsed" in failure.attrib["message"]
    assert "asked: asked" in (failure.text or "")
    assert "mend: do it" in (failure.text or "")
    hostile = failures["4"]
    assert hostile is not None
    assert "line one" in (hostile.text or "")


def test_what_is_skipped_says_why() -> None:
    messages = [one.attrib["message"] for one in suite().findall("testcase/skipped")]
    assert "unknown: no database is offered" in messages
    assert "does not apply: there are no bundles" in messages
    assert any(one.startswith("only people know: ") and "attested by Ana" in one for one in messages)


def test_coverage_stands_beside_it() -> None:
    values = [one.attrib["value"] for one in suite().findall("properties/property")]
    assert coverage_line(everything()) in values


def test_no_character_in_it_is_one_that_xml_forbids() -> None:
    text = junit.encode(everything()).decode()
    assert not set(text) & {"\x00", "\x1b", "\ufffe"}

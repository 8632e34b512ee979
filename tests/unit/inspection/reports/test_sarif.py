from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sarif_pydantic import Sarif
from tests.unit.inspection.fakes import inspection, line
from tests.unit.inspection.reports.hostile import everything

from roadworthy.contracts.checks import Status
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import sarif
from roadworthy.inspection.results import Inspection

# Of the objects that we write, every property that the standard's schema knows: it refuses all others.
PROPERTIES: Mapping[str, set[str]] = {
    "log": {"$schema", "version", "runs", "inlineExternalProperties", "properties"},
    "run": {"tool", "invocations", "conversion", "language", "versionControlProvenance", "originalUriBaseIds",
            "artifacts", "logicalLocations", "graphs", "results", "automationDetails", "runAggregates",
            "baselineGuid", "redactionTokens", "defaultEncoding", "defaultSourceLanguage", "newlineSequences",
            "columnKind", "externalPropertyFileReferences", "threadFlowLocations", "taxonomies", "addresses",
            "translations", "policies", "webRequests", "webResponses", "specialLocations", "properties"},
    "rule": {"id", "deprecatedIds", "guid", "deprecatedGuids", "name", "deprecatedNames", "shortDescription",
             "fullDescription", "messageStrings", "defaultConfiguration", "helpUri", "help", "relationships",
             "properties"},
    "result": {"ruleId", "ruleIndex", "rule", "kind", "level", "message", "analysisTarget", "locations", "guid",
               "correlationGuid", "occurrenceCount", "partialFingerprints", "fingerprints", "stacks", "codeFlows",
               "graphs", "graphTraversals", "relatedLocations", "suppressions", "baselineState", "rank",
               "attachments", "hostedViewerUri", "workItemUris", "provenance", "fixes", "taxa", "webRequest",
               "webResponse", "properties"},
    "region": {"startLine", "startColumn", "endLine", "endColumn", "charOffset", "charLength", "byteOffset",
               "byteLength", "snippet", "message", "sourceLanguage", "properties"},
    "suppression": {"guid", "kind", "status", "justification", "location", "properties"},
    "notification": {"locations", "message", "level", "threadId", "timeUtc", "exception", "descriptor",
                     "associatedRule", "properties"},
}  # fmt: skip


def run_of(found: Inspection) -> dict[str, Any]:
    raw = sarif.encode(found)
    assert Sarif.model_validate_json(raw).version == "2.1.0"
    log = json.loads(raw)
    assert set(log) <= PROPERTIES["log"]
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def locations_of(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in (*run["results"], *run["invocations"][0]["toolExecutionNotifications"]):
        yield from one.get("locations", ())


def test_it_keeps_to_the_standard() -> None:
    run = run_of(everything())
    rules = run["tool"]["driver"]["rules"]
    assert set(run) <= PROPERTIES["run"]
    assert all(set(rule) <= PROPERTIES["rule"] for rule in rules)
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert set(result) <= PROPERTIES["result"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert all(set(one) <= PROPERTIES["suppression"] for one in result.get("suppressions", ()))
    for notification in run["invocations"][0]["toolExecutionNotifications"]:
        assert set(notification) <= PROPERTIES["notification"]
        assert notification["message"]["text"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
    for location in locations_of(run):
        place = location["physicalLocation"]
        assert set(place["region"]) <= PROPERTIES["region"]
        assert 1 <= place["region"]["startLine"] <= place["region"]["endLine"]
        assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]


def test_only_failures_are_alerts_and_the_rest_is_not_lost() -> None:
    run = run_of(everything())
    assert len(run["results"]) == 2
    assert {result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]} == {4, 6}
    told = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert any("refused" in one for one in told)
    assert any("Unseen: no database is offered" in one for one in told)
    assert (
        run["properties"]["verified"]
        == "4 of 8 lines verified, 2 failed, 1 unknown, 2 human (1 attested), 1 not understood"
    )
    assert any("attested by Ana" in one["says"] for one in run["properties"]["statements"])


def test_a_waiver_suppresses_until_its_last_day() -> None:
    by_line = {
        result["locations"][0]["physicalLocation"]["region"]["startLine"]: result["suppressions"][0]
        for result in run_of(everything())["results"]
    }
    assert [by_line[4]["status"], by_line[6]["status"]] == ["accepted", "rejected"]
    assert "because" in by_line[4]["justification"]


def test_an_alert_survives_when_its_line_moves() -> None:
    prints = [
        run_of(inspection(line(Item(n, ("Data",), text), Status.FAIL)))["results"][0]["partialFingerprints"]
        for n, text in ((4, "One"), (40, "One"), (4, "Two"))
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("CHECKLIST.md", "CHECKLIST.md"),
        ("docs/Launch list.md", "docs/Launch%20list.md"),
        ("../elsewhere/CHECKLIST.md", "CHECKLIST.md"),
        ("/somewhere/else/CHECKLIST.md", "CHECKLIST.md"),
        ("{here}/docs/CHECKLIST.md", "docs/CHECKLIST.md"),
    ],
)
def test_locations_are_relative_to_where_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, uri: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Inspection(path.format(here=tmp_path), "shop", "2026-03-01T10:00:00Z", 1.0, everything().lines)
    assert {one["physicalLocation"]["artifactLocation"]["uri"] for one in locations_of(run_of(found))} == {uri}


@pytest.mark.parametrize("base", ["https://example.com/docs/checks", "https://example.com/docs/checks/"])
def test_rules_lead_to_the_page_of_their_check(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv(sarif.DOCS_VARIABLE, base)
    (rule,) = run_of(everything())["tool"]["driver"]["rules"]
    assert rule["helpUri"] == "https://example.com/docs/checks/db.engine.fake.md"
    assert urlsplit(rule["helpUri"]).scheme == "https"


@pytest.mark.parametrize("base", ["", "javascript:alert(1)", "docs/checks"])
def test_without_a_published_page_the_rule_itself_says_all(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv(sarif.DOCS_VARIABLE, base)
    (rule,) = run_of(everything())["tool"]["driver"]["rules"]
    assert "helpUri" not in rule
    assert rule["help"]["markdown"]


def test_nothing_in_it_steers_a_terminal() -> None:
    assert not re.search(r"\\u001b|\\u0000|\\u202e", sarif.encode(everything()).decode().replace("\\\\", ""))

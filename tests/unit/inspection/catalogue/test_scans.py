"""A report counts while it is newer than what it scanned, and about all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.scans import CLEAN, CODE_CLEAN, HOLES, LOCK
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
NPM = {"metadata": {"vulnerabilities": {"high": 0, "total": 0}, "dependencies": {"total": 12}}}
OSV: dict[str, Any] = {"results": [{"packages": [{"package": {}, "vulnerabilities": []}]}]}
SARIF = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "CodeQL"}}, "results": []}]}


@pytest.mark.parametrize(
    ("files", "params", "expected"),
    [
        ({**LOCK, "pip-audit.json": CLEAN}, {}, PASS),
        ({**LOCK, "pip-audit.json": HOLES}, {}, FAIL),
        ({**LOCK, "pip-audit.json": {"dependencies": []}}, {}, UNKNOWN),
        ({**LOCK, "pip-audit.json": {"no": "report"}}, {}, UNKNOWN),
        ({**LOCK, "audit.json": [1, "x", None]}, {}, UNKNOWN),
        ({"pip-audit.json": CLEAN, **LOCK, "package-lock.json": "{}"}, {}, UNKNOWN),
        ({**LOCK, "package-lock.json": "{}", "pip-audit.json": CLEAN, "npm-audit.json": NPM}, {}, PASS),
        ({**LOCK, "package-lock.json": "{}", "osv.json": OSV}, {}, PASS),
        ({**LOCK, "pip-audit.json": CLEAN}, {"tool": "npm audit"}, UNKNOWN),
        ({**LOCK, "tests/fixtures/pip-audit.json": CLEAN}, {}, UNKNOWN),
        (LOCK, {}, UNKNOWN),
    ],
)
async def test_dependencies(files: dict[str, Any], params: dict[str, str], expected: Status) -> None:
    texts = {name: text if isinstance(text, str) else json.dumps(text) for name, text in files.items()}
    verdict = await verdict_of("sec.depscan.report", Stage(repo=texts), **params)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("told", "subject", "expected"),
    [
        (CODE_CLEAN, "Security testing", PASS),
        (CODE_CLEAN, "Penetration test", UNKNOWN),
        (SARIF, "Weekly security audit", PASS),
        ({**SARIF, "runs": []}, "security scan", UNKNOWN),
        ({"metrics": {"_totals": {"loc": 0}}, "results": []}, "security scan", UNKNOWN),
    ],
)
async def test_code(told: Any, subject: str, expected: Status) -> None:
    stage = Stage(repo={"app.py": "x = 1", "reports/bandit.sarif": json.dumps(told)})
    verdict = await verdict_of("sec.sast.report", stage, subject=subject)
    assert verdict.status is expected, verdict.summary

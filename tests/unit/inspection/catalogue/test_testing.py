"""Tests count when they ran or run: a folder called tests, an old report or an idle job bring no tick."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.testing import BROKEN, FIGURES, PASSED, SERVICE
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
WHERE = ".github/workflows/ci.yml"
SKIPPED = "<testsuite><testcase name='a'><skipped/></testcase></testsuite>"
STUB = "from django.test import TestCase\n# Create your tests here."
JS = {"web/app.ts": "export {}", "web/app.test.ts": "test('adds', () => {})"}
E2E = {"e2e/login.spec.ts": "test('logs in', () => {})"}


def ci(run: str) -> dict[str, str]:
    return {WHERE: f"on: [push]\njobs:\n  t:\n    steps:\n      - run: |\n          {run}\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({**SERVICE, **ci("pytest")}, PASS),
        ({**SERVICE, **ci("pytest tests")}, PASS),
        ({**SERVICE, **ci("cd app && pytest tests/")}, PASS),
        ({**SERVICE, **ci("pytest other/tests")}, FAIL),
        ({**SERVICE, **ci("pytest --ignore=tests/test_main.py")}, FAIL),
        ({**SERVICE, **ci("npx jest")}, FAIL),
        ({**SERVICE, **ci("pytest || true")}, FAIL),
        ({**SERVICE, **ci("ruff check .")}, FAIL),
        ({**SERVICE, **JS, **ci("pytest")}, FAIL),
        ({**SERVICE, **JS, **ci("pytest && npx vitest run")}, PASS),
        ({"app.py": "x = 1", "tests/__init__.py": "", **ci("pytest")}, FAIL),
        ({"app.py": "x = 1", "tests/test_it.py": "import pytest\n", **ci("pytest")}, FAIL),
        ({"app.py": "x = 1", "app/tests.py": STUB, **ci("pytest")}, FAIL),
        (SERVICE, UNKNOWN),
        ({}, UNKNOWN),
    ],
)  # fmt: skip
async def test_unit_tests_run_on_every_change(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("test.unit.run", Stage(repo=files), subject="Unit tests")
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("subject", "files", "expected"),
    [
        ("Backend unit tests passing", {**SERVICE, "junit.xml": PASSED}, PASS),
        ("Backend unit tests passing", {**SERVICE, **ci("pytest")}, UNKNOWN),
        ("Frontend unit tests passing", {**SERVICE, "junit.xml": PASSED}, UNKNOWN),
        ("PDF worker tests passing", {**SERVICE, "junit.xml": PASSED}, UNKNOWN),
        ("Test edge cases", {**SERVICE, **ci("pytest")}, UNKNOWN),
        ("Unit tests pass", {**SERVICE, "junit.xml": BROKEN}, FAIL),
        ("Unit tests pass", {**SERVICE, "junit.xml": SKIPPED}, UNKNOWN),
        ("Unit tests pass", {**SERVICE, "junit.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]>" + PASSED}, UNKNOWN),
        ("Unit tests pass", {**SERVICE, "junit.xml": "<testsuite"}, UNKNOWN),
        ("Unit tests pass", {**SERVICE, "junit.xml": PASSED, "tests/fixtures/junit.xml": BROKEN}, PASS),
    ],
)  # fmt: skip
async def test_what_a_line_says_they_are_about(subject: str, files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("test.unit.run", Stage(repo=files), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_a_committed_report_is_as_old_as_it_says() -> None:
    undated = {**SERVICE, "junit.xml": PASSED}
    assert (await verdict_of("test.unit.run", Stage(repo=undated, committed=(undated,)))).status is FAIL
    dated = {**SERVICE, "junit.xml": PASSED.replace("<testsuite ", '<testsuite timestamp="2020-01-02T03:04:05" ')}
    old = await verdict_of("test.unit.run", Stage(repo=dated, committed=(dated,)))
    assert old.status is FAIL
    assert "older than the code" in old.evidence[0].answer


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({**SERVICE, **E2E, **ci("npx playwright test")}, PASS),
        ({**SERVICE, **E2E, **ci("npx vitest run")}, FAIL),
        ({**SERVICE, **ci("npx playwright test")}, FAIL),
        ({**SERVICE, **E2E, **ci("npm run e2e"), "package.json": '{"scripts": {"e2e": "cypress run"}}'}, PASS),
    ],
)
async def test_end_to_end(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("test.unit.run", Stage(repo=files), "test.e2e", subject="E2E tests for happy path")
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("run", "subject", "expected"),
    [
        ("pytest", "Integration tests", PASS),
        ("pytest tests/integration", "Integration tests", PASS),
        ("pytest tests/unit", "Integration tests", FAIL),
        ("pytest -m 'not integration'", "Integration tests", FAIL),
        ("pytest", "Storage integration tests", UNKNOWN),
        ("pytest", "Orders integration tests", PASS),
    ],
)
async def test_integration(run: str, subject: str, expected: Status) -> None:
    files = {**SERVICE, "tests/integration/test_orders.py": "def test_order():\n    assert order()\n", **ci(run)}
    verdict = await verdict_of("test.unit.run", Stage(repo=files), "test.integration", subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_a_script_that_the_line_names() -> None:
    command = "python test_flow.py --url https://x.test"
    missing = await verdict_of("test.unit.run", Stage(repo=SERVICE), "test.integration", command=command)
    assert missing.status is FAIL
    there = {**SERVICE, "test_flow.py": "def test_flow(): ..."}
    assert (await verdict_of("test.unit.run", Stage(repo=there), "test.integration", command=command)).status is UNKNOWN
    ran = {**there, "junit.xml": PASSED.replace("test_main", "test_flow")}
    assert (await verdict_of("test.unit.run", Stage(repo=ran), "test.integration", command=command)).status is PASS


LCOV = "SF:a.js\nLF:100\nLH:{}\nend_of_record\n"
JACOCO = '<report name="x"><counter type="LINE" missed="{}" covered="80"/></report>'
ISTANBUL = '{{"total": {{"lines": {{"total": 100, "covered": {}}}}}}}'


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        ({"coverage/lcov.info": LCOV.format(85)}, "", PASS),
        ({"coverage/lcov.info": LCOV.format(60)}, "", FAIL),
        ({"coverage/lcov.info": LCOV.format(900)}, "", UNKNOWN),
        ({"target/site/jacoco/jacoco.xml": JACOCO.format(10)}, "", PASS),
        ({"target/site/jacoco/jacoco.xml": JACOCO.format(90)}, "", FAIL),
        ({"coverage/coverage-summary.json": ISTANBUL.format(90)}, "", PASS),
        ({"coverage/coverage-summary.json": ISTANBUL.format('"x"')}, "", UNKNOWN),
        ({"coverage.json": '{"totals": {"num_statements": 10, "covered_lines": 9}}'}, "", PASS),
        ({"coverage/.last_run.json": '{"result": {"line": 91.2}}'}, "", PASS),
        ({"coverage.xml": FIGURES.format(9), "frontend/coverage/lcov.info": LCOV.format(95)}, "of frontend", PASS),
        ({"coverage.xml": FIGURES.format(190), "frontend/coverage/lcov.info": LCOV.format(5)}, "coverage", FAIL),
        ({"coverage.xml": FIGURES.format(190)}, "frontend coverage", UNKNOWN),
        ({"coverage.xml": "<coverage/>"}, "", UNKNOWN),
        ({}, "", UNKNOWN),
    ],
)  # fmt: skip
async def test_coverage(files: dict[str, str], subject: str, expected: Status) -> None:
    stage = Stage(repo={**SERVICE, "frontend/a.ts": "export {}", **files})
    verdict = await verdict_of("test.cov.measured", stage, min_ratio=0.8, subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_coverage_that_says_nothing() -> None:
    committed = {**SERVICE, "lcov.info": LCOV.format(99)}
    stage = Stage(repo=committed, committed=(committed,))
    assert (await verdict_of("test.cov.measured", stage, min_ratio=0.8)).status is UNKNOWN
    assert (await verdict_of("test.cov.measured", Stage(repo=committed))).status is UNKNOWN


async def test_a_flow_is_not_shown_by_a_smoke_test() -> None:
    ran = {**SERVICE, "junit.xml": PASSED.replace("test_main", "test_smoke")}
    assert (await verdict_of("test.smoke.results", Stage(repo=ran), subject="Test login and upload")).status is UNKNOWN
    assert (await verdict_of("test.smoke.results", Stage(repo=SERVICE), subject="smoke tests")).status is UNKNOWN


@pytest.mark.parametrize("subject", ["`npm run test:load` passes", "make smoke-test", "k6 run load.js"])
async def test_scripts_for_other_tests_are_no_unit_tests(subject: str) -> None:
    found = await verdict_of("test.unit.run", Stage(repo={"app.py": "x = 1\n"}), subject=subject)
    assert found.status is Status.UNKNOWN
    assert "other tests" in found.summary

"""The checks of tests: their declarations and fixtures; how they look stands in `tests_run`."""

from __future__ import annotations

from roadworthy.contracts.checks import BlastRadius, Severity
from roadworthy.inspection.catalogue.pipelines import GREEN
from roadworthy.inspection.catalogue.tests_run import covered, smoke, tests
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Strength

SERVICE = {
    "app/main.py": "def add(a, b):\n    return a + b\n",
    "tests/test_main.py": "from app.main import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}
PASSED = '<testsuite name="pytest"><testcase classname="tests.test_main" name="test_add"/></testsuite>'
BROKEN = PASSED.replace("/></testsuite>", '><failure message="3 != 4"/></testcase></testsuite>')
SMOKE = PASSED.replace("test_main", "test_smoke")
FIGURES = '<coverage lines-valid="200" lines-covered="{}" line-rate="0"></coverage>'

RUN = Check(
    id="test.unit.run",
    requirements=("test.unit", "test.integration", "test.e2e"),
    title="The tests exist, and ran without a failure or run on every change",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"repo"}),
    run=tests,
    documentation=Documentation(
        what="Tests of the sort that the line names passed since the code last changed; or files hold such "
        "tests, in each "
        "language of the tree, and a job runs them on every change and stops when one fails.",
        why="Tests that nobody runs tell what was true once.",
        how_verified="JUnit files (junit.xml, test-results, surefire-reports) not older than the code: what "
        "passed and what "
        "failed. Without one: files that hold tests (a folder called tests is none), and the jobs of the "
        "pipeline that run "
        "them by the runner of their language, without `|| true` and not left out by path or mark. A line that "
        "says that "
        "tests pass needs results. What the line says they are about must stand in their names.",
        how_to_mend="Run them on push and pull_request; leave junit.xml in the tree that is inspected.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "test.unit",
        must_fail=Stage(repo={**SERVICE, "junit.xml": BROKEN}),
        mended=Stage(repo={**SERVICE, ".github/workflows/ci.yml": GREEN, "junit.xml": PASSED}),
    ),
)

COVERED = Check(
    id="test.cov.measured",
    requirements=("test.cov",),
    title="Tests reach as much of the code as the line says",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"repo"}),
    run=covered,
    documentation=Documentation(
        what="The newest coverage figures reach the share of the line; with several, each part does.",
        why="A share that nobody measures is a wish.",
        how_verified="coverage.xml, cobertura, JaCoCo, lcov, Istanbul's summary, coverage.py's JSON and "
        "SimpleCov's last run, "
        "where they are not older than the code. Committed files count only with the moment that they state.",
        how_to_mend="Measure on every change, and test what the report shows as unreached.",
        not_applicable_when="Never; without figures the line is unknown.",
    ),
    fixtures=twins(
        "test.cov",
        {"min_ratio": 0.8},
        must_fail=Stage(repo={**SERVICE, "coverage.xml": FIGURES.format(120)}),
        mended=Stage(repo={**SERVICE, "coverage.xml": FIGURES.format(170)}),
    ),
)

SMOKED = Check(
    id="test.smoke.results",
    requirements=("test.smoke",),
    title="Smoke tests passed",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=smoke,
    documentation=Documentation(
        what="Where the line speaks of smoke tests: tests of that name passed since the code last changed.",
        why="A script that was written once tells nothing about today.",
        how_verified="JUnit files not older than the code, tests with smoke in their names. Lines about flows "
        "are walked by "
        "other checks.",
        how_to_mend="Run the smoke tests after each deployment and keep their junit.xml.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "test.smoke",
        {"subject": "Run API smoke script"},
        must_fail=Stage(repo={**SERVICE, "junit.xml": BROKEN.replace("test_main", "test_smoke")}),
        mended=Stage(repo={**SERVICE, "junit.xml": SMOKE}),
    ),
)

CHECKS = (RUN, COVERED, SMOKED)

"""A pipeline counts for what it really runs, when it really runs, if its failure stops anything."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
CODE = {"app/main.py": "def main(): ...\n", "tests/test_main.py": "def test_main(): ...\n"}
GITHUB = ".github/workflows/ci.yml"


def workflow(run: str, *, on: str = "[push]", job: str = "", step: str = "") -> str:
    return f"on: {on}\njobs:\n  test:\n    runs-on: x\n{job}    steps:\n      - run: |\n          {run}\n{step}"


def tree(text: str, path: str = GITHUB, **more: str) -> Stage:
    return Stage(repo={**CODE, path: text, **{name.replace("__", "."): value for name, value in more.items()}})


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (workflow("pytest"), PASS),
        (workflow("python manage.py test"), PASS),
        (workflow("bundle exec rspec"), PASS),
        (workflow("# pytest"), FAIL),
        (workflow("pip install pytest"), FAIL),
        (workflow("echo pytest passed"), FAIL),
        (workflow("pytest || true"), FAIL),
        (workflow("pytest", step="        continue-on-error: true\n"), FAIL),
        (workflow("pytest", job="    continue-on-error: true\n"), FAIL),
        (workflow("pytest", job="    if: false\n"), FAIL),
        (workflow("pytest", on="workflow_dispatch"), FAIL),
        (workflow("pytest", on="{schedule: [{cron: 0 4 * * *}]}"), FAIL),
        (workflow("pytest", on="{push: {tags: [v*]}}"), FAIL),
        (workflow("pytest", job="    if: github.event_name == 'schedule'\n", on="[push, schedule]"), FAIL),
        ("on: [push]\njobs:\n  test:\n    uses: acme/ci/.github/workflows/test.yml@v1\n", UNKNOWN),
        ("on: [push\njobs:", UNKNOWN),
        ("on: push\njobs: []\n", FAIL),
    ],
)
async def test_tests_that_run_on_every_change(text: str, status: Status) -> None:
    stage = tree(text)
    verdict = await verdict_of("ci.on.defined", stage, subject="Tests run in CI")
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("package", "status"),
    [
        ('{"scripts": {"test": "jest --ci"}}', PASS),
        ('{"scripts": {"test": "npm run unit", "unit": "vitest run"}}', PASS),
        ('{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}', FAIL),
        ('{"scripts": {"test": "npm test"}}', FAIL),
        ("{}", FAIL),
    ],
)
async def test_a_script_counts_for_what_it_runs(package: str, status: Status) -> None:
    stage = tree(workflow("npm ci && npm test"), package__json=package)
    assert (await verdict_of("ci.on.defined", stage, subject="automated tests")).status is status


@pytest.mark.parametrize(
    ("text", "path", "status"),
    [
        ("test:\n  script: [pytest]\n", ".gitlab-ci.yml", PASS),
        (".test:\n  script: [pytest]\n", ".gitlab-ci.yml", FAIL),
        (".base:\n  script: [pytest]\ntest:\n  extends: .base\n", ".gitlab-ci.yml", PASS),
        ("test:\n  script: [pytest]\n  allow_failure: true\n", ".gitlab-ci.yml", FAIL),
        ("test:\n  script: [pytest]\n  when: manual\n", ".gitlab-ci.yml", FAIL),
        ("test:\n  script: [pytest]\n  rules: [{when: never}]\n", ".gitlab-ci.yml", FAIL),
        ("include: [{template: Python.gitlab-ci.yml}]\nlint:\n  script: [ruff]\n", ".gitlab-ci.yml", UNKNOWN),
        ("jobs: {t: {steps: [{run: pytest}]}}\nworkflows: {w: {jobs: [t]}}\n", ".circleci/config.yml", PASS),
        ("jobs: {t: {steps: [{run: pytest}]}}\nworkflows: {w: {jobs: []}}\n", ".circleci/config.yml", FAIL),
        ("node { sh 'pytest' }", "Jenkinsfile", UNKNOWN),
        ("steps: [{script: pytest}]", "azure-pipelines.yml", UNKNOWN),
    ],
)
async def test_other_systems(text: str, path: str, status: Status) -> None:
    verdict = await verdict_of("ci.on.defined", tree(text, path), subject="tests in CI")
    assert verdict.status is status, verdict.summary


async def test_what_no_file_shows_is_unknown() -> None:
    verdict = await verdict_of("ci.on.defined", tree(workflow("pytest")), subject="CI is green")
    assert verdict.status is UNKNOWN
    part_of_a_tree = await verdict_of("ci.on.defined", Stage(repo=CODE), subject="CI")
    assert part_of_a_tree.status is UNKNOWN
    whole = await verdict_of("ci.on.defined", Stage(repo=CODE, committed=(CODE,)), subject="CI")
    assert whole.status is FAIL
    other = await verdict_of("ci.on.defined", tree(workflow("pytest")), tool="gitlab ci")
    assert other.status is FAIL


@pytest.mark.parametrize(
    ("text", "subject", "status"),
    [
        (workflow("pip-audit"), "security scanning", PASS),
        (workflow("pip-audit"), "dependency scanning", PASS),
        (workflow("pip-audit"), "SAST in the pipeline", FAIL),
        (workflow("pip-audit"), "container image scanning", FAIL),
        (workflow("bandit -r app --exit-zero"), "security scanning", FAIL),
        (workflow("pip install bandit"), "security scanning", FAIL),
        (workflow("npm audit || true"), "security scanning", FAIL),
        (workflow("semgrep ci"), "static analysis", PASS),
        (workflow("pytest"), "security scanning", FAIL),
    ],
)
async def test_scans(text: str, subject: str, status: Status) -> None:
    assert (await verdict_of("ci.secscan.defined", tree(text), subject=subject)).status is status


async def test_scans_of_an_included_template_are_not_read() -> None:
    text = "include: [{template: Jobs/SAST.gitlab-ci.yml}]\ntest:\n  script: [pytest]\n"
    verdict = await verdict_of("ci.secscan.defined", tree(text, ".gitlab-ci.yml"), subject="SAST")
    assert verdict.status is UNKNOWN


@pytest.mark.parametrize(
    ("text", "subject", "status"),
    [
        (workflow("kubectl apply -k deploy"), "deployment is automatic", PASS),
        (workflow("helm upgrade web ./chart", job="    environment: staging\n"), "deploys to staging", PASS),
        (workflow("helm upgrade web ./chart", job="    environment: production\n"), "deploys to staging", UNKNOWN),
        (workflow("kubectl apply -k deploy", on="workflow_dispatch"), "automatic", FAIL),
        (workflow("docker compose up -d && pytest"), "automatic", FAIL),
        (workflow("ssh host 'cd shop && docker compose up -d'"), "automatic", PASS),
        (workflow("sudo systemctl restart postgresql"), "automatic", FAIL),
        (workflow("kubectl apply --dry-run=client -f deploy"), "automatic", FAIL),
        (workflow("kind create cluster && kubectl apply -f x"), "automatic", FAIL),
        (workflow("mkdocs gh-deploy # docs"), "automatic", FAIL),
        (workflow("pytest"), "automatic", FAIL),
    ],
)
async def test_deployments(text: str, subject: str, status: Status) -> None:
    verdict = await verdict_of("ci.deploy.defined", tree(text), subject=subject)
    assert verdict.status is status, verdict.summary


async def test_a_platform_may_deploy_by_itself() -> None:
    stage = tree(workflow("pytest"), render__yaml="services: []\n")
    assert (await verdict_of("ci.deploy.defined", stage)).status is UNKNOWN
    assert (await verdict_of("ci.deploy.defined", stage, command="./deploy.sh")).status is UNKNOWN


async def test_what_a_pipeline_may_do_is_not_told_by_what_it_runs() -> None:
    stage = tree(workflow("pytest", on="[push, pull_request]"))
    assert (await verdict_of("ci.on.defined", stage, subject="GitHub Actions run tests")).status is PASS
    for subject in ("The role of GitHub Actions has few permissions", "CI secrets are protected"):
        assert (await verdict_of("ci.on.defined", stage, subject=subject)).status is UNKNOWN


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Dependencies are scanned", PASS),
        ("Security scans with Trivy", UNKNOWN),
        ("Scans by pip-audit", PASS),
        ("Scans by Trivy or pip-audit", PASS),
        ("Scans (Snyk/Trivy)", UNKNOWN),
    ],
)
async def test_the_scanner_that_the_line_names(subject: str, expected: Status) -> None:
    verdict = await verdict_of("ci.secscan.defined", tree(workflow("pip-audit", on="[push]")), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("text", "subject", "status"),
    [
        (workflow("pip install pytest; pytest --version"), "Tests run on every change", FAIL),
        (workflow("cat > notes.txt <<EOF\n          pytest\n          EOF"), "Tests run on every change", FAIL),
        (workflow("pytest", job="    if: ${{ false && true }}\n"), "Tests run on every change", FAIL),
        (workflow("pytest", job="    if: github.repository == 'up/stream' && true\n"), "Tests run in CI", UNKNOWN),
        (workflow("pytest", on="{push: {paths: ['billing/**']}}"), "Tests run on every change", UNKNOWN),
        (workflow("pytest", on="{push: {paths: ['billing/**']}, pull_request: {}}"), "Tests run in CI", PASS),
        (workflow("bin/rails db:test:prepare test"), "Tests run in CI", PASS),
        (workflow("pytest"), "mypy runs in CI", FAIL),
        (workflow("pytest && mypy src"), "mypy runs in CI", PASS),
        (workflow("bundle exec standardrb"), "RuboCop runs in CI", FAIL),
        (workflow("pytest && bundle exec standardrb"), "Linting enforced in CI", PASS),
        (workflow("pytest"), "Load tests run in CI", FAIL),
        (workflow("pytest"), "Accessibility tests run in CI", FAIL),
        (workflow("npx lhci autorun && npm run build"), "Lighthouse runs in CI", FAIL),
    ],
)
async def test_what_a_line_names_is_what_must_run(text: str, subject: str, status: Status) -> None:
    verdict = await verdict_of("ci.on.defined", tree(text), subject=subject)
    assert verdict.status is status, verdict.summary


async def test_tests_without_a_test() -> None:
    stage = Stage(repo={"app/main.py": "def main(): ...\n", GITHUB: workflow("pytest")})
    assert (await verdict_of("ci.on.defined", stage, subject="Tests run on every change")).status is UNKNOWN

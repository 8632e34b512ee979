"""A bot, a clean checkout and a stored release: seen as they are, not as their files are called."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.delivery import BOT, DEPENDABOT, HEAD, RELEASE_JOB, SERVICE, WHERE
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
NODE = {"web/package.json": '{"dependencies": {}}'}


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        ({DEPENDABOT[0]: BOT}, "", PASS),
        ({DEPENDABOT[0]: BOT, **NODE}, "", FAIL),
        ({DEPENDABOT[0]: BOT.replace("    schedule: {interval: weekly}\n", "")}, "", FAIL),
        ({DEPENDABOT[0]: BOT + "    open-pull-requests-limit: 0\n"}, "", FAIL),
        ({DEPENDABOT[0]: "version: 2\nupdates: []\n"}, "", FAIL),
        ({DEPENDABOT[0]: "version: 2\n# updates:\n"}, "", FAIL),
        ({DEPENDABOT[0]: "\t- :"}, "", FAIL),
        ({DEPENDABOT[0]: BOT}, "daily updates", FAIL),
        ({DEPENDABOT[0]: BOT}, "weekly npm + GitHub Actions updates", FAIL),
        ({DEPENDABOT[0]: BOT}, "Minor/patch grouped", FAIL),
        ({"renovate.json": '{"extends": ["config:recommended"]}'}, "", PASS),
        ({"renovate.json5": '{\n  // x\n  "extends": ["config:recommended"],\n}'}, "", PASS),
        ({"renovate.json": '{"enabled": false, "extends": ["config:recommended"]}'}, "", FAIL),
        ({"renovate.json": "{}"}, "", FAIL),
        ({"docs/dependabot.yml": BOT}, "", UNKNOWN),
        ({}, "", UNKNOWN),
    ],
)
async def test_the_bot(files: dict[str, str], subject: str, expected: Status) -> None:
    verdict = await verdict_of("ci.depbot.config", Stage(repo={**SERVICE, **files}), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("stage", "subject", "expected"),
    [
        (Stage(repo={}, committed=(HEAD,), remote=True), "Push to GitHub", PASS),
        (Stage(repo={}, committed=(HEAD,), remote=True), "Pull on production server", UNKNOWN),
        (Stage(repo={}, committed=(HEAD,)), "Commit all code", UNKNOWN),
        (Stage(repo={"new.py": "x"}, committed=(HEAD,), remote=True), "Commit all code", FAIL),
        (Stage(repo={"app.py": "x"}, committed=(HEAD,)), "Commit all code", FAIL),
        (Stage(repo=HEAD), "Commit all code", UNKNOWN),
    ],
)
async def test_the_checkout(stage: Stage, subject: str, expected: Status) -> None:
    verdict = await verdict_of("repo.vcs.state", stage, subject=subject)
    assert verdict.status is expected, verdict.summary


PUSHES = "on: [push]\njobs: {b: {steps: [{uses: docker/build-push-action@v6, with: {push: true}}]}}\n"


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        (RELEASE_JOB, "", PASS),
        (RELEASE_JOB, "release image exists in the registry", UNKNOWN),
        (PUSHES, "", PASS),
        (PUSHES.replace("push: true", "push: false"), "", FAIL),
        (PUSHES.replace("[push]", "workflow_dispatch"), "", FAIL),
        (RELEASE_JOB.replace("- run: docker push", "- run: '# docker push"), "", UNKNOWN),
    ],
)
async def test_the_release(text: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of("build.artifact.job", Stage(repo={**SERVICE, WHERE: text}), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("The image is built and stored", Status.PASS),
        ("All images are pushed", Status.UNKNOWN),
        ("Image pushed to ECR", Status.UNKNOWN),
    ],
)
async def test_what_the_line_says_of_the_release(subject: str, expected: Status) -> None:
    job = "on: {push: {tags: ['v*']}}\njobs:\n  r:\n    steps:\n      - run: docker push registry.example/web:1\n"
    stage = Stage(repo={"app.py": "x = 1\n", ".github/workflows/release.yml": job})
    found = await verdict_of("build.artifact.job", stage, subject=subject)
    assert found.status is expected, found.summary

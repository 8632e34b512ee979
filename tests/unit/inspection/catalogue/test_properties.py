"""A property counts where a tool shows it on every change, told to and able to stop."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
STRICT = {"tsconfig.json": '{\n  // all of it\n  "compilerOptions": {"strict": true},\n}'}
CLOSES = {".golangci.yml": "linters: {enable: [bodyclose]}\n"}


def ci(run: str) -> dict[str, str]:
    return {".github/workflows/ci.yml": f"on: [push]\njobs:\n  lint:\n    steps:\n      - run: {run}\n"}


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        (ci("npx eslint ."), "Code is linted", PASS),
        (ci("npx eslint . || true"), "Code is linted", FAIL),
        (ci("npm install eslint"), "Code is linted", FAIL),
        (ci("npx prettier --write ."), "Code formatted", FAIL),
        (ci("npx prettier --check ."), "Code formatted", PASS),
        ({**ci("npx tsc --noEmit"), **STRICT}, "TypeScript strict mode", PASS),
        (ci("npx tsc --noEmit"), "TypeScript strict mode", FAIL),
        (STRICT, "TypeScript strict mode", UNKNOWN),
        ({**ci("golangci-lint run"), **CLOSES}, "Close all ReadClosers", PASS),
        (ci("golangci-lint run"), "Close all ReadClosers", FAIL),
        (ci("npx eslint ."), "AccessLog exception safety", UNKNOWN),
        (ci("npx eslint ."), "", UNKNOWN),
    ],
)
async def test_properties(files: dict[str, str], subject: str, expected: Status) -> None:
    stage = Stage(repo={"src/a.ts": "export {}", **files})
    verdict = await verdict_of("code.static.linted", stage, subject=subject)
    assert verdict.status is expected, verdict.summary

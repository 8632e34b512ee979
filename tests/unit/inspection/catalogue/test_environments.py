"""Variables as code of every language reads them; environments that are defined, not merely mentioned."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.environments import APART, SETTINGS
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/a.py", 'import os\nX = os.environ["SHOP_KEY"]\n'),
        ("app/a.py", 'import os\nX = os.environ.get("SHOP_KEY", "")\n'),
        ("app/a.py", 'from decouple import config\nX = config("SHOP_KEY")\n'),
        ("app/a.py", 'env = environ.Env()\nX = env.str("SHOP_KEY")\n'),
        ("app/a.py", "class Settings(BaseSettings):\n    shop_key: str\n"),
        ("src/a.ts", "const x = process.env.SHOP_KEY;\n"),
        ("src/a.ts", 'const x = process.env["SHOP_KEY"];\n'),
        ("app/a.rb", 'x = ENV.fetch("SHOP_KEY")\n'),
        ("app/a.rb", 'x = ENV["SHOP_KEY"]\n'),
        ("a.go", 'x := os.Getenv("SHOP_KEY")\n'),
        ("src/main/java/A.java", 'String x = System.getenv("SHOP_KEY");\n'),
    ],
)
async def test_variables_that_are_read(path: str, text: str) -> None:
    documented = Stage(repo={path: text, ".env.example": "# SHOP_KEY=\n"})
    assert (await verdict_of("cfg.example.names", documented)).status is PASS
    missing = Stage(repo={path: text, ".env.example": "OTHER=\n"})
    assert (await verdict_of("cfg.example.names", missing)).status is FAIL
    assert (await verdict_of("cfg.example.names", Stage(repo={path: text}))).status is FAIL


@pytest.mark.parametrize(
    "files",
    [
        {"app/a.py": "x = 1\n", ".env.example": "A=\n"},
        {"app/a.py": '# os.environ["SHOP_KEY"]\n', ".env.example": "SHOP_KEY=\n"},
        {"tests/test_a.py": 'import os\nos.environ["SHOP_KEY"]\n', ".env.example": "SHOP_KEY=\n"},
        {"src/a.ts": "const x = process.env.NODE_ENV;\n", ".env.example": ""},
        {},
    ],
)
async def test_nothing_is_read(files: dict[str, str]) -> None:
    assert (await verdict_of("cfg.example.names", Stage(repo=files))).status is UNKNOWN


SCHEMA = "const env = z.object({\n  DATABASE_URL: z.string().url(),\n}).parse(process.env);\n"
ZOD = f"{SCHEMA}const u = process.env.DATABASE_URL;\n"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("app/settings.py", SETTINGS, PASS),
        ("app/settings.py", 'import os\nKEY = os.getenv("SECRET_KEY")\n', FAIL),
        ("app/settings.py", SETTINGS + 'SECRET_KEY = os.getenv("SECRET_KEY", "dev")\n', FAIL),
        ("app/settings.py", 'import os\n\n\ndef f():\n    return os.environ["X_KEY"]\n', FAIL),
        ("app/settings.py", "class S(BaseSettings):\n    database_url: str\n\n\nS()\n", PASS),
        ("app/settings.py", "class S(BaseSettings):\n    database_url: str\n", UNKNOWN),
        ("app/settings.py", 'class S(BaseSettings):\n    secret_key: str = "dev"\n', FAIL),
        ("src/env.ts", ZOD, PASS),
        ("src/env.ts", ZOD.replace(".url()", ".optional()"), UNKNOWN),
        ("src/env.ts", 'const s = process.env.JWT_SECRET || "secret";\n', FAIL),
        ("src/env.ts", "const s = process.env.JWT_SECRET;\n", FAIL),
        ("config/a.rb", 'KEY = ENV.fetch("SECRET_KEY_BASE")\n', PASS),
        ("config/a.rb", 'KEY = ENV.fetch("SECRET_KEY_BASE") { "dev" }\n', FAIL),
        ("app/settings.py", "x = 1\n", UNKNOWN),
    ],
)
async def test_validation(path: str, text: str, expected: Status) -> None:
    verdict = await verdict_of("cfg.validate.required", Stage(repo={path: text}))
    assert verdict.status is expected, verdict.summary


async def test_all_means_all() -> None:
    stage = Stage(repo={"app/settings.py": SETTINGS})
    verdict = await verdict_of("cfg.validate.required", stage, subject="All configuration values are present")
    assert verdict.status is UNKNOWN
    assert "SENTRY_DSN" in verdict.summary


async def test_a_start_without_others_is_not_seen_in_files() -> None:
    stage = Stage(repo={"app/settings.py": SETTINGS})
    assert (await verdict_of("cfg.validate.required", stage, subject="Ping required services")).status is UNKNOWN


JOBS = "  a: {environment: staging, steps: [{run: x}]}\n  b: {environment: production, steps: [{run: x}]}\n"
WORKFLOW = f"on: [push]\njobs:\n{JOBS}"


@pytest.mark.parametrize(
    ("files", "subject", "expected"),
    [
        (APART, "", PASS),
        (APART, "dev/staging/prod", FAIL),
        (APART, "Set up development environment", UNKNOWN),
        ({"app.py": "x", "k8s/overlays/staging/kustomization.yaml": "a: 1", **APART}, "dev/staging/prod", PASS),
        ({"app.py": "x", ".github/workflows/d.yml": WORKFLOW}, "staging and production", PASS),
        ({"app.py": "x", ".env.staging": "A=1", ".env.production": "A=1"}, "", FAIL),
        ({"app.py": "x", ".env.staging": "A=1", ".env.production": "A=2"}, "", PASS),
        ({"app.py": "x", ".env.staging": "", ".env.production": "A=2"}, "", FAIL),
        ({"app.py": "x", "docs/staging.md": "staging", "production.md": "x"}, "", FAIL),
        ({}, "", UNKNOWN),
    ],
)
async def test_environments(files: dict[str, str], subject: str, expected: Status) -> None:
    verdict = await verdict_of("cfg.separate.defined", Stage(repo=files), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_a_field_that_is_read_by_another_name() -> None:
    code = "class S(BaseSettings):\n    folder: str = Field('x', alias='SHOP_FOLDER')\n    size: int = 1\n"
    files = {"app/settings.py": code, ".env.example": "SHOP_FOLDER=\nSIZE=\n"}
    assert (await verdict_of("cfg.example.names", Stage(repo=files))).status is Status.PASS


async def test_names_that_others_give_or_that_are_private() -> None:
    code = "process.env.GITHUB_ACTOR; process.env.RUNNER_OS; process.env.SHOP_KEY"
    files = {"src/a.js": code, ".env.example": "SHOP_KEY=\n"}
    assert (await verdict_of("cfg.example.names", Stage(repo=files))).status is Status.PASS


@pytest.mark.parametrize(
    ("code", "subject", "expected"),
    [
        ("a = process.env.KEY; if (!a) throw new Error('Missing environment variables: KEY')", "", Status.UNKNOWN),
        ("const a = process.env.API_KEY_HEADER || 'X-Api'", "checked at the start", Status.FAIL),
        ("const a = process.env.KEY", "Validate: `make validate`", Status.UNKNOWN),
    ],
)
async def test_checks_of_its_own_at_the_start(code: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of("cfg.validate.required", Stage(repo={"src/a.js": code}), subject=subject)
    assert verdict.status is expected, verdict.summary
    assert "falls back" not in verdict.summary


async def test_a_variable_with_a_value_is_no_environment() -> None:
    stage = Stage(repo={"app.py": "x = 1\n"})
    assert (await verdict_of("cfg.separate.defined", stage, subject="`NODE_ENV=production`")).status is Status.UNKNOWN
    assert (await verdict_of("cfg.separate.defined", stage, subject="Staging is apart")).status is Status.FAIL

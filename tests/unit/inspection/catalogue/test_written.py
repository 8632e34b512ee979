"""Documents count for what they say about this system."""

from __future__ import annotations

import json

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.procedures import BACKWARDS
from roadworthy.inspection.catalogue.written import ARCH, COMPOSE, LONG, README, ROUTES, SQL
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
MORE = json.dumps({"openapi": "3.1.0", "paths": {"/api/orders": {"get": {}}, "/api/people": {"get": {}}}})


ABOUT_NOTHING = {"README.md": "# Shop\n\nIt sells shoes, and takes them back.\n"}


def doc(heading: str, text: str = LONG) -> dict[str, str]:
    return {"docs/operations.md": f"# Operations\n\n## {heading}\n\n{text}\n"}


@pytest.mark.parametrize(
    ("check", "files", "params", "expected"),
    [
        ("sec.rotate.described", doc("Log rotation"), {"subject": "rotation procedures"}, FAIL),
        ("sec.rotate.described", doc("Rotating keys"), {"subject": "rotation procedures"}, PASS),
        ("sec.rotate.described", doc("Rotating keys"), {"subject": "Rotate all secrets"}, UNKNOWN),
        ("sec.rotate.described", doc("Rotating keys"), {"subject": "rotate keys periodically"}, UNKNOWN),
        ("ci.rollback.described", BACKWARDS, {}, PASS),
        ("ci.rollback.described", doc("No rollback yet"), {}, FAIL),
        ("ci.rollback.described", doc("Rollback", "TODO"), {}, FAIL),
        ("ci.rollback.described", {"CHECKLIST.md": f"# Checklist\n\n## Rollback\n\n{LONG}"}, {}, UNKNOWN),
        ("ci.rollback.described", {}, {}, UNKNOWN),
        ("ci.rollback.described", BACKWARDS, {"subject": "Rollback tested"}, UNKNOWN),
        ("ci.rollback.described", BACKWARDS, {"subject": "Try the rollback procedure on staging"}, UNKNOWN),
        ("ci.rollback.described", BACKWARDS, {"subject": "Automatic rollback enabled"}, UNKNOWN),
        ("ci.rollback.described", README, {"subject": "Automatic rollback enabled"}, UNKNOWN),
        ("ci.rollback.described", README, {"subject": "Rollback tested"}, UNKNOWN),
        ("ci.rollback.described", README, {"subject": "Rollback plan documented"}, FAIL),
        ("ci.rollback.described", ABOUT_NOTHING, {"subject": "Rollback plan documented"}, UNKNOWN),
        ("sec.rotate.described", ABOUT_NOTHING, {"subject": "rotation procedures"}, UNKNOWN),
        ("doc.api.routes", doc("API keys"), {}, FAIL),
        ("doc.api.routes", {"qa/report.md": f"# QA report\n\n## API endpoints\n\n{LONG}"}, {}, UNKNOWN),
        ("doc.api.routes", doc("API reference"), {}, PASS),
        ("doc.api.routes", doc("API reference"), {"subject": "API docs updated"}, UNKNOWN),
        ("doc.api.routes", {**README, "openapi.yaml": "openapi: 3.1.0\npaths: {}\n"}, {}, FAIL),
        ("doc.api.routes", {**README, "openapi.yaml": "openapi: 3.1.0\npaths: {/x: {get: {}}}\n"}, {}, PASS),
        ("doc.api.routes", {**README, "openapi.json": ROUTES}, {"subject": "API documentation current"}, UNKNOWN),
        ("doc.arch.parts", ARCH, {}, PASS),
        (
            "doc.arch.parts",
            {**ARCH, "docs/etl.md": f"# Architecture of the import\n\n{'It reads files. ' * 90}"},
            {},
            PASS,
        ),
        (
            "doc.arch.parts",
            {"ledger/law.md": f"# Components\n\n{LONG}", "README.md": "# Shop\n\nIt sells.\n"},
            {},
            FAIL,
        ),
        ("doc.arch.parts", {"docs/team.md": f"# Architects and owners\n\n{LONG}"}, {}, FAIL),
        ("doc.arch.parts", {"compose.yml": COMPOSE}, {}, UNKNOWN),
        ("doc.arch.parts", {**README, "compose.yml": COMPOSE}, {}, FAIL),
        ("doc.schema.tables", {**SQL, **README}, {}, FAIL),
        ("doc.schema.tables", doc("Database schema"), {}, UNKNOWN),
        ("feature.flag.used", {"app.py": "if logger.is_enabled(x):\n    pass\n"}, {}, FAIL),
        ("feature.flag.used", {"app.py": "text = 'if FEATURE_CHECKOUT: pass'\n"}, {}, FAIL),
        ("feature.flag.used", {"app.py": "x = 1 if env.bool('FEATURE_CHECKOUT') else 2\n"}, {}, PASS),
        ("feature.flag.used", {"app.ts": "if (flags.FEATURE_CHECKOUT) { pay(); }\n"}, {}, PASS),
        ("feature.flag.used", {"app.py": "# FEATURE_CHECKOUT\n"}, {}, FAIL),
        ("feature.flag.used", {"app.py": "x = 1\n", "requirements.txt": "django-waffle\n"}, {}, UNKNOWN),
        ("feature.flag.used", {"app.rb": "Flipper.enabled?(:x)\n", "Gemfile": 'gem "flipper"\n'}, {}, PASS),
    ],
)
async def test_documents(check: str, files: dict[str, str], params: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of(check, Stage(repo=files), **params)
    assert verdict.status is expected, verdict.summary


async def test_a_specification_beside_what_is_served() -> None:
    site = pages({"/openapi.json": reply(json.loads(MORE))})
    lacking = Stage(site=site, repo={**README, "openapi.json": ROUTES})
    assert (await verdict_of("doc.api.routes", lacking)).status is FAIL
    whole = Stage(site=site, repo={**README, "openapi.json": MORE.replace("/api/", "/")})
    assert (await verdict_of("doc.api.routes", whole, subject="API documentation current")).status is PASS
    elsewhere = Stage(site=pages({"/docs/openapi.json": reply(json.loads(MORE))}), repo=README)
    assert (await verdict_of("doc.api.routes", elsewhere, subject="OpenAPI document is served")).status is PASS
    anything = Stage(site=pages({}, reply("<html>shop</html>")), repo=README)
    assert (await verdict_of("doc.api.routes", anything)).status is FAIL


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("src/a.js", "if (featureFlags.checkout) pay()\n", Status.PASS),
        ("src/a.js", "const on = process.env.FEATURE_CHECKOUT === 'on'\n", Status.PASS),
        ("src/a.js", "const featureFlags = {}\n", Status.FAIL),
        ("src/a.ts", "export const featureFlags: Flags = {\n  checkout: true }\n", Status.FAIL),
        ("src/a.ts", "import { featureFlags } from './flags'\n", Status.FAIL),
        ("app/a.rb", "feature_flags = {}\n", Status.FAIL),
        ("app/a.py", "feature_flags = {}\n", Status.FAIL),
        ("app/a.py", "flags = FeatureFlags()\n", Status.FAIL),
        ("app/a.py", "if feature_flags['checkout']:\n    pay()\n", Status.PASS),
    ],
)
async def test_flags_that_nobody_asks_switch_nothing(path: str, code: str, expected: Status) -> None:
    found = await verdict_of("feature.flag.used", Stage(repo={path: code}))
    assert found.status is expected, found.summary

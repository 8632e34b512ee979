"""Lines that were once ticked, or failed, by evidence of something else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.indexes import _said
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HOME = reply('<html><link rel="stylesheet" href="/site.css"><body><h1>Jobs</h1><a href="/jobs">all</a></body></html>')
LOST = Reply(404, HOME.body.replace(b"Jobs", b"Nothing here"), HOME.headers)
GUARDS = {
    "lib/guards.ts": "\n".join(f"export const guard{number} = {number};" for number in range(30)),
    "docs/DEPLOYMENT.md": "# Deployment\n" + "First the database is migrated, then the traffic switched.\n" * 10,
}


@pytest.mark.parametrize(
    ("subject", "file", "expected"),
    [
        ("Checked by HMAC in lib/guards.ts", "lib/guards.ts", UNKNOWN),
        ("Rate limiting in `lib/guards.ts`", "lib/guards.ts", UNKNOWN),
        ("Auth middleware (lib/guards.ts) protects admin routes", "lib/guards.ts", UNKNOWN),
        ("Create `lib/guards.ts`", "lib/guards.ts", PASS),
        ("`lib/guards.ts` exists", "lib/guards.ts", PASS),
        ("Deployment guide in docs/DEPLOYMENT.md", "docs/DEPLOYMENT.md", PASS),
        ("Database migrated first: docs/DEPLOYMENT.md", "docs/DEPLOYMENT.md", PASS),
        ("Blue-green releases: docs/DEPLOYMENT.md", "docs/DEPLOYMENT.md", UNKNOWN),
        ("lib/others.ts exists", "lib/others.ts", FAIL),
        ("Tests added for `lib/guards.ts`", "lib/guards.ts", UNKNOWN),
        ("Fix the bug in `lib/guards.ts`", "lib/guards.ts", UNKNOWN),
        ("No passwords in `lib/guards.ts`", "lib/guards.ts", UNKNOWN),
        ("Delete `lib/others.ts` from production", "lib/others.ts", UNKNOWN),
        ("`docs/DEPLOYMENT.md` translated to French", "docs/DEPLOYMENT.md", UNKNOWN),
        ("docs/DEPLOYMENT.md is complete", "docs/DEPLOYMENT.md", UNKNOWN),
    ],
)
async def test_a_file_shows_that_it_is_there_and_no_more(subject: str, file: str, expected: Status) -> None:
    verdict = await verdict_of("repo.file.named", Stage(repo=GUARDS), "repo.file", file=file, subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (None, UNKNOWN),
        ({"ENVIRONMENT": "development"}, UNKNOWN),
        ({"ENVIRONMENT": "production"}, PASS),
        ({"NODE_ENV": "production"}, PASS),
        ({"DEBUG": "false"}, PASS),
        ({"DEBUG": "true", "ENVIRONMENT": "production"}, UNKNOWN),
        ({"DEBUG": "app:*", "NODE_ENV": "production"}, UNKNOWN),
    ],
)
async def test_refused_requests_say_nothing_of_the_servers_own_errors(
    environment: Mapping[str, str] | None, expected: Status
) -> None:
    stage = Stage(site=pages({"/": HOME}), environment=environment)
    assert (await verdict_of("srv.errors.provoked", stage)).status is expected


@pytest.mark.parametrize(
    ("missing", "subject", "expected"),
    [
        (reply("<html><body><h1>Not Found</h1></body></html>", 404), "Custom 404 page", FAIL),
        (reply({"detail": "Not Found"}, 404), "Custom 404 page", FAIL),
        (LOST, "Custom 404 page", PASS),
        (LOST, "404 and 500 pages are custom", UNKNOWN),
    ],
)
async def test_a_page_of_errors_is_the_sites_own(missing: Reply, subject: str, expected: Status) -> None:
    stage = Stage(site=pages({"/": HOME}, missing), environment={"ENVIRONMENT": "production"})
    assert (await verdict_of("srv.errors.provoked", stage, subject=subject)).status is expected


def _lets_in(*origins: str) -> Site:
    def answer(asked: Asked) -> Reply:
        origin = asked.headers.get("origin", "")
        return reply({"items": [1]}, access_control_allow_origin=origin if origin in origins else "")

    return lambda: lambda asked: answer(asked) if asked.path == "/api/items" else reply("no", 404)


@pytest.mark.parametrize(
    ("allowed", "subject", "environment", "expected"),
    [
        ((), "CORS configured for production domain", None, UNKNOWN),
        ((), "CORS configured for production domain", {"CORS_ORIGINS": ""}, UNKNOWN),
        ((), "CORS restricted to trusted origins", None, PASS),
        ((), "CORS allows only our own origins", None, PASS),
        ((), "CORS allows only https://app.test", None, FAIL),
        (("https://app.test",), "CORS allows only https://app.test", None, PASS),
        (("https://app.test",), "CORS configured", {"CORS_ORIGINS": "https://app.test"}, PASS),
        (("https://app.test",), "CORS configured", {"CORS_ORIGINS": "https://other.test"}, FAIL),
        (("https://app.test", "https://evil.example"), "CORS configured", None, FAIL),
    ],
)
async def test_that_strangers_are_kept_out_does_not_say_that_anybody_is_let_in(
    allowed: tuple[str, ...], subject: str, environment: Mapping[str, str] | None, expected: Status
) -> None:
    stage = Stage(site=_lets_in(*allowed), environment=environment)
    verdict = await verdict_of("sec.cors.foreign", stage, path="/api/items", subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "django-insecure-8f#k2l!m9x0zq7w6e5r4t3y2u1i0pasdfghjklzxcvbnm12345"),
        ("SECRET_KEY", "dev"),
        ("SECRET_KEY", "this-is-a-very-long-development-key-1234567890"),
        ("SECRET_KEY_BASE", "my_super_secret_base_for_this_application_2024"),
        ("JWT_SECRET", "changeme"),
        ("JWT_SECRET", "jwt-token-signer-of-the-shop-in-the-harbour-1999"),
        ("NEXTAUTH_SECRET", "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3y"),
        ("APP_KEY", "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("SESSION_SECRET", "keyboard cat"),
    ],
)
async def test_what_tutorials_put_there_is_no_secret(name: str, value: str) -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={name: value}), name=name)
    assert verdict.status is FAIL
    assert value not in verdict.summary


@pytest.mark.parametrize("value", ["Jx4v9sTq7Lw2mNc8RbZp5KdH3yGf6AeUoVi1", "0f8d1c7be93a4652d10b7f64a98ce3f75b2a08d3"])
async def test_what_is_random_is_one(value: str) -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={"SECRET_KEY": value}), name="SECRET_KEY")
    assert verdict.status is PASS


def test_an_index_that_a_line_names_is_the_one_looked_for() -> None:
    assert str(_said("Index on orders(customer_id)")[0]) == "orders(customer_id)"
    assert str(_said("Indexes on `orders`(`a`, `b`)")[0]) == "orders(a, b)"
    assert str(_said("Index on `orders.customer_id`")[0]) == "orders(customer_id)"
    assert _said("Indexes created by `indexes.sql`") == []
    assert _said("Indexes on foreign keys (customer_id)") == []
    assert _said("Database indexes created (run `create_indexes.py`)") == []


async def test_a_providers_balancer_is_not_missed_on_this_machine() -> None:
    verdict = await verdict_of("nginx.lb.upstream", Stage(machine=Machine((Program("gunicorn app:app"),))))
    assert verdict.status is UNKNOWN


@pytest.mark.parametrize(
    ("files", "expected"),
    [({"docs/deployment-checklist.md": "- [ ] Do this\n" * 12}, PASS), ({"README.md": "# Shop\n"}, UNKNOWN)],
)
async def test_a_checklist_of_deployments_is_no_guide_to_them(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("doc.topic.section", Stage(repo=files), "doc.deploy", subject="Add deployment checklist")
    assert verdict.status is expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Readiness probe fails when a dependency is down", UNKNOWN),
        ("/health returns 503 if the database is unreachable", UNKNOWN),
        ("/health answers", PASS),
    ],
)
async def test_a_healthy_service_does_not_show_how_it_fails(subject: str, expected: Status) -> None:
    stage = Stage(site=pages({"/health": reply({"status": "ok"})}))
    verdict = await verdict_of("health.endpoint.answers", stage, path="/health", subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_a_wall_says_nothing_of_what_is_behind_it() -> None:
    stage = Stage(site=pages({"/": HOME}, reply("Forbidden", 403)))
    assert (await verdict_of("srv.debug.shown", stage)).status is UNKNOWN


SPEC = '{"openapi": "3.1.0", "paths": {"/pets": {"get": {}}}}'


@pytest.mark.parametrize(
    ("path", "subject", "expected"),
    [
        ("openapi.json", "API documented", PASS),
        ("docs/openapi.json", "API documented", PASS),
        ("openapi.json", "API documentation complete", UNKNOWN),
        ("openapi.json", "API documentation accessible at https://x.test/docs", UNKNOWN),
        ("tests/data/openapi.json", "API documented", FAIL),
        ("examples/petstore/openapi.json", "API documented", FAIL),
        ("vendor-specs/stripe/openapi.json", "API documented", FAIL),
    ],
)
async def test_specifications_of_others_describe_nothing_here(path: str, subject: str, expected: Status) -> None:
    files = {path: SPEC, "app.py": "x = 1\n", "README.md": "# Shop\n\nIt sells things.\n"}
    verdict = await verdict_of("doc.api.routes", Stage(repo=files), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_columns_of_a_model_are_no_switches() -> None:
    files = {"model.py": "if FEATURE_COLUMNS:\n    fit()\n"}
    assert (await verdict_of("feature.flag.used", Stage(repo=files))).status is FAIL


STYLED = {"/": HOME, "/site.css": reply("a { color: red }")}
OF_GUNICORN = Machine((Program("gunicorn app:app", listens=True),))


@pytest.mark.parametrize(
    ("site", "subject", "expected"),
    [
        (pages(STYLED), "Static files load correctly", PASS),
        (pages({"/": HOME}), "Static files load correctly", FAIL),
        (pages({"/": reply("<html><body><h1>Jobs</h1><p>x</p></body></html>")}), "Static files load", UNKNOWN),
        (pages(STYLED), "Nginx serves static files", FAIL),
    ],
)
async def test_static_files_come_from_whoever_serves_them(site: Site, subject: str, expected: Status) -> None:
    verdict = await verdict_of("nginx.static.location", Stage(site=site, machine=OF_GUNICORN), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_a_variable_that_no_line_names_may_have_another_name() -> None:
    stage = Stage(environment={"OTHER": "1"})
    assert (await verdict_of("cfg.siteurl.answers", stage)).status is UNKNOWN
    assert (await verdict_of("cfg.siteurl.answers", stage, name="SITE_URL")).status is FAIL


UNIT = "/etc/systemd/system/gunicorn.service"


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (None, UNKNOWN),
        (Machine(()), FAIL),
        (Machine((), files={"etc/systemd/system/gunicorn.service": "[Service]\n"}), UNKNOWN),
    ],
)
async def test_a_file_of_the_machine_is_not_looked_for_in_the_tree(machine: Machine | None, expected: Status) -> None:
    stage = Stage(repo=GUARDS, machine=machine)
    verdict = await verdict_of("repo.file.named", stage, "repo.file", file=UNIT, subject=f"Create `{UNIT}`")
    assert verdict.status is expected, verdict.summary


async def test_a_variable_that_the_code_sets_is_not_asked_for() -> None:
    files = {
        "app.py": "import os\nos.environ['SHOP_MODE'] = 'x'\nKEY = os.environ['SHOP_KEY']\n",
        ".env.example": "SHOP_KEY=\n",
    }
    assert (await verdict_of("cfg.example.names", Stage(repo=files))).status is PASS

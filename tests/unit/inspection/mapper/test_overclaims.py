"""Lines that say more than any check looks at are understood, and can't be ticked for it; plain ones can."""

from __future__ import annotations

import pytest

from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.mapper.told import Mapped
from roadworthy.inspection.model import Form, Item

MAPPER = Mapper()


def mapped(text: str, section: str = "Launch") -> Mapped:
    return MAPPER.map_one(Item(line=1, section=(section,), text=text))


@pytest.mark.parametrize(
    "text",
    [
        "Elasticsearch is set up on the production server",
        "Gunicorn behind nginx",
        "Gunicorn workers with gevent",
        "Production server hardened",
        "Database connection string stored in Vault",
        "Test database connection from staging",
        "Set up a managed cloud PostgreSQL database",
        "Database migrations reviewed",
        "Admin panel restricted to the VPN",
        "Port 443 (HTTPS) open",
        "Access logs shipped to Loki",
        "Access logs anonymise IP addresses",
        "`/api/books/` is private",
        "mypy runs in CI",
        "Load tests run in CI",
        "CI/CD pipeline secured",
        "CSP reports violations",
        "Health endpoint is fast (< 50 ms)",
        "No secrets in code, CI variables, or Docker layers",
        "Secrets scanning enabled on GitHub",
        "Dependabot alerts triaged weekly",
        "Dependabot PRs auto-merged",
        "Cluster autoscaler configured",
        "API versioning in URLs",
        "CORS configured for production domain",
        "Memory limits: 0 memory leaks",
        "Recommendation: add rate limiting in future",
        "Data retention policy (signed)",
        "Architecture diagrams current",
        "Update deployment runbook",
        "Container runs as non-root and has no shell",
    ],
)
def test_a_word_that_nothing_looked_at_keeps_a_line_from_a_tick(text: str) -> None:
    found = mapped(text)
    assert not found.requirements or found.unread or found.unmeasurable


@pytest.mark.parametrize(
    "text",
    [
        "Backups run daily",
        "Redis is up and running",
        "Unit tests passing",
        "PostgreSQL connection pooling configured (pool_size=20)",
        "Database connection recycling enabled (1 hour)",
        "Rate limiting enabled on all API endpoints",
        "Response compression enabled",
        "Security headers configured",
        "Health check endpoint responds",
        "Circuit breaker for external services",
    ],
)
def test_a_plain_line_can_be_ticked(text: str) -> None:
    found = mapped(text)
    assert found.requirements
    assert not found.unread
    assert not found.unmeasurable


@pytest.mark.parametrize(
    "text",
    [
        "Indexes missing",
        "SQL injection found",
        "Database superuser used by the app",
        "`.env` file committed",
        "/api/books/ down",
    ],
)
def test_an_ending_that_names_trouble_turns_the_line(text: str) -> None:
    assert mapped(text).sense is Sense.INVERSE


def test_what_cannot_be_reached_from_outside_is_no_trouble() -> None:
    assert mapped("Database is unreachable from the internet").sense is Sense.ASKED


@pytest.mark.parametrize(
    "section", ["When to Consider Rollback", "Check if ANY of these are true", "Rollback Triggers"]
)
def test_criteria_to_act_say_nothing_about_how_things_stand(section: str) -> None:
    assert mapped("SSL/TLS errors preventing access", section).unmeasurable


def test_a_probe_that_must_fail_is_asked_of_readiness() -> None:
    found = mapped("Readiness probe fails when a dependency is down")
    assert [one.id for one in found.requirements] == ["health.deps"]


@pytest.mark.parametrize(
    ("heading", "text", "asked"),
    [
        ("Unit Tests", "PaymentService (12 tests)", "test.unit"),
        ("3. Browser Testing", "Safari on the newest macOS", "fe.smoke"),
        ("Audit Trail", "15 kinds of actions", "sec.audit"),
        ("Core Features", "Invoices as PDF", "feature.exists"),
        ("Rotate these credentials", "Mail provider password", "sec.rotate"),
    ],
)
def test_a_heading_says_what_its_lines_are_and_ticks_none(heading: str, text: str, asked: str) -> None:
    found = mapped(text, heading)
    assert [one.id for one in found.requirements] == [asked]
    assert found.unread or asked in {"feature.exists", "flow.generic"}


def test_no_heading_speaks_for_a_sentence_that_is_no_item() -> None:
    line = Item(line=1, section=("Unit Tests",), text="We like small classes", firm=False)
    assert MAPPER.map_one(line).requirements == ()


def test_a_command_that_somebody_types_deploys_nothing_by_itself() -> None:
    line = Item(line=1, section=("Deploy",), text="git pull origin main", form=Form.CODE, language="shell", firm=False)
    assert MAPPER.map_one(line).unmeasurable


def test_a_file_that_is_started_is_not_any_server() -> None:
    assert mapped("`python src/optimised_main.py`").unread
    assert not mapped("`gunicorn shop:app`").unread


def test_a_secret_under_a_heading_that_rotates_is_to_be_rotated() -> None:
    line = Item(line=1, section=("Leaked keys",), context=("Rotate all of these",), text="SIGNING_SECRET")
    assert [one.id for one in MAPPER.map_one(line).requirements] == ["sec.rotate"]


def test_a_line_that_begins_with_a_variable_is_about_that_setting() -> None:
    found = mapped("Update `REACT_APP_BACKEND_REGION` to the nearest one")
    assert [one.params.get("name") for one in found.requirements] == ["REACT_APP_BACKEND_REGION"]
    assert found.unread


@pytest.mark.parametrize(
    "text",
    ["Copias de seguridad diarias en otra región", "Sauvegardes quotidiennes hors site", "Keine Ratenbegrenzung"],
)
def test_foreign_words_around_a_known_one_keep_a_line_from_a_tick(text: str) -> None:
    found = mapped(text)
    assert found.requirements
    assert found.unread or found.sense is not Sense.ASKED

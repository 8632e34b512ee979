from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
STRONG = "9f2b7c41d08e6a53b1c7e9048d2f6a3570be81c4d95a2f6378e0b4c1d7a95e26"


@pytest.mark.parametrize(
    ("environment", "params", "status", "words"),
    [
        ({"A": "1"}, {"name": "A", "value": "1"}, PASS, "A is set"),
        ({"A": "TRUE"}, {"name": "A", "value": "true"}, PASS, "set as asked"),
        ({"A": "1"}, {"name": "A", "value": "on"}, PASS, "set as asked"),
        ({"A": "0"}, {"name": "A", "value": "true"}, FAIL, "A is 0, the line says true"),
        ({"B": "1"}, {"name": "A", "value": "1"}, FAIL, "A is not set"),
        ({"A": "your-key-here"}, {"name": "A"}, FAIL, "placeholder"),
        ({"A": "real"}, {"name": "A", "value": "<something>"}, PASS, "set as asked"),
        ({"POSTGRES_HOST": "10.0.0.5"}, {"name": "POSTGRES_HOST", "value": "localhost"}, PASS, "set as asked"),
        ({"API_KEY": "k" * 20}, {"name": "API_KEY", "value": "example-of-a-key"}, PASS, "set as asked"),
        ({"A": "1", "B": "2"}, {"names": ("A", "B", "C")}, FAIL, "C is not set"),
        (
            {"DATABASE_URL": "postgresql://app:pw@db:6432/jobs", "POSTGRES_PORT": "5432"},
            {"name": "POSTGRES_PORT", "value": "5432"},
            FAIL,
            "POSTGRES_PORT is 5432, but DATABASE_URL says 6432",
        ),
        (
            {"DATABASE_URL": "postgresql://app:pw@db:5432/jobs"},
            {"name": "POSTGRES_USER", "value": "app"},
            FAIL,
            "in effect by DATABASE_URL: app",
        ),
    ],
)
async def test_variables(environment: dict[str, str], params: dict[str, str], status: Status, words: str) -> None:
    verdict = await verdict_of("cfg.env.effective", Stage(environment=environment), **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_without_names_those_of_the_example_are_asked_for() -> None:
    repo = {".env.example": "# comment\nAA=1\nexport BB=2\n"}
    verdict = await verdict_of("cfg.env.effective", Stage(environment={"AA": "1"}, repo=repo))
    assert (verdict.status, verdict.summary) == (FAIL, "BB is not set")
    assert (await verdict_of("cfg.env.effective", Stage(environment={"A": "1"}))).status is UNKNOWN


@pytest.mark.parametrize(
    ("value", "status", "words"),
    [
        (STRONG, PASS, "64 characters"),
        (STRONG[:20], FAIL, "20 characters, fewer than 32"),
        ("ab" * 32, FAIL, "repeats itself"),
        ("change-this-key-in-production-1234567890", FAIL, "placeholder"),
    ],
)
async def test_a_secret_is_judged_and_never_shown(value: str, status: Status, words: str) -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={"SECRET_KEY": value}))
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary
    assert value not in repr(verdict)


async def test_a_secret_that_stands_in_the_tree_is_none() -> None:
    repo = {"app/config.py": f'SECRET_KEY = os.environ.get("SECRET_KEY", "{STRONG}")\n'}
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={"SECRET_KEY": STRONG}, repo=repo))
    assert (verdict.status, "app/config.py:1" in verdict.summary) == (FAIL, True)
    assert STRONG not in repr(verdict)


async def test_a_password_inside_an_address_counts() -> None:
    environment = {"DATABASE_URL": "postgresql://app:V3ry-l0ng%2Fpassw0rd!x@db/jobs"}
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment=environment), name="POSTGRES_PASSWORD")
    assert verdict.status is PASS
    assert "passw0rd!x" not in repr(verdict)


async def test_the_value_of_the_line_itself_is_no_secret() -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={"SECRET_KEY": STRONG}), value=STRONG)
    assert verdict.status is FAIL


@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        (
            {"SECRET_KEY": STRONG, "DATABASE_URL": "postgresql://a:V3ry-l0ng-passw0rd@db/x"},
            PASS,
            "2 secrets are strong",
        ),
        ({"SECRET_KEY": STRONG, "DATABASE_URL": "postgresql://a:postgres@db/x"}, FAIL, "the password in DATABASE_URL"),
        ({"SECRET_KEY": STRONG, "JWT_SECRET": STRONG}, FAIL, "are the same"),
        ({"SECRET_KEY": STRONG, "SMTP_PASSWORD": "short"}, FAIL, "SMTP_PASSWORD has 5 characters"),
        ({"SECRET_KEY": STRONG, "GITHUB_TOKEN": "x", "PWD": "/app"}, PASS, "SECRET_KEY has 64"),
        ({"LOG_LEVEL": "INFO"}, FAIL, "any secret is not set"),
    ],
)
async def test_without_a_name_all_secrets_are_judged(environment: dict[str, str], status: Status, words: str) -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment=environment))
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary
    assert STRONG not in repr(verdict)


OTHER = "c81e728d9d4c2f636f067f89cc14862c"


@pytest.mark.parametrize(
    ("environment", "whose", "status", "words"),
    [
        ({"SECRET_KEY": STRONG}, "", UNKNOWN, "no password stands in"),
        ({"SECRET_KEY": STRONG, "DB_PASSWORD": "postgres"}, "", FAIL, "DB_PASSWORD"),
        ({"SECRET_KEY": "change-me", "DB_PASSWORD": OTHER}, "", PASS, "DB_PASSWORD has 32"),
        (
            {"SMTP_PASS": OTHER, "DATABASE_URL": "postgresql://app:app@db/jobs"},
            "",
            FAIL,
            "the password in DATABASE_URL",
        ),
        ({"BROKER_URI": f"amqp://app:{OTHER}@mq/"}, "", PASS, "the password in BROKER_URI"),
        ({"PWD": "/srv/app", "OLDPWD": "/"}, "", UNKNOWN, "no password"),
        ({"DB_PASSWORD": OTHER}, "admin", UNKNOWN, "no password of admin"),
        ({"DJANGO_ADMIN_PASSWORD": "admin"}, "admin", FAIL, "DJANGO_ADMIN_PASSWORD"),
        ({"REDIS_URL": f"redis://:{OTHER}@r/0", "DB_PASSWORD": "x"}, "redis", PASS, "REDIS_URL"),
    ],
)
async def test_a_line_about_passwords_is_judged_by_passwords(
    environment: dict[str, str], whose: str, status: Status, words: str
) -> None:
    params = {"what": ("passwords",), **({"whose": (whose,)} if whose else {})}
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment=environment), **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary

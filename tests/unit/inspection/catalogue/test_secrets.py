"""Secrets and tokens: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
STRONG = "9f2b7c41d08e6a53b1c7e9048d2f6a3570be81c4d95a2f6378e0b4c1d7a95e26"
OTHER = "c81e728d9d4c2f636f067f89cc14862cc4ca4238a0b923820dcc509a6f75849b"


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"COOKIE_SECRET": "abc"}, FAIL, "COOKIE_SECRET has 3"),
        ({"COOKIE_SECRET": ""}, FAIL, "COOKIE_SECRET"),
        ({"ENCRYPTION_KEY": "abc"}, FAIL, "ENCRYPTION_KEY has 3"),
        ({"cookie_secret": "abc"}, FAIL, "cookie_secret has 3"),
        ({"HASHIDS_SALT": "salt"}, FAIL, "HASHIDS_SALT has 4"),
        ({"COOKIE_SECRET": OTHER}, PASS, "2 secrets"),
        ({"STRIPE_SECRET_KEY": "sk_test_1", "AWS_SECRET_ACCESS_KEY": "x", "SENTRY_DSN": "https://k@s/7"}, PASS, "64"),
        ({"AUTH_URL": "https://login.test", "JWT_ALGORITHM": "HS256", "SESSION_DRIVER": "redis"}, PASS, "64"),
    ],
)
async def test_any_secret_of_the_service_is_judged(more: dict[str, str], status: Status, words: str) -> None:
    verdict = await verdict_of("sec.secretkey.strength", Stage(environment={"SECRET_KEY": STRONG, **more}))
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/authors", FAIL),
        ("/api/login-attempts", FAIL),
        ("/api/tokenizer", FAIL),
        ("/api/auth/logout", FAIL),
        ("/auth/jwt/create/", PASS),
        ("/api/auth/login", PASS),
        ("/token", PASS),
        ("/api/v1/access-token", PASS),
        ("/oauth/token/", PASS),
    ],
)
async def test_a_sign_in_is_a_whole_segment(path: str, status: Status) -> None:
    document = reply({"openapi": "3.1.0", "paths": {path: {"post": {}}}})
    stage = Stage(site=pages({"/openapi.json": document}), environment={"ACCESS_TOKEN_EXPIRE_MINUTES": "30"})
    verdict = await verdict_of("auth.jwt.lifetime", stage, name="ACCESS_TOKEN_EXPIRE_MINUTES", value="30")
    assert verdict.status is status, verdict.summary

"""Keys of others: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.keys import _CLIENT, _SET, _sends
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
KEY = "sk-9f2b7c41d08e6a53b1c7e904"


@pytest.mark.parametrize(
    ("environment", "params", "status"),
    [
        ({"OPENAI_API_KEY": KEY}, {"name": "OPENAI_API_KEY"}, PASS),
        ({"OTHER": "x"}, {"name": "OPENAI_API_KEY"}, FAIL),
        ({"OPENAI_API_KEY": "9f2b7c41d08e6a53b1c7e904"}, {"name": "OPENAI_API_KEY"}, FAIL),
        ({"MINIO_ACCESS_KEY": "minioadmin"}, {"subject": "MinIO access keys set"}, FAIL),
        ({"MINIO_ACCESS_KEY": "9f2b7c41d08e", "OPENAI_API_KEY": "x"}, {"subject": "MinIO access keys set"}, PASS),
        ({"STRIPE_SECRET_KEY": "sk_test_9f2b7c41d08e6a53"}, {"subject": "Use production API keys"}, FAIL),
        ({"OPENAI_API_KEY": KEY}, {"subject": "API key accepted by OpenAI"}, UNKNOWN),
        ({"PATH": "/bin"}, {"subject": "API keys set"}, UNKNOWN),
    ],
)
async def test_keys(environment: dict[str, str], params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("sec.apikeys.set", Stage(environment=environment), **params)
    assert verdict.status is status, verdict.summary
    assert "9f2b7c41d08e" not in repr(verdict)


async def test_a_key_in_the_page() -> None:
    site = pages({"/": reply(f"<html><body><p>x</p><script>key = '{KEY}'</script></body></html>")})
    verdict = await verdict_of(
        "sec.apikeys.set", Stage(site=site, environment={"OPENAI_API_KEY": KEY}), name="OPENAI_API_KEY"
    )
    assert verdict.status is FAIL


@pytest.mark.parametrize(
    ("stage", "params", "status"),
    [
        (Stage(environment=_SET), {"subject": "OAuth credentials set"}, PASS),
        (Stage(environment=_SET), {"subject": "OAuth flow tested"}, UNKNOWN),
        (
            Stage(environment={**_SET, "GOOGLE_CLIENT_SECRET": "your-secret"}),
            {"subject": "OAuth credentials set"},
            FAIL,
        ),
        (Stage(environment={"GOOGLE_CLIENT_ID": _CLIENT}), {"subject": "OAuth credentials set"}, FAIL),
        (Stage(environment={"PATH": "/bin"}), {"subject": "Google sign-in", "tool": "google"}, FAIL),
        (Stage(environment={"PATH": "/bin"}), {"subject": "OAuth credentials set"}, UNKNOWN),
        (Stage(site=pages({}, reply("<div id=app></div>"))), {"subject": "OAuth flow tested"}, UNKNOWN),
        (Stage(site=_sends(_CLIENT)), {"subject": "OAuth flow tested"}, PASS),
    ],
)
async def test_sign_in_through_others(stage: Stage, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("auth.oauth.begun", stage, **params)
    assert verdict.status is status, verdict.summary

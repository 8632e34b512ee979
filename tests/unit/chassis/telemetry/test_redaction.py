from __future__ import annotations

import pytest

from roadworthy.chassis.telemetry.redaction import REDACTED, redact, redact_text

CANARY = "c4n4ry-5ecret-v4lue"


@pytest.mark.parametrize(
    "text",
    [
        f"could not connect to postgresql://roadworthy:{CANARY}@db:5432/roadworthy",
        f"redis://:{CANARY}@cache:6379/0 refused",
        f"https://user:{CANARY}@example.org/path?x=1",
        f"Authorization: Bearer {CANARY}",
        f"basic {CANARY}",
        f"password={CANARY}&user=x",
        f'{{"access_token": "{CANARY}"}}',
        f"{{'api-key': '{CANARY}'}}",
        f"SECRET_KEY={CANARY}",
        f"client_secret: {CANARY}",
    ],
)
def test_a_credential_in_a_text_is_not_shown(text: str) -> None:
    shown = redact_text(text)
    assert CANARY not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "GET /jobs/12 took 3 ms",
        "https://example.org/a:b",
        "user anna@example.org signed in",
        "12:30:01 the tokenizer ran",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_a_jwt_is_not_shown_wherever_it_stands() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123"
    assert redact_text(f"got {token} from the client") == f"got {REDACTED} from the client"


def test_fields_are_judged_by_their_names_however_deep() -> None:
    event = {"user": "anna", "Password": CANARY, "nested": [{"headers": {"Set-Cookie": CANARY, "accept": "*/*"}}]}
    assert redact(event) == {
        "user": "anna",
        "Password": REDACTED,
        "nested": [{"headers": {"Set-Cookie": REDACTED, "accept": "*/*"}}],
    }


def test_what_lies_too_deep_to_look_at_is_not_shown() -> None:
    deep: object = CANARY
    for _ in range(20):
        deep = [deep]
    assert CANARY not in repr(redact(deep))


def test_plain_values_keep_their_types() -> None:
    assert redact({"status": 200, "ok": True, "ms": 1.5, "nothing": None}) == {
        "status": 200,
        "ok": True,
        "ms": 1.5,
        "nothing": None,
    }

"""Passwords: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.signing_in import FLOWS, PASSWORD_KEYS, SIGN_UP, WEAK, _site, changed
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, pages, reply
from roadworthy.inspection.scenario import Flow, Step

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


async def test_what_refuses_everybody_shows_nothing() -> None:
    stage = Stage(site=pages({}, reply({"title": "no"}, 422)), flows=FLOWS)
    assert (await verdict_of("auth.password.weak", stage)).status is UNKNOWN


async def test_a_limit_of_requests_is_no_refusal_of_weak_passwords() -> None:
    def made() -> Handler:
        inner, count = _site()(), {"n": 0}

        def answer(asked: Asked) -> Reply:
            count["n"] += 1
            return inner(asked) if count["n"] < 4 else reply({"title": "too many"}, 429)

        return answer

    stage = Stage(site=made, flows=FLOWS)
    assert (await verdict_of("auth.password.weak", stage)).status is UNKNOWN


async def test_lines_about_hashes_and_about_strength_are_told_apart() -> None:
    stage = Stage(site=_site(), flows=FLOWS, repo={"a.py": "hashlib.md5(password)"})
    assert (await verdict_of("auth.password.weak", stage, subject="Hash passwords (bcrypt)")).status is UNKNOWN
    assert (await verdict_of("auth.password.hashed", stage, subject="Password strength requirements")).status is UNKNOWN
    assert (await verdict_of("auth.password.hashed", stage, subject="Hash passwords")).status is FAIL


@pytest.mark.parametrize(("password", "status"), [("123456", FAIL), ("Correct-horse-battery-7", PASS)])
async def test_the_least_length_of_the_line(password: str, status: Status) -> None:
    assert password not in WEAK or status is FAIL
    stage = Stage(site=_site(), flows=FLOWS)
    wanted = 10 if status is PASS else 16
    assert (await verdict_of("auth.password.weak", stage, min_length=wanted)).status is status


async def test_a_fixed_account_is_not_locked_out() -> None:
    fixed = Flow(
        "Login", [Step(post="/api/login", json={"email": "me@example.test", "password": "Correct-horse-battery-7"})]
    )
    asked: list[bytes] = []

    def made() -> Handler:
        inner = _site(patient=True)()

        def answer(one: Asked) -> Reply:
            asked.append(one.body)
            return inner(one)

        return answer

    verdict = await verdict_of("auth.lockout.guessed", Stage(site=made, flows=[fixed]))
    assert verdict.status is UNKNOWN
    assert asked
    assert not any(b"me@example.test" in body for body in asked)


async def test_without_a_flow_nothing_is_tried() -> None:
    for check in ("auth.password.weak", "auth.lockout.guessed"):
        assert (await verdict_of(check, Stage(site=_site()))).status is UNKNOWN


def test_fields_that_hold_a_password() -> None:
    step = Step(post="/x", form={"user[password]": "a", "password_confirmation": "a", "email": "e", "passport": "p"})
    assert changed(step, PASSWORD_KEYS, "b").form == {
        "user[password]": "b", "password_confirmation": "b", "email": "e", "passport": "p"}  # fmt: skip
    kept = SIGN_UP.steps[0].json
    assert isinstance(kept, dict)
    assert kept["password"] != "b"

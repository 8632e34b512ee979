"""Tokens: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.forging import SIGNING_IN, decoded, forged, gate
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.scenario import Flow, Step

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "wanted", "status"),
    [(1800, 1800, PASS), (3600, 1800, FAIL), (None, None, FAIL), (90 * 86_400, None, FAIL), (900, None, PASS)],
)
async def test_lifetimes(seconds: int | None, wanted: int | None, status: Status) -> None:
    params = {"ttl_seconds": wanted} if wanted else {}
    verdict = await verdict_of("auth.jwt.forged", Stage(site=gate(seconds=seconds), flows=[SIGNING_IN]), **params)
    assert verdict.status is status, verdict.summary


async def test_no_flow_no_tick() -> None:
    assert (await verdict_of("auth.jwt.forged", Stage(site=gate()))).status is UNKNOWN


async def test_a_token_that_opens_no_door_shows_nothing() -> None:
    flow = Flow("Login", [Step(post="/api/login", json={}, save={"token": "$.access_token"})])
    assert (await verdict_of("auth.jwt.forged", Stage(site=gate(), flows=[flow]))).status is UNKNOWN


async def test_a_door_that_stands_open_is_found() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    site = pages({"/api/login": reply({"access_token": token}), "/api/me": reply({"name": "Kim"})})
    verdict = await verdict_of("auth.jwt.forged", Stage(site=site, flows=[SIGNING_IN]))
    assert (verdict.status, "no token" in verdict.summary) == (FAIL, True)
    assert token not in repr(verdict)


def test_every_forgery_differs_and_is_a_token() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    made = [one for _, one in forged(token)]
    assert len({token, *made}) == len(made) + 1
    assert all(decoded(one) is not None for one in made)
    assert decoded("a.b") is None
    assert decoded("1.2.3") is None


async def test_refreshing_is_a_claim_of_its_own() -> None:
    stage = Stage(site=gate(), flows=[SIGNING_IN])
    verdict = await verdict_of("auth.jwt.forged", stage, subject="JWT authentication with refresh tokens")
    assert verdict.status is UNKNOWN
    again = Flow("Login", [*SIGNING_IN.steps, Step(post="/api/login", json={"refresh": "{token}"})])
    verdict = await verdict_of("auth.jwt.forged", Stage(site=gate(), flows=[again]), subject="with refresh tokens")
    assert verdict.status is PASS

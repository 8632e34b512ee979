"""Limits that were not met, and limits of other routes than those that can be asked."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.limits import _Limiter
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
OPEN = pages({"/api/items": reply({"items": [1]})})
PROMISING = pages({"/api/items": reply({"items": [1]}, ratelimit_policy="20;w=60")})


@pytest.mark.parametrize(
    ("stage", "params", "status", "words"),
    [
        (Stage(site=OPEN), {}, UNKNOWN, "a higher limit may exist"),
        (Stage(site=OPEN), {"per_minute": 20}, FAIL, "none refused"),
        (Stage(site=OPEN), {"per_minute": 1000}, UNKNOWN, "a higher limit may exist"),
        (Stage(site=PROMISING), {}, FAIL, "none refused"),
        (Stage(site=OPEN, environment={"RATE_LIMIT_PER_MINUTE": "20"}), {}, FAIL, "none refused"),
        (Stage(site=_Limiter(20)), {}, PASS, "request 21"),
    ],
)
async def test_a_limit_is_missing_only_where_one_was_exceeded(
    stage: Stage, params: dict[str, int], status: Status, words: str
) -> None:
    verdict = await verdict_of("rl.on.exceeded", stage, path="/api/items", **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary

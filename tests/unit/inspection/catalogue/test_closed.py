"""Paths that are said to be closed, and what answers a stranger there."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages, reply
from roadworthy.inspection.mapper import Mapper
from roadworthy.inspection.model import Item

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
PATH = "/api/orders"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (reply([{"id": 1}]), FAIL),
        (reply({"detail": "no credentials"}, 401), PASS),
        (reply("", 403), PASS),
        (reply("", 302, location="/accounts/login/?next=/api/orders"), PASS),
        (reply("", 302, location="https://id.example/authorize?redirect_uri=x"), PASS),
        (reply("", 301, location="/api/orders/"), UNKNOWN),
        (reply("", 308, location="https://shop.example/api/orders"), UNKNOWN),
        (reply("", 302, location="/welcome"), UNKNOWN),
        (reply("<form><input name=p type=password></form>"), UNKNOWN),
        (reply("not found", 404), UNKNOWN),
        (reply("", 500), UNKNOWN),
    ],
)
async def test_a_stranger_is_refused_or_not(answer: Reply, status: Status) -> None:
    verdict = await verdict_of("auth.closed.stranger", Stage(site=pages({PATH: answer})), path=PATH)
    assert verdict.status is status


async def test_one_page_for_every_address_shows_nothing() -> None:
    same = Stage(site=pages({}, reply("<div id=app></div>")))
    assert (await verdict_of("auth.closed.stranger", same, path=PATH)).status is UNKNOWN


@pytest.mark.parametrize("text", [f"POST {PATH} requires authentication", f"Creating {PATH} needs a login"])
async def test_a_write_is_not_tried(text: str) -> None:
    open_one = Stage(site=pages({PATH: reply([{"id": 1}])}))
    assert (await verdict_of("auth.closed.stranger", open_one, path=PATH, subject=text)).status is UNKNOWN


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("GET /api/orders requires authentication", True),
        ("`/api/orders` is restricted to staff", True),
        ("Unauthenticated access to `/api/orders` is denied", True),
        ("Anonymous users cannot list `/api/orders`", True),
        ("/api/orders returns 401 without a token", True),
        ("`/admin/` requires login", True),
        ("No authentication required on `/api/orders`", False),
        ("`/api/orders` works without authentication", False),
        ("`/api/orders` does not require a token", False),
        ("`/admin/` restricted to the VPN", False),
        ("Rate limit on `/api/login` enforced", False),
    ],
)
def test_which_lines_say_that_a_path_is_closed(text: str, *, closed: bool) -> None:
    asked = Mapper().map_one(Item(1, (), text)).requirements
    assert any(one.id == "auth.closed" for one in asked) is closed

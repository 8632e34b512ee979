"""Hosts, cookies and forms: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.flows import REGISTER_AND_LOGIN, accounts
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, pages, reply
from roadworthy.inspection.scenario import Flow, Step

PASS, FAIL, UNKNOWN, NONE = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
HOME = "<html><body><h1>Jobs</h1><p>x</p></body></html>"


def building(header: str) -> Site:
    """A site that writes an address from a header into its page."""

    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            host = asked.headers.get(header, "own.test")
            if asked.path != "/":
                return reply("not found", 404)
            return reply(f'{HOME}<a href="https://{host}/reset">reset</a>')

        return answer

    return made


@pytest.mark.parametrize("header", ["host", "x-forwarded-host"])
async def test_addresses_built_from_a_forged_host(header: str) -> None:
    verdict = await verdict_of("sec.hosts.forged", Stage(site=building(header)))
    assert verdict.status is FAIL, verdict.summary


async def test_a_silent_server_refuses_nothing() -> None:
    assert (await verdict_of("sec.hosts.forged", Stage(site=pages({})))).status is UNKNOWN


@pytest.mark.parametrize(
    ("cookie", "name", "status"),
    [
        ("sessionid=abcdefgh; Secure; HttpOnly; SameSite=Lax", "", PASS),
        ("sessionid=abcdefgh; HttpOnly; SameSite=Lax", "", UNKNOWN),
        ("sessionid=abcdefgh; HttpOnly; SameSite=Lax", "SESSION_COOKIE_HTTPONLY", PASS),
        ("sessionid=abcdefgh; Secure; SameSite=Lax", "", FAIL),
        ("sessionid=abcdefgh; Secure; HttpOnly", "", FAIL),
        ("sessionid=abcdefgh; HttpOnly; SameSite=None", "", FAIL),
        ("csrftoken=abcdefgh; Secure; SameSite=Lax", "", PASS),
        ("sessionid=a, expires; Secure; HttpOnly; SameSite=Strict", "", PASS),
    ],
)
async def test_flags(cookie: str, name: str, status: Status) -> None:
    stage = Stage(site=pages({"/": reply(HOME, set_cookie=cookie)}))
    verdict = await verdict_of("sec.cookies.flags", stage, **({"name": name} if name else {}))
    assert verdict.status is status, verdict.summary
    assert "abcdefgh" not in repr(verdict)


async def test_a_setting_alone_is_no_flag() -> None:
    for value, status in (("True", UNKNOWN), ("False", FAIL)):
        stage = Stage(site=pages({"/": reply(HOME)}), environment={"SESSION_COOKIE_SECURE": value})
        assert (await verdict_of("sec.cookies.flags", stage, name="SESSION_COOKIE_SECURE")).status is status


async def test_cookies_of_a_flow_count() -> None:
    site = pages({"/": reply(HOME), "/in": reply({"ok": 1}, set_cookie="sid=abcdefgh; Secure")})
    stage = Stage(site=site, flows=[Flow("Login", [Step(post="/in", json={})])])
    verdict = await verdict_of("sec.cookies.flags", stage)
    assert (verdict.status, "sid lacks httponly" in verdict.summary) == (FAIL, True)


async def test_bearer_tokens_need_no_form_token() -> None:
    def made() -> Handler:
        inner = accounts()()
        return lambda asked: reply(HOME) if asked.path == "/" else inner(asked)

    assert (await verdict_of("sec.csrf.forms", Stage(site=made, flows=[REGISTER_AND_LOGIN]))).status is NONE
    assert (await verdict_of("sec.csrf.forms", Stage(site=made))).status is UNKNOWN


async def test_a_token_that_nobody_verifies() -> None:
    form = '<form method="post" action="/login"><input name="csrf_token" value="t"></form>'
    stage = Stage(site=pages({"/": reply(HOME + form), "/login": reply("welcome")}))
    verdict = await verdict_of("sec.csrf.forms", stage)
    assert (verdict.status, "without its token" in verdict.summary) == (FAIL, True)

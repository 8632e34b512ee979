"""Flows: values travel from step to step, nothing secret is told, and what shows nothing is no success."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roadworthy.inspection.errors import InvalidTarget
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, pages, reply
from roadworthy.inspection.probes.flows import FlowsProbe, Walk
from roadworthy.inspection.scenario import Flow, Step, Upload
from roadworthy.inspection.target import parse

TOKEN = "tok-4f9e0c1b7a2d4c55b0e1"


def shop() -> Site:
    """Accounts by e-mail, a token at sign-in, a page with a form."""

    def made() -> Handler:
        accounts: dict[str, str] = {}
        asked_for = {"slow": 0}

        def answer(asked: Asked) -> Reply:  # noqa: PLR0911 - a route each
            if asked.path == "/api/register":
                told = json.loads(asked.body)
                accounts[told["email"]] = told["password"]
                return reply({"id": 7}, 201)
            if asked.path == "/api/login":
                told = json.loads(asked.body)
                good = accounts.get(told["email"]) == told["password"]
                return reply({"data": {"tokens": [{"access": TOKEN}]}}) if good else reply({"title": "no"}, 401)
            if asked.path == "/api/me":
                good = asked.headers.get("authorization") == f"Bearer {TOKEN}"
                return reply({"email": next(iter(accounts))}) if good else reply({}, 401)
            if asked.path == "/form":
                page = '<meta name="csrf-token" content="m1"><input name="csrf" value="f1">'
                return reply(page, set_cookie="sid=c1; Path=/")
            if asked.path == "/submit":
                return reply(asked.body.decode() + asked.headers.get("cookie", ""), 302, location="/done")
            if asked.path == "/slow":
                asked_for["slow"] += 1
                return reply({"state": "done" if asked_for["slow"] > 1 else "running"})
            if asked.path == "/upload":
                return reply({"bytes": len(asked.body), "png": b'name="image"; filename="a.png"' in asked.body}, 201)
            return reply("not found", 404)

        return answer

    return made


async def walked(*steps: Step, site: Site | None = None) -> tuple[Walk, FlowsProbe]:
    flow = Flow("a flow", list(steps))
    async with Stage(site=site or shop(), flows=[flow]).open() as probes:
        assert probes.flows is not None
        return await probes.flows.walk(flow), probes.flows


async def test_a_token_goes_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_PASSWORD", "Correct-horse-7")
    account = {"email": "probe+{random}@example.test", "password": "${PROBE_PASSWORD}"}
    walk, flows = await walked(
        Step(post="/api/register", json=account, expect=201),
        Step(post="/api/login", json=account, save={"token": "$.data.tokens[0].access"}),
        Step(get="/api/me", bearer="{token}", contains="probe+{random}@"),
    )
    assert walk.problem == ""
    assert flows.secrets() == {"Correct-horse-7", TOKEN}


async def test_a_form_with_its_cookie_and_hidden_values() -> None:
    walk, _ = await walked(
        Step(get="/form", save={"a": "input:csrf", "b": "meta:csrf-token", "c": "cookie:sid"}),
        Step(
            post="/submit",
            form={"x": "{a}{b}{c}"},
            expect=[302, 303],
            contains="x=f1m1c1sid=c1",
            save={"to": "header:location"},
        ),
    )
    assert (walk.problem, walk.saved["to"]) == ("", "/done")


async def test_a_file_is_sent_as_a_form_does(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    step = Step(
        post="/upload", file=Upload(tmp_path / "a.png", "image", "image/png"), expect=201, contains='"png": true'
    )
    assert (await walked(step))[0].problem == ""


async def test_what_takes_a_while_is_asked_again() -> None:
    assert (await walked(Step(get="/slow", contains="done", within_seconds=5)))[0].problem == ""


async def test_the_first_thing_wrong_ends_the_flow_but_for_cleaning_up() -> None:
    walk, _ = await walked(
        Step(post="/api/login", json={"email": "a", "password": "b"}),
        Step(get="/api/me"),
        Step(get="/form", always=True),
    )
    assert [one.step.path for one in walk.trodden] == ["/api/login", "/form"]
    assert "401 instead of 2xx" in walk.problem


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step(get="/x/{token}"), "no step before it saved token"),
        (Step(get="/x", bearer="${ROADWORTHY_TEST_UNSET}"), "not in the environment"),
        (Step(get="/form", save={"a": "$.token"}), "without $.token"),
        (Step(post="/upload", file=Upload(Path("/nowhere/x")), expect=201), "No such file"),
    ],
)
async def test_what_is_missing_is_named(step: Step, words: str) -> None:
    assert words in (await walked(step))[0].problem


async def test_a_page_for_every_address_shows_nothing() -> None:
    everywhere = pages({}, reply("<div id=app></div>"))
    assert "does not exist" in (await walked(Step(get="/jobs", expect=200), site=everywhere))[0].problem


async def test_a_flow_is_walked_once() -> None:
    flow = Flow("login", [Step(get="/slow")])
    async with Stage(site=shop(), flows=[flow]).open() as probes:
        assert probes.flows is not None
        assert await probes.flows.walk(flow) is await probes.flows.walk(flow)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('steps = [{get = "jobs"}]', "names one method and a path"),
        ('steps = [{get = "/a", post = "/b"}]', "names one method and a path"),
        ('steps = [{post = "/a", json = {}, form = {}}]', "not several"),
        ('steps = [{get = "/a", save = {x = "token"}}]', "save takes"),
        ('steps = [{get = "/a", within_seconds = 999}]', "within_seconds"),
        ("steps = []", "has 0 steps"),
        ('steps = [{get = "/a", expects = 200}]', "expects"),
    ],
)
def test_what_cannot_be_walked_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidTarget) as refusal:
        parse(f'[http]\nurl = "https://x.test"\n[[flows]]\nname = "x"\n{text}', Path("target.toml"))
    assert words in refusal.value.problem


def test_variables_of_flows_are_looked_up_when_walked() -> None:
    target = parse('[[flows]]\nname = "x"\nsteps = [{get = "/a", bearer = "${ROADWORTHY_TEST_UNSET}"}]', Path("t"))
    assert target.flows[0].steps[0].bearer == "${ROADWORTHY_TEST_UNSET}"


def test_a_cut_has_a_way_back() -> None:
    with pytest.raises(InvalidTarget):
        parse('[[cuts]]\ndependency = "redis"\ncut = "x"\nrestore = ""', Path("t"))

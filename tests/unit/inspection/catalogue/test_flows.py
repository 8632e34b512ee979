"""Flows: a line is ticked by a flow that names the thing, and by no other."""

from __future__ import annotations

import tomllib

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status, Verdict
from roadworthy.inspection.catalogue import wording
from roadworthy.inspection.catalogue.flows import REGISTER_AND_LOGIN, WALKED, accounts, chosen
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Probes, Requirement
from roadworthy.inspection.scenario import Flow, Step

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
STEPS = [Step(get="/")]


@pytest.mark.parametrize(
    ("line", "flows", "names", "unnamed"),
    [
        ("User registration and login", ["Login"], ["Login"], ["registration"]),
        ("User registration and login", ["Sign up", "Log in"], ["Sign up", "Log in"], []),
        ("User authentication working", ["Login"], ["Login"], []),
        ("Job posting and search", ["Posting a job, then searching"], ["Posting a job, then searching"], []),
        ("Job posting and search", ["Job search"], ["Job search"], ["posting"]),
        ("Job posting and search", ["Payments"], [], ["job", "posting", "search"]),
        ("Document upload", ["Upload a photo"], [], ["document"]),
        ("Upload flow tested", ["Upload a photo"], ["Upload a photo"], []),
        ("Login working", ["Login", "Login with Google"], ["Login"], []),
        ("Test critical user flows", ["Login"], [], []),
        ("Test critical user flows", ["critical user flows"], ["critical user flows"], []),
        ("Test flows: Login, upload scan, view vulnerabilities", ["Login", "Upload scan", "Viewing a vulnerability"],
         ["Login", "Upload scan", "Viewing a vulnerability"], []),
        ("Critical flows tested (signup/login, core CRUD, payments if any)", ["Login", "Sign up"],
         ["Login", "Sign up"], ["crud", "payments"]),
        ("User Management (/api/users)", ["User management"], ["User management"], []),
        ("AI job matching", ["Job posting"], [], ["ai", "matching"]),
    ],
)  # fmt: skip
def test_which_flows_prove_a_line(line: str, flows: list[str], names: list[str], unnamed: list[str]) -> None:
    choice = chosen([Flow(name, STEPS) for name in flows], line)
    if unnamed and not names:
        assert choice.unnamed
    else:
        assert ([flow.name for flow in choice.flows], list(choice.unnamed)) == (names, unnamed)


@pytest.mark.parametrize(("one", "other"), [("post", "posting"), ("register", "registration"), ("scan", "scans")])
def test_words_of_a_family(one: str, other: str) -> None:
    assert wording.same(one, other)


@pytest.mark.parametrize(("one", "other"), [("job", "jobless"), ("car", "cart"), ("pay", "payload"), ("test", "text")])
def test_words_that_only_look_alike(one: str, other: str) -> None:
    assert not wording.same(one, other)


async def test_without_a_flow_a_skeleton_that_toml_reads() -> None:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}}
    new = {"type": "object", "properties": {"email": {"type": "string"}, "password": {"type": "string"},
                                            "tags": {"type": "array", "items": {"type": "integer"}}}}  # fmt: skip
    document = {
        "openapi": "3.1.0",
        "components": {"schemas": {"New": new}},
        "paths": {
            "/api/auth/register": {"post": {"requestBody": body, "responses": {"201": {}}}},
            "/api/auth/login": {"post": {"requestBody": body, "responses": {"200": {}}}},
            "/api/jobs": {"get": {"responses": {"200": {}}}},
        },
    }
    stage = Stage(site=pages({"/openapi.json": reply(document)}))
    async with stage.open() as probes:
        verdict = await verdict_of_open(probes, "User registration and login")
    assert verdict.status is UNKNOWN
    assert verdict.remediation is not None
    written = tomllib.loads(verdict.remediation.patch or "")["flows"][0]
    assert [step["post"] for step in written["steps"]] == ["/api/auth/register", "/api/auth/login"]
    assert written["steps"][0]["json"]["password"] == "${PROBE_PASSWORD}"
    assert written["steps"][1]["save"] == {"token": "$.access_token"}


async def verdict_of_open(probes: Probes, subject: str) -> Verdict:
    return await WALKED.run(probes, Requirement("auth.flow", {"subject": subject}))


async def test_a_flow_of_something_else_ticks_nothing() -> None:
    stage = Stage(site=accounts(), flows=[REGISTER_AND_LOGIN])
    for requirement, subject in (("flow.generic", "Job posting"), ("test.smoke", "Payments work"), ("test.smoke", "")):
        verdict = await verdict_of("flow.generic.walked", stage, requirement, subject=subject)
        assert verdict.status is UNKNOWN, verdict.summary


async def test_half_of_a_line_is_not_the_line() -> None:
    stage = Stage(site=accounts(), flows=[REGISTER_AND_LOGIN])
    verdict = await verdict_of("flow.generic.walked", stage, "auth.flow", subject="Registration, login and payments")
    assert (verdict.status, "payments" in verdict.summary) == (UNKNOWN, True), verdict.summary


async def test_a_catch_all_page_is_no_flow() -> None:
    stage = Stage(site=pages({}, reply("<div id=app>")), flows=[Flow("Job search", [Step(get="/jobs", expect=200)])])
    verdict = await verdict_of("flow.generic.walked", stage, "flow.generic", subject="Job search")
    assert verdict.status is FAIL


async def test_no_password_of_a_flow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_PASSWORD", "cAn4ry-of-the-flow")
    echo = pages({}, reply("wrong password cAn4ry-of-the-flow", 401))
    flow = Flow("Login", [Step(post="/login", json={"password": "${PROBE_PASSWORD}"})])
    async with Stage(site=echo, flows=[flow]).open() as probes:
        await verdict_of_open(probes, "Login")
        assert "cAn4ry-of-the-flow" in probes.secrets()

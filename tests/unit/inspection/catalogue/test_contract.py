"""The documented contract: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import openapi
from roadworthy.inspection.catalogue.contract import CHECKS
from roadworthy.inspection.catalogue.permissions import CHECKS as FURTHER
from roadworthy.inspection.catalogue.permissions import ROLE_FLOW
from roadworthy.inspection.fixtures.items import items
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check
from roadworthy.inspection.scenario import Flow, Step

ADMIN = Step(get="/api/items", bearer="admin")
PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize("check", [*CHECKS, *FURTHER], ids=lambda check: check.id)
async def test_nothing_documented_nothing_known(check: Check) -> None:
    for site in (pages({}), pages({}, reply("<div id=app></div>")), pages({}, reply({"status": "ok"}))):
        assert (await verdict_of(check.id, Stage(site=site))).status is UNKNOWN


async def test_lists_without_a_limit() -> None:
    assert (await verdict_of("srv.pagination.documented", Stage(site=items(paged=False)))).status is FAIL


async def test_a_wall_is_no_validation() -> None:
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    document = {"paths": {"/x": {"post": {"requestBody": body}}}}
    for status, said, expected in ((401, {"t": "no"}, UNKNOWN), (200, {"t": "taken"}, FAIL), (422, {}, FAIL)):
        site = pages({"/openapi.json": reply(document), "/x": reply(said, status)})
        assert (await verdict_of("sec.input.malformed", Stage(site=site))).status is expected


@pytest.mark.parametrize(
    ("flows", "subject", "status"),
    [
        ([], "Role-based access control", UNKNOWN),
        ([ROLE_FLOW], "Role-based access control", PASS),
        ([ROLE_FLOW], "Role-based access control (candidate/company)", UNKNOWN),
        ([Flow("Roles: candidate, company", ROLE_FLOW.steps)], "Access control (candidate/company)", PASS),
        (
            [Flow("Roles", [Step(get="/api/items", expect=401), Step(get="/api/items", bearer="admin")])],
            "RBAC",
            UNKNOWN,
        ),
        ([Flow("Search", ROLE_FLOW.steps)], "RBAC", UNKNOWN),
        ([Flow("Roles", [Step(get="/api/items", bearer="user", expect=200)])], "RBAC", FAIL),
    ],
)
async def test_roles(flows: list[Flow], subject: str, status: Status) -> None:
    verdict = await verdict_of("sec.rbac.walked", Stage(site=items(secured=True), flows=flows), subject=subject)
    assert verdict.status is status, verdict.summary


def test_documents_that_are_malformed_are_read_as_far_as_they_go() -> None:
    schemas = {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}
    loop = {
        "components": schemas,
        "paths": {
            "/x": {
                "get": None,
                "post": {"requestBody": {"content": {"text/json": {"schema": {"$ref": "#/components/schemas/A"}}}}},
            }
        },
    }
    assert [one.path for one in openapi.read(loop)] == ["/x"]
    assert not list(openapi.read({"paths": {"x": 1, "/y": [], "/z": {"get": "?"}}}))
    two = {
        "swagger": "2.0",
        "basePath": "/v2",
        "paths": {
            "/pets": {
                "post": {
                    "parameters": [
                        {"in": "body", "name": "pet", "schema": {"properties": {"name": {"type": "string"}}}}
                    ]
                }
            }
        },
    }
    one = next(iter(openapi.read(two)))
    assert (one.path, openapi.example(two, one.body)) == ("/v2/pets", {"name": "probe name"})

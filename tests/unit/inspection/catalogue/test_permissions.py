"""Versions of an API: where the line says that they stand."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL = Status.PASS, Status.FAIL
OPERATION: dict[str, object] = {"get": {"responses": {"200": {"description": "ok"}}}}
SPECIFICATION: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {"/api/v1/items": OPERATION, "/api/orders": OPERATION},
}


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("The API tells its version", PASS),
        ("API versioning in URLs", FAIL),
        ("Routes are prefixed with /v1", FAIL),
        ("Version in the path", FAIL),
    ],
)
async def test_a_header_is_no_path(subject: str, expected: Status) -> None:
    told = reply([], api_version="1")
    document = reply(SPECIFICATION)
    stage = Stage(site=pages({"/openapi.json": document, "/api/v1/items": told, "/api/orders": told}))
    verdict = await verdict_of("ver.api.told", stage, subject=subject)
    assert verdict.status is expected, verdict.summary

"""Headers and documents: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import REQUESTS_A_CHECKLIST

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
PAGE = "<html><head><title>Jobs</title></head><body><p>x</p></body></html>"
HOME = reply(PAGE)
DOCUMENT = reply({"openapi": "3.1.0", "paths": {}})


@pytest.mark.parametrize(
    "path",
    [
        "/swagger.json",
        "/schema/openapi.json",
        "/v3/api-docs",
        "/api/schema/",
        "/api-json",
        "/swagger-ui.html",
        "/api/docs",
        "/api/openapi.json",
    ],
)
async def test_a_document_at_any_usual_address_is_open(path: str) -> None:
    verdict = await verdict_of("sec.docs_off.asked", Stage(site=pages({"/": HOME, path: DOCUMENT})))
    assert (verdict.status, path in verdict.summary) == (FAIL, True), verdict.summary


def test_wherever_documents_are_read_from_they_are_asked_for() -> None:
    assert set(surface.DOCUMENTS) <= set(surface.DOCUMENT_ADDRESSES)
    assert len(surface.DOCUMENT_ADDRESSES) < REQUESTS_A_CHECKLIST / 2

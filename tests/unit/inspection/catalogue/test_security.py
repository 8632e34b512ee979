"""Headers and documents: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.security import WANTED
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages, reply
from roadworthy.inspection.observation import REQUESTS_A_CHECKLIST

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


CSP, FRAMES, REFERRER = "content-security-policy", "x-frame-options", "referrer-policy"
BASE = "; object-src 'none'"


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("x-content-type-options", "sniff", FAIL),
        ("x-content-type-options", "NoSniff", PASS),
        (REFERRER, "unsafe-url", FAIL),
        (REFERRER, "no-referrer-when-downgrade", FAIL),
        (REFERRER, "no-referrer, strict-origin-when-cross-origin", PASS),
        (REFERRER, "yes", FAIL),
        (CSP, "upgrade-insecure-requests", FAIL),
        (CSP, "img-src 'self'; frame-ancestors 'none'", FAIL),
        (CSP, "default-src *", FAIL),
        (CSP, "default-src 'self'; script-src https:", FAIL),
        (CSP, "default-src 'self'; script-src 'self' 'unsafe-inline'", FAIL),
        (CSP, "default-src 'self' 'unsafe-inline'; script-src 'self'; frame-ancestors 'none'", PASS),
        (CSP, "script-src 'self'; script-src-elem 'unsafe-inline'", FAIL),
        (CSP, "script-src 'nonce-abc' 'unsafe-inline'", PASS),
        (CSP, "script-src 'strict-dynamic' 'nonce-abc' https: 'unsafe-inline'", PASS),
        (CSP, "default-src 'self'; frame-ancestors *", FAIL),
    ],
)
async def test_a_header_counts_by_what_it_says(name: str, value: str, status: Status) -> None:
    site = pages({"/": Reply(200, PAGE.encode(), {**WANTED, name: value})})
    verdict = await verdict_of("sec.headers.sent", Stage(site=site))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("frames", "policy", "status"),
    [
        ("ALLOWALL", "default-src 'self'", FAIL),
        ("DENY, SAMEORIGIN", "default-src 'self'", FAIL),
        ("sameorigin", "default-src 'self'", PASS),
        ("", "default-src 'self'; frame-ancestors 'self'", PASS),
        ("DENY", "default-src 'self'; frame-ancestors *", FAIL),
    ],
)
async def test_frames(frames: str, policy: str, status: Status) -> None:
    headers = {FRAMES: frames, CSP: policy} if frames else {CSP: policy}
    stage = Stage(site=pages({"/": Reply(200, PAGE.encode(), headers)}))
    verdict = await verdict_of("sec.headers.sent", stage, headers=("X-Frame-Options",))
    assert verdict.status is status, verdict.summary


async def test_the_value_of_the_line() -> None:
    stage = Stage(site=pages({"/": Reply(200, PAGE.encode(), WANTED)}))
    for value, status in (("DENY", PASS), ("SAMEORIGIN", FAIL)):
        verdict = await verdict_of("sec.headers.sent", stage, headers=("X-Frame-Options",), value=value)
        assert verdict.status is status, verdict.summary

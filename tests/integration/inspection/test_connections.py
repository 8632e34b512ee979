"""Leaks and encryption of connections: what shows neither is no tick."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import BY_ID, verdict_of
from tests.unit.inspection.fakes import FakeProbes

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement

DOCUMENT = reply({"paths": {"/api/items": {"get": {}}}})
ITEMS = reply({"items": [1, 2, 3]})


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/openapi.json": DOCUMENT, "/api/items": ITEMS}, "transactions"),
        ({}, "no API route"),
    ],
)
async def test_requests_that_never_reach_the_database_show_no_leak(
    answers: dict[str, Any], words: str, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    verdict = await verdict_of("db.leak.sessions", Stage(database=Database(connections=2), site=pages(answers)))
    assert (verdict.status, words in verdict.summary) == (Status.UNKNOWN, True), verdict.summary


@pytest.mark.parametrize(
    ("dsn", "status"),
    [
        ("postgresql:///app", Status.NOT_APPLICABLE),
        ("postgresql:///app?host=db.internal", Status.FAIL),
        ("postgresql://db.internal/app", Status.FAIL),
        ("postgresql://127.0.0.1/app", Status.FAIL),
    ],
)
async def test_only_a_socket_has_nothing_to_encrypt(dsn: str, status: Status) -> None:
    async def plain() -> str:
        return ""

    postgres = SimpleNamespace(dsn=dsn, encrypted=plain, vantage="a test")
    verdict = await BY_ID["db.tls.session"].run(FakeProbes(postgres=postgres), Requirement("db.tls"))
    assert verdict.status is status

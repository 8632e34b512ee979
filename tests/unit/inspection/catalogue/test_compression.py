"""What people call an encoding is not what clients and servers call it."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, reply


def packing(coding: str) -> Handler:
    """A long list, short for whoever takes this encoding."""

    def answer(asked: Asked) -> Reply:
        if asked.path != "/api/items":
            return reply("nothing here", 404)
        if coding in asked.headers.get("accept-encoding", "").split(", "):
            return Reply(200, b"\x0b" * 200, {"content-type": "application/json", "content-encoding": coding})
        return reply({"items": ["x" * 4000]})

    return answer


@pytest.mark.parametrize(
    ("asked", "served", "status"),
    [
        ("brotli", "br", Status.PASS),
        ("Brotli", "br", Status.PASS),
        ("br", "br", Status.PASS),
        ("brotli", "gzip", Status.FAIL),
        ("zstandard", "zstd", Status.PASS),
    ],
)
async def test_brotli_is_asked_for_as_br(asked: str, served: str, status: Status) -> None:
    stage = Stage(site=lambda: packing(served))
    verdict = await verdict_of("srv.compress.asked", stage, algorithm=asked, path="/api/items")
    assert verdict.status is status, verdict.summary

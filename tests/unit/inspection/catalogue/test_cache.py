"""A cache that works is not yet the cache that the line names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import BY_ID

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement

HIT = pages({"/api/items": reply({"items": [1, 2, 3]}, x_cache="HIT")})


class Keys:
    """A Redis in which each look finds more keys; `new` maps those that appear to their seconds to live."""

    vantage = "Redis protocol client"

    def __init__(self, new: dict[bytes, int] | None) -> None:
        self._new, self._looks = new, 0

    async def keys(self) -> frozenset[bytes] | None:
        self._looks += 1
        return None if self._new is None else frozenset({b"old"} | (set(self._new) if self._looks > 1 else set()))

    async def ttl(self, key: bytes) -> int:
        return (self._new or {})[key]

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("store", "redis", "status"),
    [
        ("", None, Status.PASS),
        ("redis", None, Status.UNKNOWN),
        ("memcached", Keys({b"page:1": 60}), Status.UNKNOWN),
        ("redis", Keys({b"page:1": 60}), Status.PASS),
        ("valkey", Keys({b"page:1": 60}), Status.PASS),
        ("redis", Keys({}), Status.FAIL),
        ("redis", Keys({b"page:1": -1}), Status.FAIL),
        ("redis", Keys({b"ratelimit:1": 60}), Status.FAIL),
        ("redis", Keys(None), Status.UNKNOWN),
    ],
)
async def test_the_store_that_the_line_names_must_be_seen(store: str, redis: Any, status: Status) -> None:
    async with Stage(site=HIT).open() as probes:
        asked = Requirement("cache.on", {"path": "/api/items", **({"store": store} if store else {})})
        verdict = await BY_ID["cache.on.twice"].run(replace(probes, redis=redis), asked)  # type: ignore[type-var]  # ProbeSet is a dataclass
    assert verdict.status is status, verdict.summary

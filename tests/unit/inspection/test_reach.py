from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.inspection.fakes import FakeProbes

from roadworthy.inspection import reach
from roadworthy.inspection.errors import Refused, Unobservable

pytestmark = pytest.mark.anyio


class Part:
    url = "http://user:pa55word-here@shop.example"
    address = "app@db/shop"

    def __init__(self, problem: Unobservable | None = None, waits: float = 0) -> None:
        self.problem, self.waits = problem, waits

    async def get(self, *_: Any) -> str:
        await asyncio.sleep(self.waits)
        if self.problem:
            raise self.problem
        return "answered"

    value = ping = get


async def test_what_answers_is_not_spoken_of() -> None:
    assert await reach.unreachable(FakeProbes(http=Part(), postgres=Part(), redis=Part())) == ()
    assert await reach.unreachable(FakeProbes()) == ()


async def test_what_does_not_answer_is_named_with_what_to_type() -> None:
    silent = Part(Refused("nobody listens"))
    found = await reach.unreachable(FakeProbes(http=silent, postgres=silent, redis=Part()))
    assert [one.part for one in found] == ["http", "postgres"]
    assert "curl -i http://shop.example/" in found[0].remedy
    assert "psql postgresql://app@db/shop" in found[1].remedy
    assert "pa55word" not in str(found)


async def test_the_advice_is_for_whoever_named_the_target() -> None:
    found = await reach.unreachable(FakeProbes(redis=Part(Unobservable("gone"))), "type `make up`")
    assert found[0].remedy.startswith("type `make up`; ")


async def test_one_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "LIMIT_SECONDS", 0.05)
    found = await reach.unreachable(FakeProbes(http=Part(waits=30), redis=Part()))
    assert "did not answer within" in found[0].problem


async def test_secrets_in_a_problem_are_masked() -> None:
    probes = FakeProbes(http=Part(Unobservable("no: hunter22222")), hidden=frozenset({"hunter22222"}))
    assert "hunter22222" not in str(await reach.unreachable(probes))

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from benchmarks import contenders
from benchmarks.complete import SomethingIsOff, verify_complete
from benchmarks.equality import SAMPLE, AnswersDiffer, verify, verify_fresh
from benchmarks.servers import Server
from benchmarks.stage import Stage, survey

from roadworthy.apps.hiring.demo import load_demo


@dataclass(frozen=True, slots=True)
class Sides:
    ours: Server
    reference: Server
    stage: Stage
    access_log: Path


@pytest.fixture(params=[False], ids=["uncached"])
def sides(request: pytest.FixtureRequest, database_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Sides]:
    asyncio.run(load_demo(database_url, lambda *_: None, scale=0.05))
    stage = asyncio.run(survey(database_url, valkey_url, filters_min=SAMPLE))
    variant = contenders.Variant(1, slowapi=True)
    with ExitStack() as stack:
        ours = stack.enter_context(contenders.ours(stage, tmp_path, cached=request.param))
        reference = stack.enter_context(contenders.reference(stage, tmp_path, variant, cached=request.param))
        yield Sides(ours, reference, stage, tmp_path / contenders.ACCESS_LOG)


def test_the_sides_answer_alike_and_the_product_has_everything_on(sides: Sides) -> None:
    verify_complete(sides.ours, sides.access_log)
    assert verify(sides.ours, sides.reference, sides.stage) > 2 * SAMPLE
    asyncio.run(verify_fresh((sides.ours, sides.reference), sides.stage))

    with pytest.raises(SomethingIsOff, match="x-request-id"):
        verify_complete(sides.reference, sides.access_log)


@pytest.mark.parametrize("sides", [True], indirect=True, ids=["cached"])
def test_a_side_that_caches_or_differs_is_found_out(sides: Sides) -> None:
    for server in (sides.ours, sides.reference):
        with pytest.raises(AnswersDiffer, match=f"{server.name} caches where it must not"):
            asyncio.run(verify_fresh((server,), sides.stage))

    verify(sides.ours, sides.reference, sides.stage)  # the reference keeps every answer for minutes
    asyncio.run(execute(sides.stage.dsn, "update hiring.jobs set salary_min = salary_max"))
    with pytest.raises(AnswersDiffer, match="/api/jobs"):
        verify(sides.ours, sides.reference, sides.stage)


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()

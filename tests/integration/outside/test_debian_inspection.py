"""What the inspector says of Debian's PostgreSQL 15, by the same fixtures as of the embedded one."""

from __future__ import annotations

import pytest
from tests.integration.outside.test_debian_postgres import server_url  # noqa: F401 - a fixture

from roadworthy.inspection.catalogue import CHECKS, plans
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Check
from roadworthy.inspection.selftest import Outcome, self_test

pytestmark = pytest.mark.debian_postgres
NEEDING = [check for check in CHECKS if check.id.startswith("db.") and "postgres" in check.needs]
NOT_BUILT = {"db.slowq.statements", "db.replica.follows"}
"""They need a library loaded at the start, or a program of the same version."""


@pytest.mark.parametrize("check", [one for one in NEEDING if one.id not in NOT_BUILT], ids=lambda check: check.id)
async def test_a_check_of_the_database_works_on_it(check: Check, server_url: str) -> None:  # noqa: F811 - the fixture
    proofs = await self_test([check], Servers(server_url))
    assert [(proof.fixture, proof.seen, proof.words) for proof in proofs if proof.outcome is Outcome.WRONG] == []


async def test_advice_is_proven_by_a_plan(server_url: str) -> None:  # noqa: F811 - the fixture
    LENT.set(Servers(server_url))
    rows = "insert into visits select n, n % 1000 from generate_series(1, 20000) n"
    sql = ("create table visits (id int primary key, city_id int)", rows, "analyze visits")
    async with Stage(database=Database(sql=sql)).open() as probes:
        assert probes.postgres is not None
        query = "select id from visits where city_id = $1"
        plan = await plans.explained(probes.postgres, query)
        there = await probes.postgres.value("select count(*) from pg_available_extensions where name = 'hypopg'")
    if not there:
        pytest.skip("not run: needs hypopg (Debian: apt-get install postgresql-15-hypopg)")
    async with Stage(database=Database(sql=("create extension hypopg", *sql))).open() as probes:
        assert probes.postgres is not None
        advice = await plans.advice(probes.postgres, query, plan)
        assert advice.startswith("create index on public.visits (city_id); -- proven by a plan"), advice
        assert (await plans.explained(probes.postgres, query)).lines == plan.lines

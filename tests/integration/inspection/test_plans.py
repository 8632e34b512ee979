"""Plans of slow statements, on the embedded PostgreSQL and on Debian's 15."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import plans
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage

VISITS = (
    "create table visits (id int primary key, city_id int, note text)",
    "insert into visits select n, n % 1000, repeat('x', 60) from generate_series(1, 20000) n",
    "analyze visits",
)
QUERY = "select id from visits where city_id = $1 order by id limit $2"


async def check_plans(dsn: str) -> tuple[plans.Plan, str]:
    LENT.set(Servers(dsn, None))
    async with Stage(database=Database(sql=VISITS)).open() as probes:
        assert probes.postgres is not None
        plan = await plans.explained(probes.postgres, QUERY)
        for refused in (
            "delete from visits",
            "with x as (delete from visits returning 1) select 1",
            "select 1; select 2",
        ):
            with pytest.raises(Unobservable):
                await plans.explained(probes.postgres, refused)
        assert await plans.explained(probes.postgres, QUERY) == plan
        assert int(await probes.postgres.value("select count(*) from visits")) == 20_000
        return plan, await plans.advice(probes.postgres, QUERY, plan)


async def test_a_table_read_whole_brings_advice(servers: dict[str, str]) -> None:
    plan, advice = await check_plans(servers["admin"])
    assert plan.scans == (plans.Scan("public", "visits", ("city_id",)),)
    assert advice == "create index on public.visits (city_id); -- advice: hypopg is not there to prove it by a plan"


async def test_a_slow_statement_is_shown_with_its_plan(servers: dict[str, str]) -> None:
    LENT.set(Servers(servers["admin"], None))
    one = "execute 'select count(v.id) from visits v, pg_sleep(0.03) where city_id = $1' using n"
    slow = f"set pg_stat_statements.track = 'all'; do $$ begin for n in 1..6 loop {one}; end loop; end $$"
    database = Database(sql=("create extension pg_stat_statements", *VISITS, slow))
    verdict = await verdict_of("db.slowq.statements", Stage(database=database), max_ms=20)
    assert verdict.status is Status.FAIL, verdict.summary
    assert any("Seq Scan on public.visits" in one.answer for one in verdict.evidence), verdict.evidence
    recorded = await verdict_of("db.slowq.statements", Stage(database=database), subject="Slow queries are recorded")
    assert recorded.status is Status.PASS, "one is slow, and it is recorded"

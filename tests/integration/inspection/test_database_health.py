"""The health of PostgreSQL through a role that may only read, on the embedded server."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage

READER = "nosuperuser nocreatedb nocreaterole"
TABLES = (
    "create table cities (id serial primary key, name text unique)",
    "create table visits (id serial primary key, city_id int references cities, note text)",
    "create index visits_city on visits (city_id)",
    "insert into cities (name) select n::text from generate_series(1, 100) n",
    "insert into visits (city_id, note) select n % 100 + 1, repeat('x', 100) from generate_series(1, 20000) n",
    "analyze",
)
READ = (
    "grant select on all tables in schema public to public",
    "grant select on all sequences in schema public to public",
)


@pytest.mark.parametrize(
    ("sql", "params", "status"),
    [
        ("set lock_timeout = '5s'", {"lock_seconds": 5}, Status.PASS),
        ("set lock_timeout = '50s'", {"lock_seconds": 5}, Status.FAIL),
        ("set idle_in_transaction_session_timeout = 0", {"what": "idle"}, Status.FAIL),
        ("set idle_in_transaction_session_timeout = '30s'", {"what": "idle"}, Status.PASS),
        ("set statement_timeout = '10s'", {"statement_seconds": 10}, Status.PASS),
    ],
)
async def test_limits_as_a_program_finds_them_at_login(
    sql: str, params: dict[str, str | int], status: Status, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    quoted = sql.replace("'", "''")
    for_all = f"do $$ begin execute format('alter database %I {quoted}', current_database()); end $$"
    repo = {"app/db.py": "engine = create_engine(url)\n"}
    verdict = await verdict_of("db.timeouts.stated", Stage(database=Database(sql=(for_all,)), repo=repo), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("check", "sql", "params", "status", "words"),
    [
        ("db.index_waste.indexes", (), {}, Status.PASS, "none of"),
        ("db.counters.left", (), {}, Status.UNKNOWN, "2 of 2 sequences may not be read"),
        ("db.counters.left", READ, {}, Status.PASS, "far from"),
        ("db.counters.left", READ, {"what": "transaction"}, Status.PASS, "transaction"),
        ("db.constraints.declared", (), {}, Status.PASS, "2 tables"),
        ("db.constraints.declared", (), {"table": "people"}, Status.FAIL, "no table people"),
        ("db.constraints.declared", (), {"table": "Visits"}, Status.PASS, "1 tables"),
        ("db.vacuum.upkeep", (), {"what": "vacuum"}, Status.PASS, "autovacuum is on for every table"),
        ("db.vacuum.upkeep", ("alter table visits set (autovacuum_enabled = f)",), {"what": "vacuum"},
         Status.PASS, "autovacuum is off for visits"),
        ("db.bloat.tables", READ, {}, Status.PASS, "none of 2 tables is large"),
        ("db.bloat.tables", READ, {"min_bytes": 1024**2}, Status.UNKNOWN, "estimate"),
        ("db.bloat.tables", (*READ, "delete from visits where id % 5 <> 0", "vacuum analyze visits"),
         {"min_bytes": 1024**2}, Status.FAIL, "estimated"),
        ("db.bloat.tables", (), {"min_bytes": 1024**2}, Status.UNKNOWN, "no statistics"),
    ],
)  # fmt: skip
async def test_a_role_that_reads_is_enough_or_told_what_it_lacks(
    check: str, sql: tuple[str, ...], params: dict[str, str | int], status: Status, words: str, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    verdict = await verdict_of(check, Stage(database=Database(sql=(*TABLES, *sql), role=READER)), **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary

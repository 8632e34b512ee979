"""Indexes that a file asks for, and a database that shows none that are needed."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage

VISITS = Database(
    sql=("create table visits (id int primary key, city_id int)", "create index visits_city on visits (city_id)")
)


@pytest.mark.parametrize(
    ("repo", "params", "status", "words"),
    [
        (None, {}, Status.UNKNOWN, "no foreign key"),
        ({"app.py": ""}, {"file": "db/indexes.sql"}, Status.FAIL, "there is no file"),
        ({"db/indexes.sql": "-- create index later\n"}, {"file": "db/indexes.sql"}, Status.UNKNOWN, "0 of 0"),
        (
            {"db/indexes.sql": "create index a on visits (city_id); create index b on visits (lower(x));"},
            {"file": "indexes.sql"},
            Status.UNKNOWN,
            "1 of 2",
        ),
        ({"db/indexes.sql": "create index a on visits (city_id);"}, {"file": "./db/indexes.sql"}, Status.PASS, "city"),
        ({"db/indexes.sql": "create index a on visits (person);"}, {"file": "indexes.sql"}, Status.FAIL, "no column"),
    ],
)
async def test_indexes(
    repo: dict[str, str] | None, params: dict[str, str], status: Status, words: str, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    verdict = await verdict_of("db.indexes.present", Stage(database=VISITS, repo=repo), **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


@pytest.mark.parametrize(("scans", "status"), [(120, Status.FAIL), (3, Status.PASS)])
async def test_a_large_table_read_whole_again_and_again_wants_an_index(
    scans: int, status: Status, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    sql = (
        "create table cities (id int primary key)",
        "create table visits (id int primary key, city_id int references cities)",
        "create index visits_city on visits (city_id)",
        "insert into visits select n, null from generate_series(1, 12000) n",
        "analyze visits",
        f"do $$ begin for n in 1..{scans} loop perform max(id + 1) from visits; end loop; end $$",
        "select pg_stat_force_next_flush()",
    )
    verdict = await verdict_of("db.indexes.present", Stage(database=Database(sql=sql)))
    assert verdict.status is status, verdict.summary
    assert ("was read whole" in verdict.summary) is (status is Status.FAIL)

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

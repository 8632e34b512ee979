"""Statements that lock a table in use, and those that only look like it."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
LIMIT = "SET lock_timeout = '2s';\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("CREATE INDEX a ON orders (total);", FAIL),
        ("CREATE UNIQUE INDEX a ON orders (total);", FAIL),
        ("CREATE INDEX CONCURRENTLY a ON orders (total);", PASS),
        ("CREATE TABLE orders (id int); CREATE INDEX a ON orders (id);", PASS),
        ("-- CREATE INDEX a ON orders (total);\nSELECT 1;", PASS),
        (f"{LIMIT}ALTER TABLE orders ADD COLUMN total int NOT NULL;", FAIL),
        (f"{LIMIT}ALTER TABLE orders ADD COLUMN total int NOT NULL DEFAULT 0;", PASS),
        (f"{LIMIT}ALTER TABLE orders ADD COLUMN total int;", PASS),
        ("ALTER TABLE orders ADD COLUMN total int;", FAIL),
        (f"{LIMIT}ALTER TABLE orders ALTER COLUMN total TYPE bigint;", FAIL),
        (f"{LIMIT}ALTER TABLE orders ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES b (id);", FAIL),
        (f"{LIMIT}ALTER TABLE orders ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES b (id) NOT VALID;", PASS),
        (f"{LIMIT}ALTER TABLE orders VALIDATE CONSTRAINT c;", PASS),
        (f"{LIMIT}ALTER TABLE orders DROP COLUMN total;", FAIL),
        (f"{LIMIT}ALTER TABLE orders RENAME TO purchases;", FAIL),
        ("", UNKNOWN),
    ],
)
async def test_a_statement_is_judged_by_what_it_locks(text: str, status: Status) -> None:
    stage = Stage(repo={"migrations/0002_orders.sql": text, "README.md": "# Shop"})
    verdict = await verdict_of("db.migration_plan.locks", stage, what="locks")
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize("path", ["seed/data.sql", "tests/migrations/1.sql", "migrations/0002_orders.down.sql"])
async def test_what_is_no_step_forward_in_production_is_not_read(path: str) -> None:
    stage = Stage(repo={path: "CREATE INDEX a ON orders (total);"})
    assert (await verdict_of("db.migration_plan.locks", stage, what="locks")).status is UNKNOWN


async def test_a_way_back_does_not_stand_for_what_is_locked() -> None:
    stage = Stage(repo={"migrations/1_a.up.sql": "create table a ();", "migrations/1_a.down.sql": "drop table a;"})
    assert (await verdict_of("db.migration_plan.way_back", stage, what="locks")).status is UNKNOWN
    assert (await verdict_of("db.migration_plan.locks", stage)).status is UNKNOWN

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


ALEMBIC = "def upgrade():\n    {}\n\n\ndef downgrade():\n    op.drop_column('orders', 'total')\n"
LIMITED = {"migrations/env.py": "connection.execute('SET lock_timeout = 2000')\n"}


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("op.create_index('i', 'orders', ['total'])", FAIL),
        ("op.create_index('i', 'orders', ['total'], postgresql_concurrently=True)", PASS),
        ("op.create_table('orders')\n    op.create_index('i', 'orders', ['total'])", PASS),
        ("op.add_column('orders', sa.Column('total', sa.Integer(), nullable=False))", FAIL),
        ("op.add_column('orders', sa.Column('total', sa.Integer(), nullable=False, server_default='0'))", PASS),
        ("op.add_column('orders', sa.Column('total', sa.Integer()))", PASS),
        ("op.alter_column('orders', 'total', type_=sa.BigInteger())", FAIL),
        ("op.alter_column('orders', 'total', nullable=False)", FAIL),
        ("op.create_foreign_key('f', 'orders', 'people', ['a'], ['b'])", FAIL),
        ("op.create_foreign_key('f', 'orders', 'people', ['a'], ['b'], postgresql_not_valid=True)", PASS),
        ("op.drop_column('orders', 'total')", FAIL),
        ("op.execute('CREATE INDEX i ON orders (total)')", FAIL),
        ("op.execute(text)", UNKNOWN),
        ("pass", PASS),
    ],
)
async def test_calls_of_alembic(call: str, status: Status) -> None:
    files = {"migrations/versions/1_orders.py": ALEMBIC.format(call), **LIMITED}
    verdict = await verdict_of("db.migration_plan.locks", Stage(repo=files), what="locks")
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("migrations.AddIndex(model_name='order', index=models.Index(fields=['total']))", FAIL),
        ("AddIndexConcurrently(model_name='order', index=models.Index(fields=['total']))", PASS),
        ("migrations.CreateModel(name='Order'), migrations.AddIndex(model_name='order', index=i)", PASS),
        ("migrations.RemoveField(model_name='order', name='total')", FAIL),
        ("migrations.AlterField(model_name='order', name='total', field=f)", UNKNOWN),
        ("migrations.AddField(model_name='order', name='total', field=f)", PASS),
        ("migrations.RunSQL('CREATE INDEX i ON orders (total)')", FAIL),
    ],
)
async def test_operations_of_django(operation: str, status: Status) -> None:
    text = f"class Migration(migrations.Migration):\n    operations = [{operation}]\n"
    files = {"shop/migrations/0002_orders.py": text, "shop/settings.py": "OPTIONS = '-c lock_timeout=2000'\n"}
    verdict = await verdict_of("db.migration_plan.locks", Stage(repo=files), what="locks")
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("add_index :orders, :total", FAIL),
        ("add_index :orders, :total, algorithm: :concurrently", PASS),
        ("add_index :orders,\n      :total,\n      algorithm: :concurrently", PASS),
        ("create_table :orders do |t|\n      t.references :person\n    end\n    add_index :orders, :total", PASS),
        ("add_reference :orders, :person", FAIL),
        ("add_column :orders, :total, :integer, null: false", FAIL),
        ("add_column :orders, :total, :integer, null: false, default: 0", PASS),
        ("change_column :orders, :total, :bigint", FAIL),
        ("change_column_null :orders, :total, false", FAIL),
        ("add_foreign_key :orders, :people, validate: false", PASS),
        ("# remove_column :orders, :total", PASS),
        ("execute 'CREATE INDEX i ON orders (total)'", FAIL),
        ("execute <<~SQL\n      CREATE INDEX i ON orders (total)\n    SQL", FAIL),
    ],
)
async def test_calls_of_rails(lines: str, status: Status) -> None:
    down = "  def down\n    remove_column :a, :b\n  end\n"
    text = f"class A < ActiveRecord::Migration[8.0]\n  def up\n    {lines}\n  end\n\n{down}end\n"
    files = {"db/migrate/20260101_a.rb": text, "config/database.yml": "production:\n  variables: {lock_timeout: 2s}\n"}
    verdict = await verdict_of("db.migration_plan.locks", Stage(repo=files), what="locks")
    assert verdict.status is status, verdict.summary


async def test_without_a_limit_in_sight_nobody_knows_how_long_they_wait() -> None:
    files = {"migrations/versions/1_orders.py": ALEMBIC.format("pass")}
    assert (await verdict_of("db.migration_plan.locks", Stage(repo=files), what="locks")).status is UNKNOWN


async def test_what_ran_long_ago_locks_nothing_any_more() -> None:
    old = {"migrations/versions/000_old.py": ALEMBIC.format("op.create_index('i', 'orders', ['total'])")}
    new = {f"migrations/versions/1{number:02}_new.py": ALEMBIC.format("pass") for number in range(20)}
    assert (
        await verdict_of("db.migration_plan.locks", Stage(repo={**old, **new, **LIMITED}), what="locks")
    ).status is PASS

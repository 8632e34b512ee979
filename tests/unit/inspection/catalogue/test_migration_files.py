"""Migrations in source trees of every tool: which files are one, and which have a way back."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.migration_files import plans, version
from roadworthy.inspection.fixtures.stage import Stage

DJANGO = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    operations = [{}]\n"
KNEX = 'exports.up = (knex) => knex.schema.createTable("a");\nexports.down = (knex) => {};\n'
TREES: dict[str, tuple[dict[str, str], dict[str, bool]]] = {
    "Alembic": (
        {
            "alembic/versions/1_a.py": "revision: str = 'a1'\ndown_revision: str | None = None\n"
            "def downgrade() -> None:\n    op.drop_table('x')\n",
            "alembic/versions/2_b.py": "revision = 'b2'\ndown_revision = 'a1'\ndef downgrade():\n    pass\n",
            "alembic/env.py": "# revision and down_revision are read elsewhere\n",
        },
        {"a1": True, "b2": False},
    ),
    "Django": (
        {
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_initial.py": DJANGO.format("migrations.RunPython(fill)"),
            "shop/migrations/0002_more.py": DJANGO.format("migrations.RunSQL('a', reverse_sql='b')"),
            "shop/apps.py": "class ShopConfig(AppConfig):\n    label = 'store'\n",
            "shop/tests/migrations/0001_x.py": DJANGO.format(""),
        },
        {"store.0001_initial": False, "store.0002_more": True},
    ),
    "Rails": (
        {
            "db/migrate/20240101120000_create_users.rb": "def change\n  create_table :users\nend\n",
            "db/migrate/20240102120000_fill.rb": "def change\n  execute 'update users'\nend\n",
            "db/migrate/20240103120000_drop.rb": "def up\nend\ndef down\n  raise X::IrreversibleMigration\nend",
            "db/migrate/20240104120000_two.rb": "def up\n  x\nend\ndef down\n  y\nend\n",
            "db/migrate/notes.rb": "",
        },
        {"20240101120000": True, "20240102120000": False, "20240103120000": False, "20240104120000": True},
    ),
    "Prisma": (
        {"prisma/migrations/20240101120000_init/migration.sql": "x", "prisma/migrations/migration_lock.toml": ""},
        {"20240101120000_init": False},
    ),
    "Knex": (
        {
            "migrations/20240101120000_a.js": KNEX.replace("{}", 'knex.schema.dropTable("a")'),
            "migrations/20240102120000_b.ts": KNEX + "// knex.schema.dropTable('a')\n",
            "dist/migrations/20240101120000_a.js": KNEX,
            "src/20240101_report.js": "module.exports = 1;\n",
        },
        {"20240101120000_a.js": True, "20240102120000_b.ts": False},
    ),
    "Sequelize": (
        {
            "migrations/20240101120000-a.js": "module.exports = {\n  async up(queryInterface) { await go() },\n"
            "  async down(queryInterface) { await queryInterface.dropTable('a') },\n};\n"
        },
        {"20240101120000-a.js": True},
    ),
    "Flyway": (
        {
            "src/main/resources/db/migration/V1__a.sql": "x",
            "src/main/resources/db/migration/V1_10__c.sql": "x",
            "src/main/resources/db/migration/V1_2__b.sql": "x",
            "src/main/resources/db/migration/U1_2__b.sql": "x",
            "src/main/resources/db/migration/R__views.sql": "x",
        },
        {"1": False, "1.2": True, "1.10": False},
    ),
    "golang-migrate": (
        {
            "migrations/000001_a.up.sql": "x",
            "migrations/000001_a.down.sql": "drop table x;",
            "migrations/000002_b.up.sql": "x",
            "migrations/000002_b.down.sql": "-- nothing\n",
        },
        {"1": True, "2": False},
    ),
}


@pytest.mark.parametrize("tool", TREES)
async def test_the_tree_of_a_tool_is_read(tool: str) -> None:
    tree, wanted = TREES[tool]
    async with Stage(repo=tree).open() as probes:
        assert probes.repo is not None
        (plan,) = plans(probes.repo)
    assert (plan.tool, plan.unread) == (tool, ())
    assert {one.key: one.back for one in plan.migrations} == wanted
    assert list(wanted) == [one.key for one in plan.migrations]


@pytest.mark.parametrize(
    "tree",
    [
        {"tests/migrations/versions/1_a.py": "revision = 'a'\ndown_revision = None\n"},
        {"examples/db/migrate/20240101120000_x.rb": "def change; end"},
        {"vendor/github.com/x/migrations/1_x.up.sql": "x", "node_modules/x/migrations/20240101120000_a.js": KNEX},
        {"app/models.py": "class Revision:\n    down_revision = column()\n    revision = column()\n"},
        {"reports/20240101120000_a.js": "console.log('knex')"},
    ],
    ids=["tests", "examples", "vendored", "words in other code", "a dated script"],
)
async def test_what_is_no_migration_of_the_team_is_none(tree: dict[str, str]) -> None:
    for check in ("db.migrations.pending", "db.migration_plan.way_back"):
        stage = Stage(repo=tree)
        if check == "db.migration_plan.way_back":
            verdict = await verdict_of(check, stage)
            assert verdict.status is Status.UNKNOWN, verdict.summary


async def test_a_computed_revision_is_not_read_as_none() -> None:
    tree = {"migrations/a.py": "revision = make()\ndown_revision = None\n"}
    verdict = await verdict_of("db.migration_plan.way_back", Stage(repo=tree))
    assert (verdict.status, "can't be read" in verdict.summary) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(
    ("heading", "words", "status"),
    [
        ("Rolling back a migration", 60, Status.PASS),
        ("Rolling back a migration", 3, Status.FAIL),
        ("Rolling back a release", 60, Status.FAIL),
        ("Migrations without a rollback: todo", 60, Status.FAIL),
    ],
)
async def test_a_document_may_stand_for_the_way_back(heading: str, words: int, status: Status) -> None:
    tree = {**TREES["Prisma"][0], "docs/operations.md": f"# Operations\n\n## {heading}\n\n{'word ' * words}\n"}
    verdict = await verdict_of("db.migration_plan.way_back", Stage(repo=tree))
    assert verdict.status is status, verdict.summary


def test_versions_are_compared_as_numbers() -> None:
    assert version("1_2") == version("1.2") == version("01.2.0") < version("1.10")

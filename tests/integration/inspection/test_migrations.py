"""What the version tables of all tools say about a tree."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of
from tests.unit.inspection.catalogue.test_migration_files import TREES

from roadworthy.contracts.checks import Status
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage

DJANGO = "create table django_migrations (id serial, app text, name text)"
GOLANG = "create table schema_migrations (version bigint primary key, dirty boolean)"
FLYWAY = (
    "create table flyway_schema_history (installed_rank serial, version text, type text default 'SQL', success boolean "
    "default true)"
)
PRISMA = "create table _prisma_migrations (migration_name text, started_at int, finished_at int, rolled_back_at int)"
RAILS = "create table schema_migrations (version varchar primary key)"
KNEX = "create table knex_migrations (id serial, name text, batch int, migration_time timestamptz)"
ALEMBIC = "create table alembic_version (version_num text)"
NEIGHBOUR = ("create schema other", "create table other.alembic_version (version_num text)",
             "insert into other.alembic_version values ('zz')")  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "sql", "status", "words"),
    [
        ("Alembic", (), Status.FAIL, "no version table"),
        ("Alembic", (ALEMBIC,), Status.FAIL, "2 of 2"),
        ("Alembic", (ALEMBIC, "insert into alembic_version values ('a1')"), Status.FAIL, "1 of 2"),
        ("Alembic", (ALEMBIC, "insert into alembic_version values ('b2')", *NEIGHBOUR), Status.PASS, "all 2"),
        ("Alembic", (ALEMBIC, "insert into alembic_version values ('b2'), ('ff')"), Status.UNKNOWN, "ff"),
        ("Django", (DJANGO,), Status.FAIL, "2 of 2"),
        ("Django", (DJANGO, "insert into django_migrations (app, name) values ('store', '0001_initial')"), Status.FAIL,
         "0002_more"),
        ("Django", (DJANGO, ("insert into django_migrations (app, name) values ('store', '0001_initial'), "
         "('store', '0002_more'), ('auth', '0001_initial')")), Status.PASS, "all 2"),
        ("Rails", (RAILS, "insert into schema_migrations values ('20240101120000')"), Status.FAIL, "3 of 4"),
        ("Rails", (GOLANG, "insert into schema_migrations values (20240104120000, false)"), Status.FAIL, "no version"),
        ("Rails", (RAILS, ("insert into schema_migrations values ('20240101120000'), ('20240102120000'), "
         "('20240103120000'), ('20240104120000'), ('20200101120000')")), Status.PASS, "all 4"),
        ("Prisma", (PRISMA, "insert into _prisma_migrations values ('20240101120000_init', 1, 2, null)"), Status.PASS,
         "all 1"),
        ("Prisma", (PRISMA, "insert into _prisma_migrations values ('20240101120000_init', 1, null, null)"),
         Status.FAIL, "never ended"),
        ("Prisma", (PRISMA, "insert into _prisma_migrations values ('20240101120000_init', 1, 2, 3)"), Status.FAIL,
         "1 of 1"),
        ("Knex", (KNEX, ("insert into knex_migrations (name) values ('20240101120000_a.js'), "
         "('20240102120000_b.js')")), Status.PASS, "all 2"),
        ("Knex", (KNEX, "insert into knex_migrations (name) values ('20240101120000_a.js')"), Status.FAIL, "_b.ts"),
        ("Flyway", (FLYWAY, "insert into flyway_schema_history (version) values ('1'), ('1.2')"), Status.FAIL,
         "V1_10__c"),
        ("Flyway", (FLYWAY, "insert into flyway_schema_history (version, type) values ('1.10', 'BASELINE')"),
         Status.PASS, "all 3"),
        ("Flyway", (FLYWAY, ("insert into flyway_schema_history (version, success) values ('1', true), ('1.2', true), "
         "('1.10', false)")), Status.FAIL, "failed"),
        ("Flyway", (FLYWAY, ("insert into flyway_schema_history (version, type) values ('1', 'SQL'), ('1.2', 'SQL'), "
         "('1.10', 'SQL'), ('1.2', 'UNDO_SQL')")), Status.FAIL, "V1_2__b"),
        ("golang-migrate", (GOLANG, "insert into schema_migrations values (1, false)"), Status.FAIL, "000002_b"),
        ("golang-migrate", (GOLANG, "insert into schema_migrations values (2, true)"), Status.FAIL, "dirty"),
        ("golang-migrate", (GOLANG, "insert into schema_migrations values (2, false)"), Status.PASS, "all 2"),
        ("golang-migrate", (GOLANG, "insert into schema_migrations values (9, false)"), Status.UNKNOWN, "not know"),
        ("golang-migrate", ("create schema a", "create schema b", GOLANG.replace("schema_m", "a.schema_m"),
         GOLANG.replace("schema_m", "b.schema_m"), "insert into a.schema_migrations values (2, false)"),
         Status.UNKNOWN, "2 tables"),
    ],
)  # fmt: skip
async def test_version_tables(
    tool: str, sql: tuple[str, ...], status: Status, words: str, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    verdict = await verdict_of("db.migrations.pending", Stage(repo=TREES[tool][0], database=Database(sql=sql)))
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_what_the_role_may_not_read_names_the_grant(servers: dict[str, str]) -> None:
    LENT.set(Servers(servers["admin"], None))
    stage = Stage(
        repo=TREES["Alembic"][0],
        database=Database(sql=(ALEMBIC, "insert into alembic_version values ('b2')"), role="nosuperuser"),
    )
    async with stage.open() as probes:
        assert probes.postgres is not None
        with pytest.raises(Unobservable, match="permission denied") as refused:
            await probes.postgres.rows("select * from alembic_version")
    assert "grant select on alembic_version" in refused.value.remedy
    verdict = await verdict_of("db.migrations.pending", stage)
    assert verdict.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("settings", "status"),
    [("INSTALLED_APPS = ['billing.apps.Billing']\n", Status.FAIL), ("x = 'billing'\n", Status.PASS)],
)
async def test_an_app_that_nobody_installs_has_nothing_pending(
    settings: str, status: Status, servers: dict[str, str]
) -> None:
    LENT.set(Servers(servers["admin"], None))
    tree = TREES["Django"][0]
    tree = {
        **tree,
        "billing/migrations/0001_initial.py": tree["shop/migrations/0002_more.py"],
        "site/settings.py": settings,
    }
    rows = "insert into django_migrations (app, name) values ('store', '0001_initial'), ('store', '0002_more')"
    verdict = await verdict_of("db.migrations.pending", Stage(repo=tree, database=Database(sql=(DJANGO, rows))))
    assert verdict.status is status, verdict.summary


async def test_another_tool_in_the_tree_without_a_table_is_no_tick(servers: dict[str, str]) -> None:
    LENT.set(Servers(servers["admin"], None))
    tree = {**TREES["Rails"][0], **TREES["Prisma"][0]}
    database = Database(sql=(PRISMA, "insert into _prisma_migrations values ('20240101120000_init', 1, 2, null)"))
    stage = Stage(repo=tree, database=database)
    assert (await verdict_of("db.migrations.pending", stage)).status is Status.UNKNOWN
    named = await verdict_of("db.migrations.pending", stage, command="npx prisma migrate deploy")
    assert named.status is Status.PASS

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from roadworthy.chassis.database.migrations import migrate, pending
from roadworthy.chassis.errors import StartupError

FIRST = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "shop_0001", None, ("shop",), None
def upgrade():
    op.execute("create schema shop; create table shop.items (id int primary key); insert into shop.items values (1)")
def downgrade():
    op.execute("drop schema shop cascade")
"""
SECOND = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "shop_0002", "shop_0001", None, None
def upgrade():
    op.execute("alter table shop.items add column name text")
def downgrade():
    op.execute("alter table shop.items drop column name")
"""
OTHER_APP = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "press_0001", None, ("press",), None
def upgrade():
    op.execute("create schema press")
def downgrade():
    op.execute("drop schema press")
"""


@pytest.fixture
def apps(tmp_path: Path) -> dict[str, Path]:
    for app, files in {"shop": {"0001": FIRST, "0002": SECOND}, "press": {"0001": OTHER_APP}}.items():
        (tmp_path / app).mkdir()
        for name, text in files.items():
            (tmp_path / app / f"{name}.py").write_text(text)
    return {"shop": tmp_path / "shop", "press": tmp_path / "press"}


async def test_every_app_is_migrated_once(empty_database_url: str, apps: dict[str, Path]) -> None:
    everything = {"shop_0001", "shop_0002", "press_0001"}
    assert set(await pending(empty_database_url, apps)) == everything

    assert set(await migrate(empty_database_url, apps)) == everything

    assert await pending(empty_database_url, apps) == []
    assert await migrate(empty_database_url, apps) == []


async def test_the_shipped_migrations_leave_nothing_pending(database_url: str) -> None:
    folder = Path(__file__).parents[4] / "src/roadworthy/apps"
    shipped = {path.parent.name: path for path in folder.glob("*/migrations")}
    assert shipped
    assert await pending(database_url, shipped) == []


async def test_only_what_is_missing_is_pending_in_order(empty_database_url: str, apps: dict[str, Path]) -> None:
    second = apps["shop"] / "0002.py"
    text = second.read_text()
    second.unlink()
    await migrate(empty_database_url, apps)
    second.write_text(text)

    assert await pending(empty_database_url, apps) == ["shop_0002"]
    assert await migrate(empty_database_url, apps) == ["shop_0002"]


async def test_several_processes_at_once_apply_each_migration_once(
    empty_database_url: str, apps: dict[str, Path]
) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from roadworthy.chassis.database.migrations import migrate;"
        "apps = {path.name: path for path in map(Path, sys.argv[2:])};"
        "print(len(asyncio.run(migrate(sys.argv[1], apps))))"
    )
    command = [sys.executable, "-c", script, empty_database_url, *map(str, apps.values())]
    processes = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in processes))

    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert sorted(int(output) for output, _ in outputs) == [0, 0, 0, 3]


async def test_a_failing_migration_leaves_nothing_of_itself(empty_database_url: str, apps: dict[str, Path]) -> None:
    broken = SECOND.replace("add column name text", "add column name text; select nonsense")
    (apps["shop"] / "0002.py").write_text(broken)

    with pytest.raises(StartupError, match="nonsense"):
        await migrate(empty_database_url, apps)

    connection = await asyncpg.connect(empty_database_url)
    columns = await connection.fetch("select column_name from information_schema.columns where table_name = 'items'")
    await connection.close()
    assert [row["column_name"] for row in columns] == ["id"]
    assert "shop_0002" in await pending(empty_database_url, apps)


async def test_a_lock_that_is_not_granted_is_named(
    empty_database_url: str, apps: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadworthy.chassis.database.migrations.LOCK_TIMEOUT_SECONDS", 0.05)
    second = apps["shop"] / "0002.py"
    text = second.read_text()
    second.unlink()
    await migrate(empty_database_url, apps)
    second.write_text(text)
    holder = await asyncpg.connect(empty_database_url)
    async with holder.transaction():
        await holder.execute("lock table shop.items")
        with pytest.raises(StartupError, match="a lock was not granted") as failure:
            await migrate(empty_database_url, apps, attempt_pause_seconds=0)
    assert "pg_stat_activity" in failure.value.remedy

    assert await migrate(empty_database_url, apps) == ["shop_0002"]
    await holder.close()


async def test_an_older_version_serves_a_newer_schema_but_does_not_migrate_it(
    empty_database_url: str, apps: dict[str, Path]
) -> None:
    await migrate(empty_database_url, apps)
    (apps["shop"] / "0002.py").unlink()

    assert await pending(empty_database_url, apps) == []
    with pytest.raises(StartupError, match="newer version"):
        await migrate(empty_database_url, apps)


async def test_an_unreachable_database_is_a_startup_error(apps: dict[str, Path]) -> None:
    with pytest.raises(StartupError, match="can't be reached"):
        await migrate("postgresql://nobody:secret@127.0.0.1:1/none", apps)

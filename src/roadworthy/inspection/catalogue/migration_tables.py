"""What the database says was migrated: the version table of each tool, and what is still pending by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.inspection.catalogue.kit import counted, listed
from roadworthy.inspection.catalogue.migration_files import Migration, Plan, version
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

SHOWN_MIGRATIONS = 6
TABLES_SQL = """
select n.nspname as schema, c.relname as table, pg_table_is_visible(c.oid) as visible,
       array_agg(a.attname::text order by a.attnum) as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
group by n.nspname, c.relname, c.oid
having array_agg(a.attname::text) && array['version_num', 'app', 'version', 'migration_name', 'name', 'installed_rank']
order by 1, 2"""
"""Candidates by the columns that version tables have: visible without any right to read the tables themselves."""


@dataclass(frozen=True, slots=True)
class Table:
    """A version table: its name as SQL takes it, and its columns."""

    name: str
    columns: frozenset[str]
    visible: bool

    def __str__(self) -> str:
        return self.name.replace('"', "")


@dataclass(frozen=True, slots=True)
class State:
    """What the database says about a plan: where it stands, what is pending, what is broken or unknown to the tree."""

    table: str
    current: str
    pending: tuple[Migration, ...] = ()
    broken: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


async def state_of(plan: Plan, postgres: PostgresProbe) -> State | None:
    """How far `plan` is applied; None where the database has no version table of that tool.

    Raises:
        Unobservable: the table may not be read, or several could be meant.
    """
    tables = [table for table in await _tables(postgres) if KINDS[plan.tool](table)]
    if not tables:
        return None
    return await JUDGES[plan.tool](plan, tables, postgres)


async def _tables(postgres: PostgresProbe) -> Sequence[Table]:
    return [
        Table(
            ".".join('"' + str(row[part]).replace('"', '""') + '"' for part in ("schema", "table")),
            frozenset(row["columns"]),
            bool(row["visible"]),
        )
        for row in await postgres.rows(TABLES_SQL)
    ]


def _called(*names: str) -> Callable[[Table], bool]:
    return lambda table: str(table).rpartition(".")[2].lower() in names


KINDS: Mapping[str, Callable[[Table], bool]] = {
    "Alembic": lambda table: table.columns == {"version_num"},
    "Django": lambda table: _called("django_migrations")(table) and {"app", "name"} <= table.columns,
    "Rails": lambda table: _called("schema_migrations")(table) and table.columns == {"version"},
    "Prisma": _called("_prisma_migrations"),
    "Knex": lambda table: {"id", "name", "batch", "migration_time"} <= table.columns,
    "Sequelize": lambda table: _called("sequelizemeta")(table) and table.columns == {"name"},
    "Flyway": lambda table: {"installed_rank", "version", "success"} <= table.columns,
    "golang-migrate": lambda table: _called("schema_migrations")(table) and {"version", "dirty"} <= table.columns,
}
"""Tool -> how its version table is known: by its columns where its name can be configured."""


def _only(plan: Plan, tables: Sequence[Table]) -> Table:
    """The version table; of several the one that the role's search path leads to."""
    visible = [table for table in tables if table.visible]
    chosen = tables if len(tables) == 1 else visible
    if len(chosen) != 1:
        raise Unobservable(
            f"{counted(len(tables), 'table')} could be {plan.tool}'s: {listed(tables)}",
            "let [postgres] dsn lead to the service's schema: ?options=-csearch_path%3Dname",
        )
    return chosen[0]


async def _read(postgres: PostgresProbe, table: Table, columns: str, order: str) -> Sequence[Row]:
    # columns and order are written in this module, the table's name is quoted above
    return await postgres.rows(f"select {columns} from {table.name} order by {order} limit 2000")  # noqa: S608 - see above


async def _alembic(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    """Everything that the rows build on is applied; a table of which no row is known here is another service's."""
    rows = {table: [str(row["version_num"]) for row in await _read(postgres, table, "version_num", "1")]
            for table in tables}  # fmt: skip
    own = {table: keys for table, keys in rows.items() if plan.keys & set(keys)} or rows
    if len(own) > 1 and not any(plan.keys & set(keys) for keys in own.values()):
        raise Unobservable(f"{len(own)} tables could be Alembic's: {listed(own)}; no row of theirs is in the tree")
    current = sorted(key for keys in own.values() for key in keys)
    applied = _built_on(plan, current)
    strange = tuple(key for key in current if key not in plan.keys)
    pending = tuple(one for one in plan.migrations if one.key not in applied)
    return State(listed(own), listed(current, 4), pending, strange=strange)


def _built_on(plan: Plan, keys: Iterable[str]) -> frozenset[str]:
    after = {one.key: one.after for one in plan.migrations}
    seen: set[str] = set()
    left = list(keys)
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            left.extend(after.get(key, ()))
    return frozenset(seen)


async def _django(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    table = _only(plan, tables)
    rows = await _read(postgres, table, "app, name", "id")
    applied = {f"{row['app']}.{row['name']}" for row in rows}
    apps = {str(row["app"]) for row in rows}
    missing = [one for one in plan.migrations if not _django_applied(one, applied)]
    replaced = {key for one in plan.migrations if one.key in applied for key in one.replaces}
    missing = [one for one in missing if one.key not in replaced]
    pending = tuple(one for one in missing if one.key.partition(".")[0] in apps)
    never = tuple(sorted({one.key.partition(".")[0] for one in missing} - apps))
    newest = f"{rows[-1]['app']}.{rows[-1]['name']}" if rows else "nothing applied"
    return State(str(table), newest, pending if rows else tuple(missing), ignored=never if rows else ())


def _django_applied(one: Migration, applied: set[str]) -> bool:
    return one.key in applied or (bool(one.replaces) and set(one.replaces) <= applied)


async def _listed_keys(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    """Tools that keep a row for each migration, by its name or number."""
    table = _only(plan, tables)
    column = "version" if "version" in table.columns else "name"
    applied = {_stem(str(row[column])) for row in await _read(postgres, table, column, "1")}
    pending = tuple(one for one in plan.migrations if _stem(one.key) not in applied)
    return State(str(table), max(applied, default="nothing applied"), pending)


def _stem(key: str) -> str:
    """A compiled migration has another ending than its source."""
    name, dot, ending = key.rpartition(".")
    return name if dot and ending in {"js", "ts", "cjs", "mjs", "cts", "mts"} else key


async def _prisma(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    table = _only(plan, tables)
    columns = "migration_name, finished_at is not null as done, rolled_back_at is not null as undone"
    rows = await _read(postgres, table, columns, "started_at")
    applied = {str(row["migration_name"]) for row in rows if row["done"] and not row["undone"]}
    broken = tuple(
        f"{row['migration_name']} began and never ended"
        for row in rows
        if not row["done"] and not row["undone"] and row["migration_name"] not in applied
    )
    pending = tuple(one for one in plan.migrations if one.key not in applied)
    return State(str(table), max(applied, default="nothing applied"), pending, broken)


async def _flyway(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    table = _only(plan, tables)
    rows = await _read(postgres, table, "version, type, success", "installed_rank")
    broken = tuple(f"version {row['version']} failed" for row in rows if not row["success"])
    kept = [(version(str(row["version"])), str(row["type"])) for row in rows if row["version"] and row["success"]]
    applied: set[tuple[int, ...]] = set()
    for number, kind in kept:  # in the order in which they ran: undone, and perhaps done again
        (applied.discard if kind.startswith(("UNDO", "DELETE")) else applied.add)(number)
    base = max((number for number, kind in kept if "BASELINE" in kind), default=())
    pending = tuple(one for one in plan.migrations if not (version(one.key) in applied or version(one.key) <= base))
    current = ".".join(map(str, max(applied, default=()))) or "nothing applied"
    return State(str(table), current, pending, broken)


async def _golang(plan: Plan, tables: Sequence[Table], postgres: PostgresProbe) -> State:
    table = _only(plan, tables)
    rows = await _read(postgres, table, "version, dirty", "1 desc")
    if not rows:
        return State(str(table), "nothing applied", plan.migrations)
    current = str(rows[0]["version"])
    broken = (f"version {current} is dirty: it failed half way",) if rows[0]["dirty"] else ()
    pending = tuple(one for one in plan.migrations if version(one.key) > version(current))
    strange = () if current in plan.keys else (current,)
    return State(str(table), current, pending, broken, strange)


JUDGES = {
    "Alembic": _alembic,
    "Django": _django,
    "Rails": _listed_keys,
    "Prisma": _prisma,
    "Knex": _listed_keys,
    "Sequelize": _listed_keys,
    "Flyway": _flyway,
    "golang-migrate": _golang,
}
"""Tool -> how its version table is read."""

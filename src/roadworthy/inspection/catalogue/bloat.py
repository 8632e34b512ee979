"""Room that tables hold and don't use: measured where the server can, estimated and said so where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe

RATIO_MAX = 0.5
SIZE_MIN_BYTES = 64 * 1024 * 1024
"""Half of less is not worth a lock."""
MEASURED_LIMIT_BYTES = 4 * 1024**3
TABLES_LIMIT = 5
ESTIMATE_SQL = """
select n.nspname as schema, c.relname as table, c.oid::bigint as id, pg_relation_size(c.oid) as bytes,
       greatest(c.reltuples, 0) * (28 + coalesce(sum((1 - s.null_frac) * s.avg_width), 0)) as used,
       count(s.attname) as described
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and not s.inherited
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
  and pg_relation_size(c.oid) >= $1
group by 1, 2, 3, 4, c.reltuples order by 4 desc limit 50"""
EXTENSION_SQL = """
select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pgstattuple'"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, its size, and the share of it that holds nothing; `measured`, or estimated from statistics."""

    name: str
    size_bytes: int
    empty_ratio: float
    measured: bool

    def __str__(self) -> str:
        how = "measured" if self.measured else "estimated"
        return f"{self.name}: {self.size_bytes / 1024**2:.0f} MiB, {self.empty_ratio:.0%} of it empty ({how})"


async def _bloat(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    least = requirement.number("min_bytes", SIZE_MIN_BYTES)
    tables = await _tables(postgres, int(least))
    total = int(await postgres.value("select count(*) from pg_stat_user_tables"))
    if not total:
        raise Unobservable("the database has no table", "point [postgres] dsn at the service's own")
    swollen = [table for table in tables if table.empty_ratio >= RATIO_MAX]
    evidence = observe(
        f"tables of {least / 1024**2:g} MiB or more",
        f"{listed(tables)}; {total} tables in all",
        postgres.vantage,
        basis=listed([table.name for table in swollen]),
    )
    if swollen:
        return failed(
            f"{listed(swollen, 3)}",
            evidence,
            mend="find what holds vacuum back (long transactions, slots), then rewrite the table: pg_repack without a "
            "lock, or VACUUM FULL with one",
            patch=f"vacuum (full, analyze) {swollen[0].name};",
        )
    if not tables:
        return passed(f"none of {total} tables is large enough to hold much empty room", evidence)
    if not all(table.measured for table in tables):
        return unknown(
            f"by an estimate none of {len(tables)} large tables is half empty; nothing measured it",
            evidence,
            mend="create extension pgstattuple; grant pg_stat_scan_tables to the role that inspects",
        )
    return passed(f"none of {len(tables)} large tables is half empty, as measured", evidence)


async def _tables(postgres: PostgresProbe, least: int) -> Sequence[Table]:
    rows = await postgres.rows(ESTIMATE_SQL, least)
    where = [str(row["nspname"]) for row in await postgres.rows(EXTENSION_SQL)]
    found = []
    for n, row in enumerate(rows):
        name, size = f"{row['schema']}.{row['table']}", int(row["bytes"])
        ratio = None
        if where and n < TABLES_LIMIT and size <= MEASURED_LIMIT_BYTES:
            ratio = await _measured(postgres, where[0], int(row["id"]))
        if ratio is not None:
            found.append(Table(name, size, ratio, measured=True))
        elif row["described"]:
            found.append(Table(name, size, max(0.0, 1 - float(row["used"]) / size), measured=False))
        else:
            raise Unobservable(
                f"{name} has no statistics that this role may see", f"grant select on {name}; analyze {name};"
            )
    return found


async def _measured(postgres: PostgresProbe, schema: str, table: int) -> float | None:
    """Share of dead and free room by pgstattuple, which skips pages that are all visible; None where it may not run."""
    quoted = '"' + schema.replace('"', '""') + '"'
    sql = (
        f"select approx_free_percent + dead_tuple_percent as empty from {quoted}.pgstattuple_approx($1::oid::regclass)"  # noqa: S608 - the schema is quoted above
    )
    try:
        return float(await postgres.value(sql, table)) / 100
    except Unobservable:
        return None


ROWS = "insert into visits select n, repeat('x', 100) from generate_series(1, 20000) n"
TABLE = "create table visits (id int, note text) with (autovacuum_enabled = off)"
BLOAT = Check(
    id="db.bloat.tables",
    requirements=("db.bloat",),
    title="No large table is half empty",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_bloat,
    documentation=Documentation(
        what=f"Of the tables of {SIZE_MIN_BYTES // 1024**2} MiB or more none holds more empty room and dead rows than "
        "live ones.",
        why="A table that is half empty is read, cached and backed up at twice its size.",
        how_verified=f"pgstattuple_approx on the {TABLES_LIMIT} largest where the extension is there and the role may "
        "use it; else an estimate from the planner's statistics, which can fail a table but never passes one.",
        how_to_mend="Keep transactions short and autovacuum on; pg_repack or VACUUM FULL once.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.bloat",
        {"min_bytes": 1024 * 1024},
        must_fail=Stage(
            database=Database(
                sql=(
                    "create extension pgstattuple",
                    TABLE,
                    ROWS,
                    "delete from visits where id % 5 <> 0",
                    "analyze visits",
                )
            )
        ),
        mended=Stage(database=Database(sql=("create extension pgstattuple", TABLE, ROWS, "analyze visits"))),
    ),
)

CHECKS = (BLOAT,)

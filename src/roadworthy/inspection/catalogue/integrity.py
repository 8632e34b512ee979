"""Constraints: the database itself refuses what must not be."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import Row

KINDS = {"p": "primary key", "u": "unique", "f": "foreign key", "c": "check", "x": "exclusion"}
VERSIONS = r"^(?:alembic_version|schema_migrations|ar_internal_metadata|flyway_schema_history|knex_migrations\w*)$"
TABLES_SQL = """
select n.nspname as schema, c.relname as table,
       coalesce((select string_agg(o.contype::text, '' order by o.conname) from pg_constraint o
                 where o.conrelid = c.oid and o.contype in ('p', 'u', 'f', 'c', 'x')), '') as kinds,
       array(select o.conname::text from pg_constraint o where o.conrelid = c.oid and not o.convalidated) as unproven,
       array(select a.attname::text from pg_attribute a join pg_class other on other.relkind in ('r', 'p')
             and other.relname in (regexp_replace(a.attname, '_id$', ''), regexp_replace(a.attname, '_id$', '') || 's',
                                   regexp_replace(a.attname, 'y_id$', 'ies'))
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname ~ '_id$'
               and other.relnamespace = c.relnamespace
               and not exists (select 1 from pg_constraint f where f.conrelid = c.oid and f.contype = 'f'
                               and a.attnum = any(f.conkey))) as loose,
       exists (select 1 from pg_index x where x.indrelid = c.oid and x.indisunique and x.indisvalid) as has_unique
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_' and c.relname !~ $1
  and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1, 2 limit 2000"""


async def _guarded(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    rows = await postgres.rows(TABLES_SQL, VERSIONS)
    wanted = requirement.text("table").lower()
    chosen = [row for row in rows if not wanted or wanted in {row["table"], f"{row['schema']}.{row['table']}"}]
    if not rows:
        raise Unobservable("the database has no table", "point [postgres] dsn at the service's own database")
    told = "\n".join(map(_told, chosen[:20]))
    evidence = observe("pg_constraint", f"{told}\n{len(chosen)} of {len(rows)} tables looked at", postgres.vantage)
    if not chosen:
        return failed(
            f"there is no table {wanted}", evidence, mend="mend the name in the line, or apply the migrations"
        )
    problems = [problem for row in chosen for problem in problems_of(row)]
    if problems:
        return failed(
            listed(problems, 4),
            evidence,
            mend="add what is missing as not valid, then validate it: neither locks the table for long",
            patch=_patch(chosen) or None,
        )
    return passed(f"{len(chosen)} tables are guarded: {_counted(chosen)}", evidence)


def problems_of(row: Row) -> Sequence[str]:
    """What the database does not guard in a table."""
    name = f"{row['schema']}.{row['table']}"
    keyed = row["has_unique"] or set(str(row["kinds"])) & {"p", "u"}
    problems = [] if keyed else [f"{name} has no key"]
    problems += [f"{name}: {constraint} was never validated" for constraint in row["unproven"]]
    problems += [f"{name}.{column} refers to a table by name only" for column in row["loose"]]
    return problems


def _told(row: Row) -> str:
    kinds = [KINDS[kind] for kind in str(row["kinds"])]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "no constraint"
    return f"{row['schema']}.{row['table']}: {counted}"


def _counted(rows: Sequence[Row]) -> str:
    kinds = "".join(str(row["kinds"]) for row in rows)
    return ", ".join(f"{kinds.count(kind)} {name}" for kind, name in KINDS.items() if kind in kinds)


def _patch(rows: Sequence[Row]) -> str:
    return "\n".join(
        f'alter table "{row["schema"]}"."{row["table"]}" validate constraint "{name}";'
        for row in rows
        for name in row["unproven"]
    )


TABLES = ("create table cities (id int primary key)", "create table visits (id int primary key, city_id int)")
GUARDED = Check(
    id="db.constraints.declared",
    requirements=("db.constraints",),
    title="Constraints guard the data",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"postgres"}),
    run=_guarded,
    documentation=Documentation(
        what="Every table has a key, every constraint was validated, and every column that names another table "
        "(city_id beside cities) is a foreign key. Of the table that the line names, if it names one.",
        why="What only the code checks is broken by the first script, race or second service that writes as well.",
        how_verified="pg_constraint and pg_index of all tables but those of extensions, partitions and version tables.",
        how_to_mend="ALTER TABLE ... ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.constraints",
        must_fail=Stage(database=Database(sql=TABLES)),
        mended=Stage(
            database=Database(sql=(*TABLES, "alter table visits add foreign key (city_id) references cities"))
        ),
    ),
)

CHECKS = (GUARDED,)

"""Indexes that cost and serve nobody: invalid, repeated, or never read."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import Row

DAYS_MIN = 7
"""Younger statistics have not seen the report that runs on Mondays."""
SIZE_MIN_BYTES = 1024 * 1024
INDEXES_SQL = """
select n.nspname as schema, t.relname as table, i.relname as index, x.indisvalid as valid, x.indisunique as sole,
       exists (select 1 from pg_constraint c where c.conindid = x.indexrelid) as guards,
       coalesce(s.idx_scan, 0) as scans, pg_relation_size(x.indexrelid) as bytes,
       (select min(y.indexrelid::regclass::text) from pg_index y
        where y.indrelid = x.indrelid and y.indexrelid <> x.indexrelid and y.indisvalid
          and y.indkey::text = x.indkey::text and y.indclass::text = x.indclass::text
          and y.indcollation::text = x.indcollation::text and y.indoption::text = x.indoption::text
          and coalesce(pg_get_expr(y.indpred, y.indrelid), '') = coalesce(pg_get_expr(x.indpred, x.indrelid), '')
          and coalesce(pg_get_expr(y.indexprs, y.indrelid), '') = coalesce(pg_get_expr(x.indexprs, x.indrelid), '')
          and (select relam from pg_class where oid = y.indexrelid) = i.relam
          and (y.indisunique or not x.indisunique)
          and (y.indisunique and not x.indisunique or y.indexrelid < x.indexrelid)) as same_as,
       exists (select 1 from pg_stat_progress_create_index p where p.index_relid = x.indexrelid) as being_built
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace left join pg_stat_user_indexes s on s.indexrelid = x.indexrelid
where i.relkind = 'i' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' order by 1, 2, 3
limit 2000"""
AGE_SQL = """
select extract(epoch from now() - coalesce(stats_reset, pg_postmaster_start_time())) / 86400 as days
from pg_stat_database where datname = current_database()"""
REPLICAS_SQL = "select count(*) from pg_stat_replication where application_name !~ 'pg_(receivewal|basebackup|dump)'"


async def _waste(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    postgres = offered(probes.postgres, "postgres")
    rows = await postgres.rows(INDEXES_SQL)
    if not rows:
        raise Unobservable("the database has no index: nothing to judge", "point [postgres] dsn at the service's own")
    days = float(await postgres.value(AGE_SQL))
    replicas = int(await postgres.value(REPLICAS_SQL))
    idle = unused(rows)
    telling = days >= DAYS_MIN and not replicas
    problems = broken(rows) + ([f"{_name(row)} was never read" for row in idle] if telling else [])
    why = "" if telling or not idle else f" ({'replicas may read them' if replicas else 'the statistics are young'})"
    seen = f"wrong: {listed(problems, 20)}; not read so far: {listed(map(_name, idle))}{why}"
    evidence = observe(
        "pg_index, pg_stat_user_indexes",
        f"{len(rows)} indexes looked at, statistics of {days:.0f} days; {seen}",
        postgres.vantage,
        basis=listed(problems, 50),
    )
    if problems:
        return failed(
            listed(problems, 4), evidence, mend="drop what repeats or serves nobody, rebuild what is invalid",
            patch=_patch(rows, idle if telling else ()),
        )  # fmt: skip
    told = "" if telling else "; which are never read can't be told yet" + why
    return passed(f"none of {len(rows)} indexes is invalid or repeats another{told}", evidence)


def broken(rows: Sequence[Row]) -> list[str]:
    """What is wrong whatever the statistics say."""
    invalid = [f"{_name(row)} is invalid" for row in rows if not row["valid"] and not row["being_built"]]
    return invalid + [f"{_name(row)} repeats {row['same_as']}" for row in rows if _repeats(row)]


def unused(rows: Sequence[Row]) -> list[Row]:
    """Indexes that were never read and guard nothing, but cost room and every write."""
    return [
        row
        for row in rows
        if row["valid"] and not (row["scans"] or row["sole"] or row["guards"] or _repeats(row))
        and int(row["bytes"]) >= SIZE_MIN_BYTES
    ]  # fmt: skip


def _repeats(row: Row) -> bool:
    return bool(row["valid"] and row["same_as"] and not row["guards"])


def _name(row: Row) -> str:
    return f"{row['schema']}.{row['index']}"


def _patch(rows: Sequence[Row], idle: Sequence[Row]) -> str:
    drop = [row for row in rows if _repeats(row)] + list(idle)
    rebuild = [row for row in rows if not row["valid"] and not row["being_built"]]
    lines = [f'drop index concurrently "{row["schema"]}"."{row["index"]}";' for row in drop]
    lines += [f'reindex index concurrently "{row["schema"]}"."{row["index"]}";' for row in rebuild]
    return "\n".join(lines)


TABLE = "create table visits (id int primary key, city_id int)"
WASTE = Check(
    id="db.index_waste.indexes",
    requirements=("db.index_waste",),
    title="No index is invalid, repeated or never read",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_waste,
    documentation=Documentation(
        what="Every index is valid, none repeats another, and none of over 1 MiB that guards nothing was never read.",
        why="Each index is written with every row; one left invalid by a failed build is written and never read.",
        how_verified="pg_index and pg_stat_user_indexes. That an index is never read counts only where statistics are "
        f"{DAYS_MIN} days old or more and no replica might read it. Indexes under construction are left out.",
        how_to_mend="DROP INDEX CONCURRENTLY, REINDEX INDEX CONCURRENTLY.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.index_waste",
        must_fail=Stage(
            database=Database(
                sql=(TABLE, "create index one on visits (city_id)", "create index two on visits (city_id)")
            )
        ),
        mended=Stage(database=Database(sql=(TABLE, "create index one on visits (city_id)"))),
    ),
)

CHECKS = (WASTE,)

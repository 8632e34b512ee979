"""Upkeep of the database: vacuum, analyze, indexes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.catalogue.schedules import recurring
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

DAYS = 7.0
LARGE_ROWS = 1_000
ALL_COVERED = "autovacuum is on for every table"
REINDEX = re.compile(r"\breindex|pg_repack", re.IGNORECASE)
TABLES_SQL = """
select schemaname || '.' || relname as table, n_live_tup as live, n_dead_tup as dead,
       n_mod_since_analyze as changed,
       extract(epoch from now() - greatest(last_vacuum, last_autovacuum))::bigint as vacuumed_seconds,
       extract(epoch from now() - greatest(last_analyze, last_autoanalyze))::bigint as analyzed_seconds
from pg_stat_user_tables where n_live_tup + n_dead_tup > 0 order by 1"""
LEFT_OUT_SQL = """
select c.oid::regclass::text as table from pg_class c, pg_options_to_table(c.reloptions) as option
where c.relkind in ('r', 'm') and option.option_name = 'autovacuum_enabled' and not option.option_value::boolean
order by 1 limit 50"""
INDEXES_SQL = """
select s.schemaname || '.' || s.indexrelname as index, s.idx_scan as scans,
       x.indisvalid as valid, x.indisunique as sole,
       pg_relation_size(s.indexrelid) as bytes,
       exists (select 1 from pg_index y where y.indrelid = x.indrelid and y.indexrelid < x.indexrelid
               and y.indkey = x.indkey and y.indclass = x.indclass
               and y.indpred is not distinct from x.indpred
               and y.indexprs is not distinct from x.indexprs) as repeated
from pg_stat_user_indexes s join pg_index x on x.indexrelid = s.indexrelid order by 1"""


async def _upkeep(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    asked = {word.lower() for word in requirement.names("what")} or {"vacuum", "analyze"}
    days = requirement.number("days", DAYS)
    problems: list[str] = []
    evidence: list[Evidence] = []
    if asked & {"vacuum", "analyze"}:
        problems += await _tables(postgres, asked, days, evidence)
    if asked & {"index", "indexes", "reindex"}:
        problems += await _index_upkeep(probes, postgres, evidence)
    if problems:
        return failed(listed(problems, 5), *evidence, mend="let autovacuum do it, or schedule it", patch=_patch(asked))
    covered = f"; {evidence[0].answer.partition(', ')[0]}" if asked & {"vacuum", "analyze"} else ""
    return passed(f"{listed(sorted(asked))}: nothing is overdue{covered}", *evidence)


async def _tables(postgres: PostgresProbe, asked: set[str], days: float, evidence: list[Evidence]) -> list[str]:
    rows = await postgres.rows(TABLES_SQL)
    if not rows:
        raise Unobservable(
            "no table holds a row: nothing to keep up", "point [postgres] dsn at the service's own database"
        )
    autovacuum = await postgres.setting("autovacuum") == "on" and await postgres.setting("track_counts") == "on"
    problems = [] if autovacuum else ["autovacuum is off"]
    for row in rows:
        problems += _overdue(row, asked, days)
    lines = [_table(row) for row in sorted(rows, key=lambda row: -int(row["live"]))[:12]]
    basis = f"{listed(problems)}; autovacuum {'on' if autovacuum else 'off'}"
    summary = f"{await _covered(postgres, on=autovacuum)}, {len(rows)} tables with rows looked at"
    evidence.append(observe("pg_stat_user_tables", "\n".join([summary, *lines]), postgres.vantage, basis=basis))
    return problems


async def _covered(postgres: PostgresProbe, *, on: bool) -> str:
    """For which tables autovacuum works: a table may be left out of it, whatever the server's setting."""
    if not on:
        return "autovacuum is off"
    left_out = [str(row["table"]) for row in await postgres.rows(LEFT_OUT_SQL)]
    return f"autovacuum is off for {left_out[0]} and {len(left_out) - 1} more" if left_out else ALL_COVERED


def _overdue(row: Row, asked: set[str], days: float) -> Sequence[str]:
    """A table is overdue if enough of it changed to need the work, and nobody did it within the period."""
    live, limit = int(row["live"]), days * 86_400
    late = []
    if "vacuum" in asked and int(row["dead"]) > 50 + live / 4 and _older(row["vacuumed_seconds"], limit):
        late.append(f"{row['table']} has {row['dead']} dead rows and was not vacuumed for {days:g} days")
    stale = int(row["changed"]) > 50 + live / 8 or row["analyzed_seconds"] is None
    if "analyze" in asked and live >= LARGE_ROWS and stale and _older(row["analyzed_seconds"], limit):
        late.append(f"{row['table']} was not analyzed for {days:g} days, and {row['changed']} rows changed")
    return late


def _older(seconds: object, limit: float) -> bool:
    return not isinstance(seconds, int) or seconds > limit


def _table(row: Row) -> str:
    def since(seconds: object) -> str:
        return f"{seconds} seconds ago" if isinstance(seconds, int) else "never"

    return (
        f"{row['table']}: {row['live']} rows, {row['dead']} dead; vacuumed {since(row['vacuumed_seconds'])}, "
        f"analyzed {since(row['analyzed_seconds'])}"
    )


async def _index_upkeep(probes: Probes, postgres: PostgresProbe, evidence: list[Evidence]) -> list[str]:
    rows = await postgres.rows(INDEXES_SQL)
    if not rows:
        raise Unobservable("there is no index to keep up", "point [postgres] dsn at the service's own database")
    problems = [f"{row['index']} is invalid" for row in rows if not row["valid"]]
    problems += [f"{row['index']} repeats another" for row in rows if row["repeated"]]
    unused = [str(row["index"]) for row in rows if not row["scans"] and not row["sole"]]
    text = f"{len(rows)} indexes looked at; wrong: {listed(problems)}; not used yet: {listed(unused)}"
    evidence.append(observe("pg_stat_user_indexes", text, postgres.vantage, basis=listed(problems)))
    schedule = await asyncio.to_thread(recurring, probes, REINDEX)
    evidence.append(
        observe("schedules", f"{listed(schedule.told)}; {schedule.looked_at} looked at", "cron, timers, source tree")
    )
    if not schedule.lines:
        problems.append(f"no schedule rebuilds indexes ({schedule.looked})")
    return problems


def _patch(asked: set[str]) -> str:
    if asked & {"index", "indexes", "reindex"}:
        return "0 4 1 * * postgres reindexdb --concurrently --all"
    return "alter system set autovacuum = on; select pg_reload_conf();\nvacuum (analyze);"


ROWS = "insert into visits select n from generate_series(1, 2000) n"
UPKEEP = Check(
    id="db.vacuum.upkeep",
    requirements=("db.vacuum",),
    title="Tables are vacuumed and analyzed, indexes kept",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_upkeep,
    documentation=Documentation(
        what="No table that changed enough to need it went without vacuum or analyze for the period of the line; for "
        "indexes: none "
        "invalid or repeated, and a schedule that rebuilds them.",
        why="Dead rows slow every scan, old statistics choose wrong plans, and both come slowly enough to be missed.",
        how_verified="pg_stat_user_tables against autovacuum's own measure, with the number of tables looked at; "
        "pg_index; cron, timers "
        "and CI schedules.",
        how_to_mend="Leave autovacuum on; schedule VACUUM (ANALYZE) and REINDEX CONCURRENTLY where a table outruns it.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.vacuum",
        {"what": "analyze", "days": 7},
        must_fail=Stage(
            database=Database(
                sql=(
                    "create table visits (id int) with (autovacuum_enabled = off)",
                    ROWS,
                    "select pg_stat_force_next_flush()",
                )
            ),
            machine=Machine(),
        ),
        mended=Stage(
            database=Database(
                sql=(
                    "create table visits (id int) with (autovacuum_enabled = off)",
                    ROWS,
                    "analyze visits",
                    "select pg_stat_force_next_flush()",
                )
            ),
            machine=Machine(),
        ),
    ),
)

CHECKS = (UPKEEP,)

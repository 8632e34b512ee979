"""The database itself: which engine, at what level, how slow, and who follows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import plans
from roadworthy.inspection.catalogue.kit import (
    conditional,
    failed,
    not_applicable,
    observe,
    offered,
    passed,
    setting_of,
    unknown,
)
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

ADDRESSES = ("DATABASE_URL", "DATABASE_DSN", "DB_URL", "SQLALCHEMY_DATABASE_URI", "POSTGRES_URL")
SLOW_MS = 500.0
CALLS_MIN = 5
STATEMENTS_MIN = 3
SHOWN_ROWS = 5

SLOW_SQL = """
select left(regexp_replace(s.query, '\\s+', ' ', 'g'), 160) as query, s.calls, s.mean_exec_time
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = current_database() and s.calls >= $1
  and s.query ~* '^\\s*(with|select|insert|update|delete)'
  and s.query !~* '\\m(pg_(stat|catalog|class|index|roles|database|settings)|information_schema|current_setting)'
order by s.mean_exec_time desc limit 500"""
SERIALIZABLE = """
do $$ begin
  execute format('alter database %I set default_transaction_isolation = ''serializable''', current_database());
end $$"""
REPLICAS_SQL = """
select application_name, state, coalesce(pg_wal_lsn_diff(sent_lsn, replay_lsn), 0)::bigint as lag_bytes
from pg_stat_replication where application_name !~ 'pg_(receivewal|basebackup|dump)' order by 1"""


async def _engine(probes: Probes, requirement: Requirement) -> Verdict:
    wanted = requirement.text("engine", "postgresql").lower()
    setting = setting_of(probes, *ADDRESSES)
    if setting is not None:
        scheme = addresses.parse(setting.value).scheme.partition("+")[0]
        if scheme and not _same_engine(scheme, wanted):
            evidence = observe(setting.name, f"begins with {scheme}:// ({setting.source})", "effective configuration")
            return failed(
                f"the service is configured for {scheme}, the line asks for {wanted}",
                evidence,
                mend=f"point {setting.name} at a {wanted} server",
                patch=f"{setting.name}=postgresql://user:password@host:5432/name",
            )
    postgres = offered(probes.postgres, "postgres")
    row = await postgres.row(
        "select version(), current_database() as name, current_user as role, "
        "current_setting('server_version_num')::int as number"
    )
    evidence = observe(
        "select version()", f"{row['version']}; database {row['name']}, role {row['role']}", postgres.vantage
    )
    if not _same_engine("postgresql", wanted):
        return failed(
            f"the database is PostgreSQL, the line asks for {wanted}", evidence, mend=f"use {wanted}, or mend the line"
        )
    major = int(row["number"]) // 10_000
    least = requirement.text("version").partition(".")[0]
    if least.isdigit() and major < int(least):
        return failed(
            f"PostgreSQL {major}, the line asks for {least}", evidence, mend=f"upgrade to PostgreSQL {least} or newer"
        )
    return passed(f"PostgreSQL {major} answers", evidence)


def _same_engine(one: str, other: str) -> bool:
    return one.startswith("postgres") if other.startswith("postgres") else one == other


async def _isolation(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    wanted = requirement.text("level", "read committed").lower().replace("_", " ").replace("-", " ")
    level = await postgres.setting("default_transaction_isolation")
    evidence = observe("show default_transaction_isolation", level, postgres.vantage)
    if level != wanted:
        return failed(
            f"transactions run at {level}, the line asks for {wanted}",
            evidence,
            mend="set the level for the service's role",
            patch=f"alter role current_user set default_transaction_isolation = '{wanted}';",
        )
    return passed(f"transactions begin at {level}", evidence)


async def _slow(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    if not await postgres.value("select count(*) from pg_extension where extname = 'pg_stat_statements'"):
        raise Unobservable(
            "pg_stat_statements is not installed: no statement's time is known",
            "shared_preload_libraries = 'pg_stat_statements', restart, then: create extension pg_stat_statements;",
        )
    limit_ms = requirement.number("max_ms", SLOW_MS)
    rows = await postgres.rows(SLOW_SQL, CALLS_MIN)
    slow = [row for row in rows if float(row["mean_exec_time"]) > limit_ms]
    evidence = observe(
        f"pg_stat_statements, called {CALLS_MIN} times or more",
        "\n".join(
            f"{float(row['mean_exec_time']):.1f} ms on average, {row['calls']} calls: {row['query']}"
            for row in rows[:SHOWN_ROWS]
        ),
        postgres.vantage,
        basis="\n".join(str(row["query"]) for row in slow) or "none is slow",
    )
    if rows and RECORDED.search(requirement.text("subject")) and not requirement.params.get("max_ms"):
        return passed(f"slow queries are recorded: pg_stat_statements holds the times of {len(rows)} or more", evidence)
    if slow:
        shown, index = await _planned(postgres, str(slow[0]["query"]))
        return failed(
            f"{len(slow)} of {len(rows)} statements take over {limit_ms:g} ms on average",
            evidence,
            *shown,
            mend="look at their plans with explain (analyze, buffers); most want an index or a smaller page",
            patch=index or f"explain (analyze, buffers) {slow[0]['query']};",
        )
    if len(rows) < STATEMENTS_MIN:
        return unknown(
            f"only {len(rows)} statements have run {CALLS_MIN} times: too few to judge",
            evidence,
            mend="use the service, then inspect",
        )
    return passed(f"none of {len(rows)} statements takes over {limit_ms:g} ms on average", evidence)


async def _planned(postgres: PostgresProbe, beginning: str) -> tuple[Sequence[Evidence], str]:
    """The plan of the slowest statement, as far as the server tells it, and the index that would help."""
    try:
        query = await plans.full_text(postgres, beginning)
        plan = await plans.explained(postgres, query)
        index = await plans.advice(postgres, query, plan)
    except Unobservable as hidden:
        return (observe("plan of the slowest", hidden.problem, postgres.vantage),), ""
    basis = "\n".join(plan.lines)
    told = observe("explain (generic plan) of the slowest", f"{basis}\n{index}".strip(), postgres.vantage, basis=basis)
    return (told,), index


RECORDED = re.compile(r"\b(?:slow|long)\w* \w+ (?:are |is |get )?(?:record|log|captur|collect|track)\w*", re.IGNORECASE)
"""The line asks that slow statements can be found, not that there are none."""
ZONES = re.compile(r"multi-?\s?az\b|availability zones?|zone[- ]redundant", re.IGNORECASE)


async def _replica(probes: Probes, requirement: Requirement) -> Verdict:
    if ZONES.search(requirement.text("subject")):
        raise Unobservable(
            "a standby of the provider's in another zone does not show in the database", "offer its tree"
        )
    postgres = offered(probes.postgres, "postgres")
    rows = await postgres.rows(REPLICAS_SQL)
    evidence = _replicas(rows, postgres)
    if any(row["state"] in {"streaming", None} for row in rows):
        return passed(f"{len(rows)} replica(s) follow", evidence)
    if await postgres.value("select pg_is_in_recovery()"):
        return passed("this server is itself a replica", evidence)
    if conditional(requirement):
        return not_applicable(
            "no replica follows, and the line asks for one only if needed: this is a single server", evidence
        )
    return failed(
        "no replica follows this server",
        evidence,
        mend="set up a streaming replica with pg_basebackup -R, and a slot for it",
    )


def _replicas(rows: Sequence[Row], postgres: PostgresProbe) -> Evidence:
    lines = [f"{row['application_name']}: {row['state']}, {row['lag_bytes']} bytes behind" for row in rows]
    basis = "\n".join(f"{row['application_name']}: {row['state']}" for row in rows) or "none"
    return observe("pg_stat_replication", "\n".join(lines) or "no row: nobody follows", postgres.vantage, basis=basis)


ENGINE = Check(
    id="db.engine.version",
    requirements=("db.engine",),
    title="The service's database is the engine asked for",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_engine,
    server_itself=True,
    documentation=Documentation(
        what="The address that the service connects to is a PostgreSQL server (or the engine that the line names), "
        "new enough.",
        why="SQLite takes one writer at a time; a service that still points at it stalls with a few dozen users.",
        how_verified="Reads the scheme of DATABASE_URL in the effective configuration, connects with the target's "
        "DSN and asks for version().",
        how_to_mend="Point DATABASE_URL at a PostgreSQL server and run the migrations.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.engine",
        {"engine": "postgresql"},
        must_fail=Stage(environment={"DATABASE_URL": "sqlite:///app.db"}, database=Database()),
        mended=Stage(environment={"DATABASE_URL": "postgresql+asyncpg://app@db/app"}, database=Database()),
    ),
)

ISOLATION = Check(
    id="db.isolation.level",
    requirements=("db.isolation",),
    title="Transactions run at the isolation level asked for",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"postgres"}),
    run=_isolation,
    server_itself=True,
    documentation=Documentation(
        what="The level at which the service's role begins transactions.",
        why="Another level than the code was written for loses updates, or fails under load with serialization errors.",
        how_verified="SHOW default_transaction_isolation in a session of the service's own role and database, where "
        "settings of both apply.",
        how_to_mend="ALTER ROLE ... SET default_transaction_isolation, or set it where the pool is made.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.isolation",
        {"level": "READ COMMITTED"},
        must_fail=Stage(database=Database(sql=(SERIALIZABLE,))),
        mended=Stage(database=Database()),
    ),
)

SLOW = Check(
    id="db.slowq.statements",
    requirements=("db.slowq",),
    title="No statement is slow on average",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_slow,
    covers=("slow", "queries", "slow queries", "recorded", "slow queries recorded", "logged"),
    documentation=Documentation(
        what=f"No statement that ran at least {CALLS_MIN} times takes longer on average than the line says, or "
        f"{SLOW_MS:g} ms.",
        why="One statement without an index is enough to hold every connection of the pool when load comes.",
        how_verified="pg_stat_statements for this database, without the catalogue's own queries; says how many "
        "statements were looked at. Of the slowest the plan is shown, without running it, and the index that it wants: "
        "proven by a plan with hypopg, else said to be advice.",
        how_to_mend="EXPLAIN (ANALYZE, BUFFERS) the statement; add the index, or ask for less.",
        not_applicable_when="Never; without pg_stat_statements it is unknown.",
    ),
    fixtures=twins(
        "db.slowq",
        {"max_ms": 40},
        must_fail=Stage(
            database=Database(
                sql=(
                    "create extension pg_stat_statements",
                    "create table visits (id int)",
                    "insert into visits values (1)",
                    *["select pg_sleep(0.06), id from visits"] * CALLS_MIN,
                )
            )
        ),
        mended=Stage(
            database=Database(
                sql=(
                    "create extension pg_stat_statements",
                    "create table visits (id int)",
                    "insert into visits values (1)",
                    *["select id from visits", "select count(*) from visits", "select max(id) from visits"] * CALLS_MIN,
                )
            )
        ),
    ),
)

REPLICA = Check(
    id="db.replica.streaming",
    requirements=("db.replica",),
    title="A replica follows the database",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_replica,
    server_itself=True,
    documentation=Documentation(
        what="At least one standby streams from this server.",
        why="Without one, the loss of a disk means restoring a backup, and reads can't be spread.",
        how_verified="pg_stat_replication, without backup tools, and pg_is_in_recovery().",
        how_to_mend="pg_basebackup -R with a replication slot, on another machine.",
        not_applicable_when="The line asks for a replica only if needed, and none follows: a single server is the "
        "plan.",
    ),
    fixtures=twins(
        "db.replica",
        must_fail=Stage(database=Database()),
        mended=Stage(database=Database(follower=True)),
    ),
)

CHECKS = (ENGINE, ISOLATION, SLOW, REPLICA)

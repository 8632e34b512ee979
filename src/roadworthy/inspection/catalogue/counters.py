"""Counters that end: sequences, and the transaction ids that vacuum must free again."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

SHARE_MAX = 0.75
IDS = 2**31
"""So many transactions back a row can still be told from one of the future; then the server refuses writes."""
IDS_SHARE_MAX = 0.5
TYPES = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
SEQUENCES_SQL = """
select s.schemaname as schema, s.sequencename as name, s.last_value as at, s.max_value as most, s.cycle,
       has_sequence_privilege(c.oid, 'select, usage') as readable,
       t.relname as table, a.attname as column, format_type(a.atttypid, null) as type
from pg_sequences s join pg_namespace n on n.nspname = s.schemaname
join pg_class c on c.relname = s.sequencename and c.relnamespace = n.oid and c.relkind = 'S'
left join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
     and d.deptype in ('a', 'i')
left join pg_class t on t.oid = d.refobjid
left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where s.increment_by > 0 and s.schemaname !~ '^pg_' order by 1, 2 limit 2000"""
AGES_SQL = """
select datname as database, age(datfrozenxid)::bigint as ids, mxid_age(datminmxid)::bigint as multi
from pg_database where datallowconn order by 2 desc limit 100"""


async def _counters(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    asked = set(requirement.names("what")) or {"sequence", "transaction"}
    problems: list[str] = []
    evidence: list[Evidence] = []
    hidden = 0
    if "sequence" in asked:
        rows = await postgres.rows(SEQUENCES_SQL)
        if not rows:
            raise Unobservable("the database has no sequence", "point [postgres] dsn at the service's own")
        hidden = sum(not row["readable"] for row in rows)
        problems += near_end(rows)
        evidence.append(_fullest(rows, postgres))
    if "transaction" in asked:
        problems += await _ages(postgres, evidence)
    if problems:
        return failed(
            listed(problems, 4),
            *evidence,
            mend="widen the column to bigint; let vacuum freeze the oldest tables",
            patch="vacuum (freeze, verbose);" if "transaction" in asked else None,
        )
    if hidden:
        return unknown(
            f"{hidden} of {len(rows)} sequences may not be read by this role",
            *evidence,
            mend="grant select on all sequences in schema public to the role that inspects",
        )
    return passed(f"{listed(sorted(asked))} counters are far from their end", *evidence)


def near_end(rows: Sequence[Row]) -> list[str]:
    """Sequences beyond `SHARE_MAX` of what they, or the columns that they fill, can hold."""
    return [
        f"{row['schema']}.{row['name']} stands at {share(row):.0%} of what {row['type'] or 'it'} can hold"
        for row in rows
        if not row["cycle"] and share(row) >= SHARE_MAX
    ]


def share(row: Row) -> float:
    """How much of its range a sequence has used, 0 to 1; the column that it fills may be narrower."""
    most = min(int(row["most"]), TYPES.get(str(row["type"]), int(row["most"])))
    return int(row["at"] or 0) / most if most > 0 else 0.0


def _fullest(rows: Sequence[Row], postgres: PostgresProbe) -> Evidence:
    top = sorted(rows, key=share, reverse=True)[:5]
    lines = [f"{row['schema']}.{row['name']}: {share(row):.2%} of {row['type'] or 'its range'}" for row in top]
    basis = listed(near_end(rows))
    return observe("pg_sequences", "\n".join([f"{len(rows)} looked at", *lines]), postgres.vantage, basis=basis)


async def _ages(postgres: PostgresProbe, evidence: list[Evidence]) -> list[str]:
    rows = await postgres.rows(AGES_SQL)
    lines = [f"{row['database']}: {row['ids']} transactions, {row['multi']} multixacts" for row in rows[:5]]
    problems = [
        f"the oldest row of {row['database']} is {max(row['ids'], row['multi']) / IDS:.0%} of the way to wraparound"
        for row in rows
        if max(row["ids"], row["multi"]) >= IDS_SHARE_MAX * IDS
    ]
    evidence.append(observe("age of the oldest row", "\n".join(lines), postgres.vantage, basis=listed(problems)))
    return problems


TABLE = "create table visits (id serial primary key)"
COUNTERS = Check(
    id="db.counters.left",
    requirements=("db.counters",),
    title="No sequence and no transaction counter nears its end",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_counters,
    documentation=Documentation(
        what=f"No sequence stands beyond {SHARE_MAX:.0%} of what its column can hold, and no database is half way to "
        "transaction wraparound.",
        why="An integer key that runs out stops every insert, and wraparound stops every write, both on a day that was "
        "known years before.",
        how_verified="pg_sequences with the type of the column that each fills; age of pg_database's frozen ids. "
        "Sequences that the role may not read make it unknown.",
        how_to_mend="ALTER TABLE ... ALTER COLUMN ... TYPE bigint in time (with a new column and a swap for large "
        "tables); find what holds vacuum back: long transactions, prepared ones, replication slots.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.counters",
        must_fail=Stage(database=Database(sql=(TABLE, "select setval('visits_id_seq', 2000000000)"))),
        mended=Stage(database=Database(sql=(TABLE, "select setval('visits_id_seq', 2000)"))),
    ),
)

CHECKS = (COUNTERS,)

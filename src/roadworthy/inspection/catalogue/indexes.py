"""Indexes: those that a line names, and those that foreign keys want."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

LARGE_ROWS = 1_000
"""A table with fewer rows is read whole faster than through an index."""
INDEXES_SQL = """
select n.nspname as schema, t.relname as table, i.relname as index, x.indisvalid as valid,
       pg_get_expr(x.indpred, x.indrelid) as predicate,
       array(select coalesce(a.attname::text, '(expression)') from unnest(x.indkey) with ordinality k(number, position)
             left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number and k.number > 0
             where k.position <= x.indnkeyatts order by k.position) as columns
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' order by 1, 2, 3"""
COLUMNS_SQL = """
select n.nspname as schema, t.relname as table, a.attname as column
from pg_class t join pg_namespace n on n.oid = t.relnamespace join pg_attribute a on a.attrelid = t.oid
where t.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' order by 1, 2, a.attnum"""
KEYS_SQL = """
select n.nspname || '.' || t.relname as table, c.conname as name, t.reltuples::bigint as rows,
       array(select a.attname::text from unnest(c.conkey) k
             join pg_attribute a on a.attrelid = t.oid and a.attnum = k) as columns,
       exists (select 1 from pg_index x where x.indrelid = t.oid and x.indisvalid and x.indpred is null
               and (x.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey) as covered
from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
where c.contype = 'f' order by 1, 2"""
SCANS_MIN = 100
SCANNED_ROWS = 10_000
SCANNED_SQL = """
select s.schemaname || '.' || s.relname as table, c.reltuples::bigint as rows, s.seq_scan::bigint as scans
from pg_stat_user_tables s join pg_class c on c.oid = s.relid
where c.reltuples >= $1 and s.seq_scan >= $2 and s.seq_scan > coalesce(s.idx_scan, 0)
  and s.seq_tup_read >= s.seq_scan * c.reltuples / 2 order by s.seq_tup_read desc limit 20"""
"""Large tables that are read whole, mostly to the end, and oftener than by an index."""
_STATEMENT = re.compile(
    r"create\s+(?:unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?\"?(?P<index>\w+)\"?\s+on\s+(?:only\s+)?"
    r"(?P<table>[\w.\"]+)\s*(?:using\s+\w+\s*)?\((?P<columns>[^)]*)\)",
    re.IGNORECASE,
)
_TABLE = re.compile(r"(?<![\w.])`?((?:[a-z_]\w*\.)?[a-z_]\w*)`?\(`?([a-z_]\w*`?(?:\s*,\s*`?[a-z_]\w*`?)*)\)")
_DOTTED = re.compile(r"(?:\bon|\bfor|`)\s*`?([a-z_]\w*)\.([a-z_]\w*)`")
FILE_NAME = re.compile(r"\.(?:py|sql|js|ts|rb|go|md|sh|ya?ml|json)\b")
_BEGINNING = re.compile(r"\bcreate\s+(?:unique\s+)?index\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An index that somebody asks for; `index` may be empty (any name will do)."""

    index: str
    table: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        on = f"{self.table}({', '.join(self.columns)})" if self.columns else self.table
        return f"{self.index} on {on}" if self.index and on else self.index or on


async def _indexes(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    named = requirement.text("index") or requirement.text("table")
    file = "" if named else requirement.text("file").removeprefix("./").lstrip("/")
    said = [] if named or file else _said(requirement.text("subject"))
    if not named and not file and not said:
        return await _foreign_keys(postgres)
    wanted = [Wanted(requirement.text("index"), requirement.text("table"), requirement.names("columns"))]
    if said:
        wanted = said
    elif file:
        repo = offered(probes.repo, "repo")
        path = next((one for one in repo.files if one == file or one.endswith(f"/{file}")), "")
        if not path:
            looked = observe(f"file {file}", f"not there; {counted(len(repo.files), 'file')} looked at", repo.vantage)
            return failed(f"there is no file {file}", looked, mend="add it, or name the file that makes the indexes")
        wanted = _stated(repo.read(path), path)
    indexes, columns = await postgres.rows(INDEXES_SQL), await postgres.rows(COLUMNS_SQL)
    answers = [(one, *_judged(one, indexes, columns)) for one in wanted]
    lines = "\n".join(f"{one}: {words}" for one, _, words in answers)
    evidence = observe("pg_index", f"{lines}\n{len(indexes)} indexes looked at", postgres.vantage, basis=lines)
    missing = [one for one, there, _ in answers if not there]
    if not missing:
        return passed("; ".join(words for _, _, words in answers[:4]), evidence)
    return failed(
        "; ".join(words for _, there, words in answers if not there)[:400],
        evidence,
        mend="create it without locking the table, where the table and its columns exist; or mend the line",
        patch="\n".join(_statement(one) for one in missing if one.columns) or None,
    )


def _said(text: str) -> list[Wanted]:
    """Indexes by table and columns, as lines put them: "orders(customer_id)", "`orders.customer_id`"."""
    of_tables = [Wanted("", one[1], _columns(one[2])) for one in _TABLE.finditer(text)]
    dotted = [Wanted("", one[1], (one[2],)) for one in _DOTTED.finditer(text) if not FILE_NAME.search(one[0])]
    return of_tables or dotted


def _stated(text: str, path: str) -> list[Wanted]:
    """Indexes that a script creates.

    Raises:
        Unobservable: not all of them can be read, or there is none.
    """
    code = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    read = [one for one in _STATEMENT.finditer(code) if "(" not in one["columns"]]
    if not read or len(read) < len(_BEGINNING.findall(code)):
        raise Unobservable(
            f"{len(read)} of {len(_BEGINNING.findall(code))} CREATE INDEX statements can be read from {path}",
            "name the index and its table in the line",
        )
    return [Wanted(one["index"], one["table"].replace('"', ""), _columns(one["columns"])) for one in read]


def _columns(text: str) -> tuple[str, ...]:
    return tuple(part.split()[0].strip('"`') for part in text.split(",") if part.strip())


def _judged(wanted: Wanted, indexes: Sequence[Row], columns: Sequence[Row]) -> tuple[bool, str]:
    """Whether it is there, and in what words."""
    table = wanted.table.rpartition(".")[2].lower()
    there = {str(row["column"]) for row in columns if row["table"] == table}
    if table and not there:
        return False, f"there is no table {wanted.table}"
    absent = [name for name in wanted.columns if name not in there]
    if absent:
        return False, f"table {table} has no column {listed(absent)}"
    here = [row for row in indexes if not table or row["table"] == table]
    named = next((row for row in here if row["index"] == wanted.index), None)
    if named is not None and (not named["valid"] or not _leads(named, wanted)):
        words = (
            "is invalid" if not named["valid"] else f"is on {listed(named['columns'])}, not on {listed(wanted.columns)}"
        )
        return False, f"{wanted.index} {words}"
    return (True, f"{wanted.index} is there and valid") if named is not None else _another(wanted, here)


def _another(wanted: Wanted, here: Sequence[Row]) -> tuple[bool, str]:
    """An index of another name may serve; one that holds only some rows does not."""
    fitting = [row for row in here if wanted.columns and row["valid"] and _leads(row, wanted)]
    whole = next((row for row in fitting if not row["predicate"]), None)
    if whole is not None:
        return (
            True,
            f"{wanted.table}({', '.join(wanted.columns)}) is covered by {whole['index']} on {listed(whole['columns'])}",
        )
    if fitting:
        part = fitting[0]
        return False, f"no index on all rows of {wanted}: {part['index']} holds only those where {part['predicate']}"
    return False, f"there is no index {wanted}, nor another that begins with these columns"


def _leads(row: Row, wanted: Wanted) -> bool:
    return tuple(row["columns"][: len(wanted.columns)]) == wanted.columns


def _statement(wanted: Wanted) -> str:
    name = wanted.index or f"{wanted.table.rpartition('.')[2]}_{'_'.join(wanted.columns)}"
    return f"create index concurrently if not exists {name} on {wanted.table} ({', '.join(wanted.columns)});"


async def _foreign_keys(postgres: PostgresProbe) -> Verdict:
    """With nothing named: broken indexes, and foreign keys of large tables without one."""
    indexes, keys = await postgres.rows(INDEXES_SQL), await postgres.rows(KEYS_SQL)
    if not indexes:
        raise Unobservable(
            "the database has no table with an index: nothing to judge", "point [postgres] dsn at the service's own"
        )
    broken = [f"{row['index']} is invalid" for row in indexes if not row["valid"]]
    bare = [row for row in keys if not row["covered"] and int(row["rows"]) >= LARGE_ROWS]
    problems = broken + [
        f"{row['table']}({', '.join(row['columns'])}) refers to another table without an index on all rows"
        for row in bare
    ]
    scanned = await postgres.rows(SCANNED_SQL, SCANNED_ROWS, SCANS_MIN)
    whole = [f"{row['table']} ({row['rows']} rows) was read whole {row['scans']} times" for row in scanned]
    evidence = observe(
        "pg_index, pg_constraint, pg_stat_user_tables",
        f"{listed([*problems, *whole], 20)}\n{len(indexes)} indexes and {len(keys)} foreign keys looked at",
        postgres.vantage,
        basis=f"{listed(problems, 20)}; read whole: {listed(row['table'] for row in scanned)}; {len(keys)} keys",
    )
    problems += whole
    if problems:
        patch = "\n".join(_statement(Wanted("", str(row["table"]), tuple(row["columns"]))) for row in bare)
        return failed(
            listed(problems, 4), evidence, mend="create the missing indexes, rebuild invalid ones", patch=patch or None
        )
    if not keys:
        words = f"{len(indexes)} indexes are valid, but no foreign key shows which the queries need"
        return unknown(words, evidence, mend="name the index, or its table and columns, in the line")
    return passed(
        f"{len(indexes)} indexes are valid, and {len(keys)} foreign keys have theirs (or small tables)", evidence
    )


INDEXES = Check(
    id="db.indexes.present",
    requirements=("db.indexes",),
    title="Indexes are there, valid, and cover the columns",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_indexes,
    documentation=Documentation(
        what="The index that the line names, or any valid one that begins with the same columns and holds all rows.",
        why="A query without its index reads the whole table; an index left invalid by a failed build serves nobody.",
        how_verified="pg_index for the name, its validity, leading columns and predicate. A script named in the line "
        "is read for its "
        "CREATE INDEX statements. With neither, every index must be valid, every foreign key of a large "
        f"table have one, and no table of {SCANNED_ROWS} rows or more be read whole oftener than by an index.",
        how_to_mend="CREATE INDEX CONCURRENTLY; REINDEX INDEX CONCURRENTLY for an invalid one.",
        not_applicable_when="Never: a table or column that does not exist is a failure that says so.",
    ),
    fixtures=twins(
        "db.indexes",
        {"index": "idx_visits_city_id", "table": "visits", "columns": ("city_id",)},
        must_fail=Stage(
            database=Database(
                sql=(
                    "create table visits (id int primary key, city_id int, open boolean)",
                    "create index visits_open on visits (city_id) where open",
                )
            )
        ),
        mended=Stage(
            database=Database(
                sql=(
                    "create table visits (id int primary key, city_id int, open boolean)",
                    "create index visits_city on visits (city_id, id)",
                )
            )
        ),
    ),
)

CHECKS = (INDEXES,)

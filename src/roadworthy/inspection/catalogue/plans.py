"""Plans of statements: what is read whole, and which index would spare that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.postgres import PostgresProbe

NODES_LIMIT = 200
SHOWN_NODES = 12
LARGE_ROWS = 1_000
"""A table with fewer rows is read whole faster than through an index."""
CHEAPER = 0.5
"""An index is worth its upkeep where the statement costs less than half with it."""
COLUMNS_LIMIT = 3
WHOLE = frozenset({"Seq Scan", "Index Scan", "Index Only Scan"})
"""An index scan without a condition on its index walks all of it, for its order."""
_EQUALITY = re.compile(r"\(?(?:\w{1,64}\.)?\"?(\w{1,64})\"?\)?(?:::[\w ]+)? = (?:ANY \()?\(?\$\d+")
TEXT_SQL = """
select s.query from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = current_database() and left(regexp_replace(s.query, '\\s+', ' ', 'g'), 160) = $1 limit 1"""
ROWS_SQL = """
select c.reltuples::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2"""


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that a plan reads whole, and the columns that it is searched by, where they are compared by =."""

    schema: str
    table: str
    columns: tuple[str, ...]

    @property
    def index(self) -> str:
        """The statement that makes the index wanted."""
        names = ", ".join(f'"{name}"' if not name.islower() else name for name in self.columns)
        return f"create index on {self.schema}.{self.table} ({names})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the server would do: a line a node, the cost by its own measure, and the tables read whole."""

    lines: tuple[str, ...]
    cost: float
    scans: tuple[Scan, ...]


async def full_text(postgres: PostgresProbe, beginning: str) -> str:
    """The statement that begins so, whole, as pg_stat_statements keeps it."""
    return str(await postgres.value(TEXT_SQL, beginning))


async def explained(postgres: PostgresProbe, query: str, index: str = "") -> Plan:
    """The plan of `query`, with `index` imagined if given.

    Raises:
        Unobservable: it can't be planned.
    """
    try:
        root = json.loads(await postgres.plan(query, index))[0]["Plan"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise Unobservable("the plan can't be read") from error
    nodes = list(_nodes(root, 0))[:NODES_LIMIT]
    lines = tuple(_line(node, depth) for node, depth in nodes[:SHOWN_NODES])
    return Plan(lines, float(root.get("Total Cost", 0)), tuple(_scans(node for node, _ in nodes)))


async def advice(postgres: PostgresProbe, query: str, plan: Plan) -> str:
    """Which index would help, and whether a plan proves it; empty where none is seen.

    Without hypopg nothing proves it: the words say so.
    """
    for scan in plan.scans:
        if not scan.columns or int(await postgres.value(ROWS_SQL, scan.schema, scan.table)) < LARGE_ROWS:
            continue
        if not await postgres.value("select count(*) from pg_extension where extname = 'hypopg'"):
            return f"{scan.index}; -- advice: hypopg is not there to prove it by a plan"
        better = await explained(postgres, query, scan.index)
        if better.cost < plan.cost * CHEAPER:
            return f"{scan.index}; -- proven by a plan: costs {better.cost:.0f} instead of {plan.cost:.0f}"
    return ""


def _nodes(node: Mapping[str, Any], depth: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    yield node, depth
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _line(node: Mapping[str, Any], depth: int) -> str:
    on = f" on {node['Schema']}.{node['Relation Name']}" if "Relation Name" in node and "Schema" in node else ""
    using = f" using {node['Index Name']}" if "Index Name" in node else ""
    condition = node.get("Index Cond") or node.get("Filter") or ""
    return f"{'  ' * depth}{node.get('Node Type', '?')}{using}{on} {condition}".rstrip()[:200]


def _scans(nodes: Iterator[Mapping[str, Any]]) -> Iterator[Scan]:
    for node in nodes:
        if node.get("Node Type") in WHOLE and node.get("Filter") and not node.get("Index Cond"):
            columns = tuple(dict.fromkeys(_EQUALITY.findall(str(node["Filter"]))))[:COLUMNS_LIMIT]
            yield Scan(str(node.get("Schema", "public")), str(node.get("Relation Name", "")), columns)

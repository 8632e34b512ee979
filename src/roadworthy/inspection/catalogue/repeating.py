"""Writes that may be repeated: a key is documented, and the database keeps each only once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import HttpProbe

KEY = re.compile(r"idempoten|^x-request-token$", re.IGNORECASE)
TABLES_SQL = """
select n.nspname || '.' || c.relname as table, greatest(c.reltuples, 0)::bigint as rows,
       array(select pg_get_indexdef(x.indexrelid) from pg_index x where x.indrelid = c.oid and x.indisunique
             and x.indisvalid and exists (select 1 from unnest(x.indkey) k join pg_attribute a on a.attrelid = c.oid
                and a.attnum = k where a.attname ~* 'key|token|hash|fingerprint|request')) as guards
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and (c.relname ~* 'idempoten' or exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
       and not a.attisdropped and a.attname ~* 'idempotency_?key')) order by 1 limit 50"""


async def _once(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http, postgres = offered(probes.http, "http"), offered(probes.postgres, "postgres")
    documented = await _documented(http)
    rows = await postgres.rows(TABLES_SQL)
    tables = [f"{row['table']} ({'unique' if row['guards'] else 'not unique'})" for row in rows]
    evidence = [
        observe("operations that take an idempotency key", listed(documented), http.vantage),
        observe("tables that keep keys", listed(tables), postgres.vantage),
    ]
    loose = [str(row["table"]) for row in rows if not row["guards"]]
    if loose:
        return failed(
            f"{listed(loose)} keeps keys, and two requests at once may both write theirs: no unique index on the key",
            *evidence,
            mend="let the database refuse the second one",
            patch=f"create unique index concurrently on {loose[0]} (idempotency_key);",
        )
    if documented and rows:
        return passed(f"{listed(documented, 3)} take a key that {rows[0]['table']} keeps once", *evidence)
    seen = "a key is documented" if documented else "a table keeps keys" if rows else "no key is documented or kept"
    return unknown(
        f"{seen}; whether a repeated write happens once shows only by writing",
        *evidence,
        mend="describe it as a flow in target.toml: the same POST twice with one Idempotency-Key",
    )


async def _documented(http: HttpProbe) -> list[str]:
    """Writes whose documented headers hold a key: "POST /api/orders"."""
    document = await surface.document(http)
    paths = document.get("paths") if document else None
    if not isinstance(paths, dict):
        raise Unobservable("no OpenAPI document says which writes take a key", "serve it, or describe a flow")
    return [
        f"{method.upper()} {path}"
        for path, item in paths.items()
        if isinstance(item, dict)
        for method in ("post", "put", "patch", "delete")
        if any(KEY.search(name) for name in _headers(item, item.get(method)))
    ]


def _headers(item: Mapping[str, Any], operation: object) -> Iterator[str]:
    if isinstance(operation, dict):
        for part in (item.get("parameters"), operation.get("parameters")):
            for parameter in part if isinstance(part, list) else ():
                if isinstance(parameter, dict) and parameter.get("in") == "header":
                    yield str(parameter.get("name", ""))


DOCUMENT = {
    "paths": {"/api/orders": {"post": {"parameters": [{"in": "header", "name": "Idempotency-Key", "required": True}]}}}
}
SITE = pages({"/openapi.json": reply(DOCUMENT)})
ONCE = Check(
    id="idempotency.key",
    requirements=("idempotency",),
    title="A repeated write happens once",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"http", "postgres"}),
    run=_once,
    documentation=Documentation(
        what="Writes take an Idempotency-Key, and the table that keeps the keys holds each only once.",
        why="A client that hears nothing asks again; without a key the order is placed twice, and without a unique "
        "index so it is when both requests arrive together.",
        how_verified="Header parameters in the service's OpenAPI document; tables of keys and their unique indexes. "
        "Nothing is written. Describe a flow to see it happen.",
        how_to_mend="Insert the key in the transaction of the write, under a unique index.",
        not_applicable_when="Never; where neither shows it is unknown.",
    ),
    fixtures=twins(
        "idempotency",
        must_fail=Stage(
            site=SITE, database=Database(sql=("create table idempotency_keys (id int primary key, key text)",))
        ),
        mended=Stage(
            site=SITE, database=Database(sql=("create table idempotency_keys (id int primary key, key text unique)",))
        ),
    ),
)

CHECKS = (ONCE,)

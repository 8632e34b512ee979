from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any

import asyncpg

from roadworthy.apps.hiring.spelling.repository import REFRESH, WORDS_MAX

Record = tuple[Any, ...]

COLUMNS = {
    "states": ("id", "code", "name"),
    "cities": ("id", "state_id", "name", "slug", "latitude", "longitude", "population"),
    "companies": (
        "id", "city_id", "name", "slug", "industry", "size", "rating", "review_count",
        "description", "website", "street", "postal_code", "photos", "created_at",
    ),
    "jobs": (
        "id", "company_id", "city_id", "state_id", "title", "description", "employment_type", "experience_level",
        "salary_min", "salary_max", "salary_period", "is_remote", "is_active", "is_featured", "view_count",
        "created_at", "expires_at",
    ),
    "photos": ("name", "shows", "original"),
}  # fmt: skip
IDENTITIES = ("companies", "jobs")
LOAD_LOCK = 0x726F6164_64656D6F  # any number that nobody else takes


class DemoRepository:
    """Writes demo rows within one transaction, so that an interrupted load leaves nothing behind."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        """Take a `connection` with a transaction open."""
        self._connection = connection

    async def prepare(self) -> None:
        """Wait for any other loader, then give this transaction the memory and the time that index builds want."""
        await self._connection.execute(
            "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;"
            "set local maintenance_work_mem = '192MB'; set local max_parallel_maintenance_workers = 2"
        )
        await self._connection.execute("select pg_advisory_xact_lock($1)", LOAD_LOCK)

    async def filled(self) -> tuple[str, ...]:
        """The tables that hold any row."""
        found = []
        for table in COLUMNS:
            statement = f"select exists (select from hiring.{table})"  # noqa: S608 - names from COLUMNS
            if await self._connection.fetchval(statement):
                found.append(table)
        return tuple(found)

    async def take_indexes(self, table: str) -> list[str]:
        """Drop the plain indexes of `table` and return what makes them again: 200,000 rows load twice as fast."""
        rows = await self._connection.fetch(
            """select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
               from pg_index i
               where i.indrelid = ('hiring.' || $1)::regclass and not i.indisunique
               order by i.indexrelid""",
            table,
        )
        for row in rows:
            await self._connection.execute(f"drop index {row['name']}")
        return [row["definition"] for row in rows]

    async def make_index(self, definition: str) -> None:
        """Build an index that `take_indexes` dropped."""
        await self._connection.execute(definition)

    async def copy(self, table: str, records: Iterable[Record] | AsyncIterable[Record]) -> None:
        """Append `records`, in the order of COLUMNS, by binary COPY."""
        await self._connection.copy_records_to_table(
            table, schema_name="hiring", columns=COLUMNS[table], records=records, timeout=None
        )

    async def count_words(self) -> None:
        """Do at once what a task does every few minutes: gather the words that mistyped ones are compared with."""
        await self._connection.execute(REFRESH, WORDS_MAX, timeout=None)

    async def advance_identities(self) -> None:
        """Let the next row written by a person follow the highest id loaded."""
        for table in IDENTITIES:
            await self._connection.execute(
                f"select setval(pg_get_serial_sequence('hiring.{table}', 'id'), (select max(id) from hiring.{table}))"  # noqa: S608 - names from IDENTITIES
            )


async def vacuum(connection: asyncpg.Connection[Any]) -> None:
    """Collect statistics and set visibility, outside any transaction, so that the first visitors do not pay for it."""
    for table in COLUMNS:
        await connection.execute(f"vacuum (analyze) hiring.{table}", timeout=None)

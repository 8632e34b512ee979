"""Photos as the database holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from roadworthy.apps.hiring.audience import Audience
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.pages.pictures import Variant

WAITING = """
select name, original from hiring.photos where digest is null and refused is null order by created_at, name limit 1
"""
KEEP = """
insert into hiring.photo_variants (digest, width, height, format, body)
select $1, v.* from unnest($2::integer[], $3::integer[], $4::text[], $5::bytea[]) v on conflict do nothing
"""
MADE = "update hiring.photos set digest = $2 where name = $1"
REFUSE = "update hiring.photos set refused = $2 where name = $1"
LISTED = """
select p.name, p.shows, v.digest, v.width, v.height, v.format
from hiring.photos p join hiring.photo_variants v on v.digest = p.digest
where p.name = any($1::text[]) order by p.name, v.format, v.width
"""
FIRSTS = """
select c.id, p.name, p.shows, v.digest, v.width, v.height, v.format
from hiring.companies c
join hiring.photos p on p.name = split_part(c.photos[1], '.', 1)
join hiring.photo_variants v on v.digest = p.digest
where c.id = any($1::bigint[]) order by c.id, v.format, v.width
"""
BODY = "select body from hiring.photo_variants where digest = $1 and width = $2 and format = $3"


class Listed(NamedTuple):
    """A variant of a photo, without its bytes."""

    name: str
    shows: str
    digest: str
    width: int
    height: int
    format: str


class PhotoRepository:
    """Reads and writes photos."""

    def __init__(self, database: Database) -> None:
        """Take the pool to use."""
        self._database = database

    async def waiting(self) -> tuple[str, bytes] | None:
        """Name and bytes of an original that no variants were made of yet."""
        row = await self._database.fetchrow(WAITING)
        return (row[0], row[1]) if row else None

    async def keep(self, name: str, digest: str, variants: Sequence[Variant]) -> None:
        """Keep what was made of the original called `name`; doing it twice changes nothing."""
        columns = [[getattr(each, field) for each in variants] for field in ("width", "height", "format", "body")]
        async with self._database.transaction() as connection:
            await connection.execute(KEEP, digest, *columns)
            await connection.execute(MADE, name, digest)

    async def refuse(self, name: str, reason: str) -> None:
        """Note that nothing can be made of the original called `name`, and why."""
        await self._database.execute(REFUSE, name, reason)

    async def listed(self, audience: Audience, names: Sequence[str]) -> list[Listed]:
        """The variants of these photos, by name, format and width; photos that have none yet are left out."""
        del audience
        return [Listed(*row) for row in await self._database.fetch(LISTED, names)]

    async def firsts(self, audience: Audience, company_ids: Sequence[int]) -> list[tuple[int, Listed]]:
        """The variants of the first photo of each of these companies, with the company's id."""
        del audience
        return [(row[0], Listed(*row[1:])) for row in await self._database.fetch(FIRSTS, company_ids)]

    async def body(self, audience: Audience, digest: str, width: int, format_: str) -> bytes | None:
        """The bytes of one variant."""
        del audience
        body: bytes | None = await self._database.fetchval(BODY, digest, width, format_)
        return body

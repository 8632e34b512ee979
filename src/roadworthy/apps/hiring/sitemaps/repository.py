"""Addresses of what search engines may index, as the database knows it."""

from __future__ import annotations

from datetime import datetime

from roadworthy.apps.hiring.audience import Audience
from roadworthy.chassis.database.pool import Database

# Parts are ranges of ids, so that a job stays in its part whatever closes or arrives; 10,000 rows take 15 ms.
PART_IDS = 10_000
LAST_JOB = "select coalesce(max(id), 0) from hiring.jobs"
JOBS = """
select id, created_at from hiring.jobs
where is_active and (expires_at is null or expires_at > now()) and id > $1 and id <= $2 order by id
"""
LAST_COMPANY = "select coalesce(max(id), 0) from hiring.companies"
COMPANIES = "select slug, created_at from hiring.companies where is_active and id > $1 and id <= $2 order by id"


class SitemapRepository:
    """Reads what is open, a part at a time."""

    def __init__(self, database: Database) -> None:
        """Take the pool to read from."""
        self._database = database

    async def parts(self, audience: Audience) -> tuple[int, int]:
        """How many parts of jobs there are, and of companies."""
        del audience
        jobs, companies = await self._database.fetchval(LAST_JOB), await self._database.fetchval(LAST_COMPANY)
        return -(-jobs // PART_IDS), -(-companies // PART_IDS)

    async def jobs(self, audience: Audience, part: int) -> list[tuple[int, datetime]]:
        """Id and time of publishing of the open jobs of a part; the first part is 1."""
        del audience
        rows = await self._database.fetch(JOBS, (part - 1) * PART_IDS, part * PART_IDS)
        return [(row[0], row[1]) for row in rows]

    async def companies(self, audience: Audience, part: int) -> list[tuple[str, datetime]]:
        """Slug and first day of the companies of a part; the first part is 1."""
        del audience
        rows = await self._database.fetch(COMPANIES, (part - 1) * PART_IDS, part * PART_IDS)
        return [(row[0], row[1]) for row in rows]

"""The words that open jobs, companies and places are called by, and which of them a mistyped one resembles."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.apps.hiring.audience import Audience
from roadworthy.chassis.database.pool import Database

WORDS_MAX = 100_000
# Trigrams in common, 0 to 1: "theripist" and "therapist" 0.54, "masage" and "massage" 0.67, "austn" and "austin" 0.5.
ALIKE_MIN = 0.4
REFRESH_TIMEOUT_SECONDS = 120
# Titles are counted before they are split: 200,000 jobs have 5,000 of them. What stays is not written.
REFRESH = """
with said as (
    select title as text, count(*) as jobs from hiring.jobs where is_active group by title
    union all select name, 1 from hiring.companies where is_active
    union all select name, 1 from hiring.cities
    union all select name, 1 from hiring.states
), counted as materialized (
    select word, least(sum(jobs), 2000000000)::integer as jobs
    from said, unnest(tsvector_to_array(to_tsvector('simple', text))) as word
    where word ~ '^[[:alpha:]]{3,40}$'
    group by word order by 2 desc, word limit $1
), gone as (
    delete from hiring.words w where not exists (select from counted c where c.word = w.word)
)
insert into hiring.words (word, jobs) select word, jobs from counted
on conflict (word) do update set jobs = excluded.jobs where words.jobs <> excluded.jobs
"""
# A word that some job has, or that is too common to be looked for, is not mistyped.
RESEMBLING = """
select typed.word, best.word
from unnest($1::text[]) as typed (word)
cross join lateral (
    select d.word from hiring.words d
    where d.word % typed.word and similarity(d.word, typed.word) >= $2
    order by similarity(d.word, typed.word) desc, d.jobs desc, d.word limit 1
) best
where numnode(plainto_tsquery('english', typed.word)) > 0
  and not exists (select from hiring.words d where d.word = typed.word)
  and not exists (select from hiring.jobs j where j.is_active and j.search @@ plainto_tsquery('english', typed.word))
"""


class SpellingRepository:
    """Keeps the words, and compares with them."""

    def __init__(self, database: Database) -> None:
        """Take the pool to use."""
        self._database = database

    async def refresh(self) -> None:
        """Bring the words up to what is open now (0.5 s for 200,000 jobs), in one statement."""
        async with self._database.transaction() as connection:
            await connection.execute(f"set local statement_timeout = '{REFRESH_TIMEOUT_SECONDS}s'")
            await connection.execute(REFRESH, WORDS_MAX, timeout=REFRESH_TIMEOUT_SECONDS)

    async def resembling(self, audience: Audience, words: Sequence[str]) -> dict[str, str]:
        """For each of `words` that nobody uses, the word in use that is most like it, if any is."""
        del audience
        rows = await self._database.fetch(RESEMBLING, words, ALIKE_MIN)
        return {row[0]: row[1] for row in rows}

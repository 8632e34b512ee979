import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fastapi import HTTPException
from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, literal, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, undefer

from benchmarks.reference.models import City, Company, Job, State
from benchmarks.reference.schemas import JobFilters, SearchFilters

WITH_RELATED = (
    joinedload(Job.company, innerjoin=True),
    joinedload(Job.city, innerjoin=True),
    joinedload(Job.state, innerjoin=True),
)
ORDER = (Job.is_featured, Job.created_at, Job.id)


async def get_job(session: AsyncSession, job_id: int) -> Job | None:
    """One job with its company and place, in one query."""
    statement = select(Job).options(*WITH_RELATED, undefer(Job.description)).where(Job.id == job_id)
    return await session.scalar(statement)


async def list_jobs(session: AsyncSession, filters: JobFilters) -> tuple[list[Job], str | None]:
    """One page of active jobs, featured first, then newest; and where the next page starts."""
    rows = list(await session.scalars(list_statement(filters)))
    more = len(rows) > filters.limit
    items = rows[: filters.limit]
    return items, encode_cursor(items[-1]) if more else None


def list_statement(filters: JobFilters) -> Select[tuple[Job]]:
    """The query behind a page: one more row than asked tells whether another page follows."""
    statement = select(Job).options(*WITH_RELATED).where(Job.is_active, *conditions(filters))
    if filters.cursor is not None:
        statement = statement.where(tuple_(*ORDER) < tuple_(*decode_cursor(filters.cursor)))
    return statement.order_by(*(column.desc() for column in ORDER)).limit(filters.limit + 1)


def conditions(filters: JobFilters) -> Iterator[ColumnElement[bool]]:
    """A condition for each filter that is set."""
    if filters.q is not None:
        yield Job.search.bool_op("@@")(func.websearch_to_tsquery("english", filters.q))
    if filters.state is not None:
        yield Job.state_id == select(State.id).where(State.code == filters.state).scalar_subquery()
    if filters.city is not None:
        yield Job.city_id == select(City.id).where(City.slug == filters.city).scalar_subquery()
    if filters.company is not None:
        yield Job.company_id == select(Company.id).where(Company.slug == filters.company).scalar_subquery()
    if filters.salary_min is not None:
        yield func.coalesce(Job.salary_max, Job.salary_min) >= filters.salary_min
    yield from equalities(filters)


def equalities(filters: JobFilters) -> Iterator[ColumnElement[bool]]:
    """Conditions that compare a column with the filter's value."""
    columns = {
        Job.experience_level: filters.experience,
        Job.salary_period: filters.salary_period,
        Job.is_remote: filters.remote,
        Job.is_featured: filters.featured,
    }
    return (column == value for column, value in columns.items() if value is not None)


def encode_cursor(job: Job) -> str:
    """Where the next page starts, opaque to clients."""
    text = f"{job.is_featured:d}|{job.created_at.isoformat()}|{job.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_cursor(cursor: str) -> tuple[ColumnElement[Any], ...]:
    """The place a cursor stands for, in the columns' types; 400 on one that we did not make."""
    try:
        featured, created_at, job_id = base64.urlsafe_b64decode(cursor).decode().split("|")
        place = featured == "1", datetime.fromisoformat(created_at), int(job_id)
        return tuple(literal(value, column.type) for column, value in zip(ORDER, place, strict=True))
    except (ValueError, binascii.Error):
        raise HTTPException(400, "cursor: take it from next_cursor of the page before") from None


FEW = 3
WORD = re.compile(r"(?<![\w-])[^\W\d_]{4,40}(?!\w)")
RESEMBLING = text("""
    select t.word, best.word from unnest(cast(:words as text[])) as t (word)
    cross join lateral (
        select d.word from hiring.words d where d.word % t.word and similarity(d.word, t.word) >= 0.4
        order by similarity(d.word, t.word) desc, d.jobs desc, d.word limit 1
    ) best
    where numnode(plainto_tsquery('english', t.word)) > 0
      and not exists (select from hiring.words d where d.word = t.word)
      and not exists (select from hiring.jobs j where j.is_active and j.search @@ plainto_tsquery('english', t.word))
""")


async def search_jobs(session: AsyncSession, filters: SearchFilters) -> dict[str, Any]:
    """A page of active jobs, the best matches first; what finds little is tried with its words corrected."""
    page = await search_page(session, filters)
    if filters.exact or len(page["items"]) >= FEW or (filters.cursor is not None and page["items"]):
        return page
    better = await corrected(session, filters.q)
    if better is None:
        return page
    other = await search_page(session, filters.model_copy(update={"q": better}))
    if not page["items"] and other["items"]:
        return other | {"instead_of": filters.q}
    return page | {"did_you_mean": better if len(other["items"]) > len(page["items"]) else None}


async def search_page(session: AsyncSession, filters: SearchFilters) -> dict[str, Any]:
    """One page for these very words."""
    rows = (await session.execute(search_statement(filters))).all()
    items, more = [row[0] for row in rows[: filters.limit]], len(rows) > filters.limit
    cursor = encode_ranked(*rows[filters.limit - 1]) if more else None
    return {"items": items, "next_cursor": cursor, "searched": filters.q}


def search_statement(filters: SearchFilters) -> Select[tuple[Job, int]]:
    """Jobs with their rank: the words in the title, with the company's, with the place's, anywhere."""
    query = func.websearch_to_tsquery("english", filters.q)
    found = [
        (func.ts_filter(Job.search, text(f"'{{{weights}}}'")).bool_op("@@")(query), rank) for rank, weights in RANKS
    ]
    rank = case(*found, else_=len(RANKS) + 1)
    statement = select(Job, rank).options(*WITH_RELATED).where(Job.is_active, *conditions(filters))
    if filters.cursor is not None:
        after, place = decode_ranked(filters.cursor)
        statement = statement.where(or_(rank > after, and_(rank == after, tuple_(*ORDER) < tuple_(*place))))
    return statement.order_by(rank, *(column.desc() for column in ORDER)).limit(filters.limit + 1)


RANKS = ((1, "a"), (2, "a,b"), (3, "a,b,c"))


async def corrected(session: AsyncSession, words: str) -> str | None:
    """The words with those that nobody uses replaced by what they resemble; None if there are none."""
    asked = list(dict.fromkeys(word.lower() for word in WORD.findall(words)))[:6]
    found = await session.execute(RESEMBLING, {"words": asked})
    better: dict[str, str] = {row[0]: row[1] for row in found}
    return WORD.sub(lambda match: better.get(match[0].lower(), match[0]), words) if better else None


def encode_ranked(job: Job, rank: int) -> str:
    """Where the next page of a search starts."""
    return f"{rank}.{encode_cursor(job)}"


def decode_ranked(cursor: str) -> tuple[ColumnElement[int], tuple[ColumnElement[Any], ...]]:
    """The rank and the place in it that a cursor stands for; 400 on one that we did not make."""
    rank, _, rest = cursor.partition(".")
    if rank not in {"1", "2", "3", "4"}:
        raise HTTPException(400, "cursor: take it from next_cursor of the page before")
    return literal(int(rank), Integer), decode_cursor(rest)

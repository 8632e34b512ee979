import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fastapi import HTTPException
from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, undefer

from benchmarks.reference.models import City, Company, Job, State
from benchmarks.reference.schemas import JobFilters

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

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.reference.config import get_settings

settings = get_settings()


def make_engine(**server_settings: str) -> AsyncEngine:
    """An engine with the pool that the guides ask for."""
    return create_async_engine(
        settings.async_database_url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_recycle=3600,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"server_settings": server_settings},
    )


engine = make_engine()
# A search is planned for its own words: one plan for all of them took PostgreSQL eight times as long.
search_engine = make_engine(plan_cache_mode="force_custom_plan")
SessionLocal = async_sessionmaker(engine, expire_on_commit=False)
SearchSessionLocal = async_sessionmaker(search_engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for one request; it borrows a connection only when a query runs."""
    async with SessionLocal() as session:
        yield session


async def get_search_session() -> AsyncIterator[AsyncSession]:
    """A session for one search."""
    async with SearchSessionLocal() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
SearchSessionDep = Annotated[AsyncSession, Depends(get_search_session)]

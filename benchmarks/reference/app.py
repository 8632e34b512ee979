from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi.middleware.gzip import GZipMiddleware
from slowapi import Limiter
from slowapi.middleware import SlowAPIASGIMiddleware
from slowapi.util import get_remote_address

from benchmarks.reference import crud
from benchmarks.reference.cache import cache_result, redis
from benchmarks.reference.config import get_settings
from benchmarks.reference.database import SearchSessionDep, SessionDep, engine, search_engine
from benchmarks.reference.schemas import JobDetail, JobFilters, JobPage, SearchFilters, SearchPage

settings = get_settings()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close what was opened."""
    yield
    await engine.dispose()
    await search_engine.dispose()
    await redis.aclose()


app = FastAPI(
    title="Job board",
    lifespan=lifespan,
    docs_url=None,
    redoc_url=None,
    telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
)
app.add_middleware(GZipMiddleware, minimum_size=1000)

if settings.rate_limit_enabled:
    limits = [f"{settings.rate_limit_per_minute}/minute", f"{settings.rate_limit_per_hour}/hour"]
    app.state.limiter = Limiter(key_func=get_remote_address, default_limits=limits)
    app.add_middleware(SlowAPIASGIMiddleware)


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "healthy"}


@app.get("/api/jobs/search", response_model=SearchPage)
@cache_result(SearchPage)
async def search_jobs(filters: Annotated[SearchFilters, Query()], session: SearchSessionDep) -> Any:
    """A page of a search, the best matches first."""
    return await crud.search_jobs(session, filters)


@app.get("/api/jobs/{job_id}", response_model=JobDetail)
@cache_result(JobDetail)
async def get_job(job_id: int, session: SessionDep) -> Any:
    """One job."""
    job = await crud.get_job(session, job_id)
    if job is None:
        raise HTTPException(404, "Job not found")
    return job


@app.get("/api/jobs", response_model=JobPage)
@cache_result(JobPage)
async def list_jobs(filters: Annotated[JobFilters, Query()], session: SearchSessionDep) -> Any:
    """A page of jobs."""
    items, next_cursor = await crud.list_jobs(session, filters)
    return {"items": items, "next_cursor": next_cursor}

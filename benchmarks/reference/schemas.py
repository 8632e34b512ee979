from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EmploymentType = Literal["full_time", "part_time", "contract", "temporary"]
Experience = Literal["entry", "mid", "senior", "lead"]
SalaryPeriod = Literal["hour", "year"]


class Out(BaseModel):
    """Base of the answers: read from ORM objects."""

    model_config = ConfigDict(from_attributes=True)


class StateOut(Out):
    """A state in an answer."""

    code: str
    name: str


class CityOut(Out):
    """A city in an answer."""

    id: int
    name: str
    slug: str


class CompanyOut(Out):
    """A company in an answer."""

    id: int
    name: str
    slug: str
    industry: str
    size: str
    rating: float | None


class JobSummary(Out):
    """A job in a list."""

    id: int
    title: str
    employment_type: EmploymentType
    experience_level: Experience
    salary_min: int | None
    salary_max: int | None
    salary_period: SalaryPeriod | None
    is_remote: bool
    is_featured: bool
    view_count: int
    created_at: datetime
    company: CompanyOut
    city: CityOut
    state: StateOut


class JobDetail(JobSummary):
    """A job by itself."""

    description: str
    is_active: bool
    expires_at: datetime | None


class JobPage(Out):
    """A page of jobs; next_cursor is null on the last."""

    items: list[JobSummary]
    next_cursor: str | None


class JobFilters(BaseModel):
    """Query parameters of the list of jobs."""

    model_config = ConfigDict(extra="forbid")

    q: str | None = Field(None, min_length=1, max_length=200)
    state: str | None = Field(None, pattern="^[A-Z]{2}$")
    city: str | None = Field(None, max_length=200)
    company: str | None = Field(None, max_length=200)
    experience: Experience | None = None
    salary_min: int | None = Field(None, gt=0)
    salary_period: SalaryPeriod | None = None
    remote: bool | None = None
    featured: bool | None = None
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=200)


class SearchPage(JobPage):
    """A page of a search, and what was searched."""

    searched: str
    instead_of: str | None = None
    did_you_mean: str | None = None


class SearchFilters(JobFilters):
    """Query parameters of the search."""

    q: str = Field(min_length=1, max_length=200)
    exact: bool = False

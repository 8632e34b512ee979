"""Jobs: vacancies, as the board shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from roadworthy.apps.hiring.companies.domain import CompanySummary, Moment
from roadworthy.apps.hiring.places.domain import City, State

EmploymentType: TypeAlias = Literal["full_time", "part_time", "contract", "temporary"]
ExperienceLevel: TypeAlias = Literal["entry", "mid", "senior", "lead"]
SalaryPeriod: TypeAlias = Literal["hour", "year"]


class JobSummary(msgspec.Struct, frozen=True, gc=False):
    """A job in a list. Salaries are whole US dollars for one `salary_period`."""

    id: int
    title: str
    employment_type: EmploymentType
    experience_level: ExperienceLevel
    salary_min: int | None
    salary_max: int | None
    salary_period: SalaryPeriod | None
    is_remote: bool
    is_featured: bool
    view_count: int
    created_at: Moment
    company: CompanySummary
    city: City
    state: State


class Job(msgspec.Struct, frozen=True, gc=False):
    """A job by itself. Salaries are whole US dollars for one `salary_period`; no `expires_at`: no set end."""

    id: int
    title: str
    description: str
    employment_type: EmploymentType
    experience_level: ExperienceLevel
    salary_min: int | None
    salary_max: int | None
    salary_period: SalaryPeriod | None
    is_remote: bool
    is_active: bool
    is_featured: bool
    view_count: int
    created_at: Moment
    expires_at: Moment | None
    company: CompanySummary
    city: City
    state: State


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a job stands in the order of every list: featured first, then newest, then the higher id."""

    is_featured: bool
    created_at: datetime
    id: int


class JobFilter(msgspec.Struct, frozen=True):
    """What a list shows; None does not restrict. `salary_min` is met by the top of a job's range.

    `cities` is any of them, by id; `posted_since` is met by what was published then or later.
    `after_rank` is a search's alone: `after` stands in that rank, and later ranks follow.
    With `before`, the list holds what stands directly before that position, in the order of every list.
    """

    words: str | None = None
    state_id: int | None = None
    city_id: int | None = None
    cities: tuple[int, ...] | None = None
    company: str | None = None
    employment_type: EmploymentType | None = None
    experience: ExperienceLevel | None = None
    salary_min: int | None = None
    salary_period: SalaryPeriod | None = None
    remote: bool | None = None
    featured: bool | None = None
    posted_since: datetime | None = None
    after_rank: int | None = None
    after: Position | None = None
    before: Position | None = None
    limit: int = 20

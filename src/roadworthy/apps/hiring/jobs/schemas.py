"""What clients of the job board's API send and receive."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.jobs.domain import EmploymentType, ExperienceLevel, JobSummary, SalaryPeriod
from roadworthy.apps.hiring.places.schemas import Slug, StateCode
from roadworthy.chassis.web.paging import CursorText, Limit
from roadworthy.chassis.web.parameters import INT64_MAX

JobId: TypeAlias = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Words: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description='words to look for; "a phrase", -without and or are understood',
        examples=["massage therapist", '"front desk" -night', "facial or waxing"],
    ),
]
CitySlug: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=200, description="a city, by its slug from /api/places", examples=["austin-tx"])
]
Miles: TypeAlias = Annotated[
    int, Meta(ge=1, le=100, description="at most so far from `city`, as the crow flies", examples=[25])
]
Posted: TypeAlias = Annotated[
    Literal["24h", "3d", "7d", "30d"], Meta(description="published in the last day, three, seven or thirty days")
]
Dollars: TypeAlias = Annotated[
    int, Meta(ge=1, le=10_000_000, description="pays at least this, in whole US dollars", examples=[25])
]


class JobQuery(msgspec.Struct, frozen=True):
    """Filters of a list of jobs; all that are given must hold."""

    q: Words | None = None
    state: StateCode | None = None
    city: CitySlug | None = None
    miles: Miles | None = None
    company: Slug | None = None
    employment_type: EmploymentType | None = None
    experience: ExperienceLevel | None = None
    salary_min: Dollars | None = None
    salary_period: SalaryPeriod | None = None
    remote: bool | None = None
    featured: bool | None = None
    posted: Posted | None = None
    limit: Limit = 20
    cursor: CursorText | None = None


class JobPage(msgspec.Struct, frozen=True):
    """A page of jobs; `next_cursor` is null on the last."""

    items: list[JobSummary]
    next_cursor: str | None

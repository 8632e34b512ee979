"""What clients of the job board's API send and receive."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.jobs.domain import ExperienceLevel, JobSummary, SalaryPeriod
from roadworthy.apps.hiring.places.schemas import Slug, StateCode
from roadworthy.chassis.web.paging import CursorText, Limit
from roadworthy.chassis.web.parameters import INT64_MAX

JobId: TypeAlias = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Words: TypeAlias = Annotated[
    str,
    Meta(min_length=1, max_length=200, description='words to look for; "a phrase", -without and or are understood'),
]
Dollars: TypeAlias = Annotated[int, Meta(ge=1, le=10_000_000, description="pays at least this, in whole US dollars")]


class JobQuery(msgspec.Struct, frozen=True):
    """Filters of a list of jobs; all that are given must hold."""

    q: Words | None = None
    state: StateCode | None = None
    city: Slug | None = None
    company: Slug | None = None
    experience: ExperienceLevel | None = None
    salary_min: Dollars | None = None
    salary_period: SalaryPeriod | None = None
    remote: bool | None = None
    featured: bool | None = None
    limit: Limit = 20
    cursor: CursorText | None = None


class JobPage(msgspec.Struct, frozen=True):
    """A page of jobs; `next_cursor` is null on the last."""

    items: list[JobSummary]
    next_cursor: str | None

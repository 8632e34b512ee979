"""What clients of the search send and receive."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.jobs.domain import EmploymentType, ExperienceLevel, JobSummary, SalaryPeriod
from roadworthy.apps.hiring.jobs.schemas import CitySlug, Dollars, Miles, Posted, Words
from roadworthy.apps.hiring.places.schemas import Slug, StateCode
from roadworthy.chassis.web.paging import CursorText, Limit


class JobSearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Words, and filters of the jobs that have them; all that are given must hold."""

    q: Words
    exact: Annotated[bool, Meta(description="look for the words as they are written, even if they look mistyped")] = (
        False
    )
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


class JobSearchPage(msgspec.Struct, frozen=True):
    """A page of jobs, the best matches first; `next_cursor` is null on the last.

    `searched` is what was looked for. Where that is not what was asked, because nothing was found so, `instead_of` is
    what was asked. `did_you_mean` is what would find more, where little was found.
    """

    items: list[JobSummary]
    next_cursor: str | None
    searched: str
    instead_of: str | None = None
    did_you_mean: str | None = None

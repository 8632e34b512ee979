"""What clients of the facets send."""

from __future__ import annotations

import msgspec

from roadworthy.apps.hiring.jobs.domain import EmploymentType, ExperienceLevel, SalaryPeriod
from roadworthy.apps.hiring.jobs.schemas import CitySlug, Dollars, Miles, Posted, Words
from roadworthy.apps.hiring.places.schemas import Slug, StateCode


class FacetQuery(msgspec.Struct, frozen=True):
    """Filters of the jobs that are counted; all that are given must hold."""

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

"""Companies: spas, salons, hotels and clinics that hire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.places.domain import City, State

CompanySize: TypeAlias = Literal["1-10", "11-50", "51-200", "201-1000", "1001+"]
Stars: TypeAlias = Annotated[float, Meta(ge=1, le=5, description="the mean of its reviews; null before the first")]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class CompanySummary(msgspec.Struct, frozen=True, gc=False):
    """A company as a job names it."""

    id: int
    name: str
    slug: str
    industry: str
    size: CompanySize
    rating: Stars | None


class CompanyListing(msgspec.Struct, frozen=True, gc=False):
    """A company in a list; `open_jobs` counts its active jobs."""

    id: int
    name: str
    slug: str
    industry: str
    size: CompanySize
    rating: Stars | None
    review_count: int
    open_jobs: int
    city: City
    state: State


class Company(msgspec.Struct, frozen=True):
    """A company by itself; `photos` are file names, `open_jobs` counts its active jobs."""

    id: int
    name: str
    slug: str
    industry: str
    size: CompanySize
    rating: Stars | None
    review_count: int
    open_jobs: int
    description: str
    website: str | None
    street: str
    postal_code: str
    photos: list[str]
    created_at: Moment
    city: City
    state: State


class CompanyPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a company stands in the order of every list: the best rated first (0: no rating), then the higher id."""

    rating: float
    id: int


class CompanyFilter(msgspec.Struct, frozen=True):
    """What a list shows; None does not restrict. Every one of `words` must stand in the name."""

    words: tuple[str, ...] | None = None
    city_ids: frozenset[int] | None = None
    industry: str | None = None
    after: CompanyPosition | None = None
    limit: int = 20

"""What clients of the companies API send and receive."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.companies.domain import CompanyListing
from roadworthy.apps.hiring.places.schemas import Slug, StateCode
from roadworthy.chassis.web.paging import CursorText, Limit

NameWords: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=100, description="words, or parts of words, that all stand in the name")
]
Industry: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, description="an industry, in full")]


class CompanyQuery(msgspec.Struct, frozen=True):
    """Filters of a list of companies; all that are given must hold."""

    q: NameWords | None = None
    state: StateCode | None = None
    city: Slug | None = None
    industry: Industry | None = None
    limit: Limit = 20
    cursor: CursorText | None = None


class CompanyPage(msgspec.Struct, frozen=True):
    """A page of companies; `next_cursor` is null on the last."""

    items: list[CompanyListing]
    next_cursor: str | None

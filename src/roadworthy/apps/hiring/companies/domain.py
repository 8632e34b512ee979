"""Companies: spas, salons, hotels and clinics that hire."""

from __future__ import annotations

import msgspec


class CompanySummary(msgspec.Struct, frozen=True, gc=False):
    """A company as a job names it; `rating` is 1 to 5 stars, or null before the first review."""

    id: int
    name: str
    slug: str
    industry: str
    size: str
    rating: float | None

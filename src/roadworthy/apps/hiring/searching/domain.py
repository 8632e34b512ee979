"""Search by words: the best matches first."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import msgspec

from roadworthy.apps.hiring.jobs.domain import JobSummary


class Rank(IntEnum):
    """Where a job has the words that were looked for, the best first; within a rank the order is that of every list."""

    TITLE = 1
    COMPANY = 2
    """In its title and its company's name."""
    PLACE = 3
    """In these and its city's and state's name."""
    TEXT = 4


class RankedPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a job stands in a search: its rank, then as in every list."""

    rank: int
    is_featured: bool
    created_at: datetime
    id: int


class Found(msgspec.Struct, frozen=True, gc=False):
    """A job, and how well it matches."""

    rank: int
    job: JobSummary

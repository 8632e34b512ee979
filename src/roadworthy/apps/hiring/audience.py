"""Who a read is for: what may be seen follows from it, and reads are only ever gathered within one audience."""

from __future__ import annotations

from enum import StrEnum


class Audience(StrEnum):
    """Who asks."""

    PUBLIC = "public"

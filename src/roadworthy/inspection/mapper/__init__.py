"""From a line to what it asks: deterministic, quick, and silent rather than guessing."""

from __future__ import annotations

from roadworthy.inspection.mapper.mapping import Mapper
from roadworthy.inspection.mapper.told import Mapped

__all__ = ["Mapped", "Mapper"]

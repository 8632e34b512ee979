"""From a line to what it asks: deterministic, quick, and silent rather than guessing."""

from __future__ import annotations

from roadworthy.inspection.mapper.mapping import Mapped, Mapper

__all__ = ["Mapped", "Mapper"]

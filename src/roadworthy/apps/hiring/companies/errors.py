"""What can go wrong with a company."""

from __future__ import annotations

from roadworthy.chassis.errors import NotFound


class CompanyNotFound(NotFound):
    """There is no such company."""

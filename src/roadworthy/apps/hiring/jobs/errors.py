"""What can go wrong with a job."""

from __future__ import annotations

from roadworthy.chassis.errors import NotFound


class JobNotFound(NotFound):
    """There is no such job."""

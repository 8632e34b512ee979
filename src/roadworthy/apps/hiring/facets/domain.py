"""Facets: how many jobs each further filter would leave."""

from __future__ import annotations

import msgspec

from roadworthy.apps.hiring.places.domain import State


class StateCount(msgspec.Struct, frozen=True):
    """Jobs in a state."""

    state: State
    jobs: int


class Facets(msgspec.Struct, frozen=True):
    """How many jobs a search finds, and how many each filter would leave of them, by the filter's value.

    `salary_min` counts jobs that pay at least so many dollars, by `hour` and by `year`; states stand by their number
    of jobs, the most first. `counted` is false, and every number nothing, where counting would have taken too long.
    """

    counted: bool
    jobs: int = 0
    employment_type: dict[str, int] = {}
    experience: dict[str, int] = {}
    remote: dict[str, int] = {}
    posted: dict[str, int] = {}
    salary_min: dict[str, dict[str, int]] = {}
    states: list[StateCount] = []


UNCOUNTED = Facets(counted=False)

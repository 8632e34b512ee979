"""How many there are: what a page says beside a list."""

from __future__ import annotations

from dataclasses import dataclass

from roadworthy.apps.hiring.places.domain import State

COUNT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of jobs; not `exact` means: that many and more."""

    number: int
    exact: bool

    def words(self) -> str:
        """`no jobs`, `1 job`, `340 jobs`, `1,000+ jobs`."""
        if self.number == 0:
            return "no jobs"
        return f"{self.number:,}{'' if self.exact else '+'} {'job' if self.number == 1 and self.exact else 'jobs'}"


@dataclass(frozen=True, slots=True)
class StateTally:
    """Open jobs in a state; `share` compares it with the state that has most (0 to 1)."""

    state: State
    jobs: int
    share: float

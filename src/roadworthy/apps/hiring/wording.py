"""The job board's values as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

TERMS = {"full_time": "Full time", "part_time": "Part time", "contract": "Contract", "temporary": "Temporary"}
LEVELS = {"entry": "Entry level", "mid": "Mid level", "senior": "Senior", "lead": "Lead"}
POSTED = {
    "24h": "In the last 24 hours",
    "3d": "In the last 3 days",
    "7d": "In the last 7 days",
    "30d": "In the last 30 days",
}
PERIODS = {"hour": "an hour", "year": "a year"}
THOUSAND = 1_000


class Paid(Protocol):
    """Anything with a salary range in whole US dollars for one period."""

    @property
    def salary_min(self) -> int | None:
        """The lower end."""

    @property
    def salary_max(self) -> int | None:
        """The upper end."""

    @property
    def salary_period(self) -> str | None:
        """`hour` or `year`."""


def salary(job: Paid, *, short: bool = False) -> str:
    """`$24 - $36 an hour` with a dash between; `short` writes thousands as k; empty when nothing is said."""
    ends = [end for end in (job.salary_min, job.salary_max) if end is not None]
    if not ends:
        return ""
    shown = "–".join(dict.fromkeys(_dollars(end, short=short) for end in ends))  # noqa: RUF001  # a range takes an en dash
    if len(ends) == 1:
        shown = f"{'from' if job.salary_min is not None else 'up to'} {shown}"
    return f"{shown} {PERIODS.get(job.salary_period or '', '')}".rstrip()


def _dollars(amount: int, *, short: bool) -> str:
    if not short or amount < 10 * THOUSAND:
        return f"${amount:,}"
    thousands = amount / THOUSAND
    return f"${thousands:.0f}k" if amount % THOUSAND == 0 else f"${thousands:.1f}k"


def terms(value: str) -> str:
    """`full_time` -> `Full time`."""
    return TERMS.get(value, value)


def level(value: str) -> str:
    """`mid` -> `Mid level`."""
    return LEVELS.get(value, value)


FILTERS: Mapping[str, Callable[..., str]] = {"salary": salary, "terms": terms, "level": level}

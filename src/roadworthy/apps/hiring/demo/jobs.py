from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from roadworthy.apps.hiring.demo import phrases
from roadworthy.apps.hiring.demo.companies import SIZES, Company
from roadworthy.apps.hiring.demo.draws import Draws, Weighted
from roadworthy.apps.hiring.demo.places import City
from roadworthy.apps.hiring.demo.prose import describe

AGE_DAYS_MAX = 90
AGE_SKEW = 1.8  # more than half of what is open was published in the last month
OPEN_DAYS = 120
# One in so many says no end.
ENDLESS = 3
LEVEL_PAY = dict(zip(phrases.LEVELS, (0.86, 1.0, 1.16, 1.3), strict=True))
LEVEL_PREFIX = {
    "entry": ("", "", "", "Junior ", "Entry-Level "),
    "mid": ("",),
    "senior": ("Senior ",),
    "lead": ("Lead ",),
}
TERMS_BY_PERIOD = {
    "hour": Weighted.of({"full_time": 58, "part_time": 30, "contract": 7, "temporary": 5}),
    "year": Weighted.of({"full_time": 91, "part_time": 3, "contract": 4, "temporary": 2}),
}
SUFFIX_SHARE = 0.22
PAY_HIDDEN_SHARE = 0.11
# States whose law asks for the pay range in the advertisement.
PAY_SHOWN = frozenset(("CA", "CO", "CT", "DC", "HI", "IL", "MA", "MD", "MN", "NJ", "NV", "NY", "RI", "VT", "WA"))
HOURLY_FLOOR = 12
HOURLY_FLOOR_HIGH = 16


@dataclass(frozen=True, slots=True)
class Job:
    """A vacancy as the table takes it."""

    id: int
    company_id: int
    city_id: int
    state_id: int
    title: str
    description: str
    employment_type: str
    experience_level: str
    salary_min: int | None
    salary_max: int | None
    salary_period: str | None
    is_remote: bool
    is_active: bool
    is_featured: bool
    view_count: int
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Position:
    """What is advertised, before anyone writes about it."""

    company: Company
    city: City
    role: phrases.Role
    level: str
    terms: str
    title: str
    is_remote: bool


class JobMarket:
    """Draws vacancies: which company, where, which role, on what terms."""

    def __init__(self, companies: Sequence[Company]) -> None:
        """Take the `companies` that hire; one with more vacancies is drawn more often."""
        self._companies = Weighted(companies, [company.vacancies for company in companies])
        self._roles = {key: _roles_of(key) for key in phrases.companies().kinds}
        self._levels = {role: Weighted(phrases.LEVELS, role.levels) for role in phrases.roles()}

    def position(self, draws: Draws) -> Position:
        """One vacancy of one company, in one of its cities."""
        company = self._companies.draw(draws)
        role = self._roles[company.kind].draw(draws)
        level = self._levels[role].draw(draws)
        prefix = "" if role.plain else draws.pick(LEVEL_PREFIX[level])
        return Position(
            company=company,
            city=company.cities[0] if draws.chance(0.35) else draws.pick(company.cities),
            role=role,
            level=level,
            terms=TERMS_BY_PERIOD[role.period].draw(draws),
            title=prefix + draws.pick(role.titles),
            is_remote=draws.chance(role.remote),
        )


def build_jobs(draws: Draws, companies: Sequence[Company], count: int, now: datetime) -> Iterator[Job]:
    """`count` vacancies with ids from 1, the oldest first, published in the 90 days before `now` and mostly lately."""
    market = JobMarket(companies)
    moments = sorted(_published(draws, now) for _ in range(count))
    for job_id, created_at in enumerate(moments, start=1):
        yield _job(draws, job_id, market.position(draws), created_at, (now - created_at) / timedelta(days=1))


def _job(draws: Draws, job_id: int, position: Position, created_at: datetime, age_days: float) -> Job:
    is_featured = draws.chance(SIZES[position.company.size].featured)
    low, high = _salary(draws, position)
    job = Job(
        id=job_id,
        company_id=position.company.id,
        city_id=position.city.id,
        state_id=position.city.state_id,
        title=_title(draws, position),
        description=describe(draws, position),
        employment_type=position.terms,
        experience_level=position.level,
        salary_min=low,
        salary_max=high,
        salary_period=position.role.period if low else None,
        is_remote=position.is_remote,
        is_active=not draws.chance(0.03 + 0.19 * (age_days / AGE_DAYS_MAX) ** 1.5),
        is_featured=is_featured,
        view_count=_views(draws, age_days, is_featured=is_featured),
        created_at=created_at,
        expires_at=None,
    )
    return job if job_id % ENDLESS == 0 else replace(job, expires_at=_end(job, age_days))


def _end(job: Job, age_days: float) -> datetime:
    """Of what is open, a day to come; of what is closed, one that has passed."""
    return job.created_at + timedelta(days=OPEN_DAYS if job.is_active else 0.9 * age_days)


def _roles_of(kind: str) -> Weighted[phrases.Role]:
    return Weighted.of({role: role.weight for role in phrases.roles() if not role.kinds or kind in role.kinds})


def _published(draws: Draws, now: datetime) -> datetime:
    """A moment in working hours (14:00 to 24:00 UTC are mornings and afternoons in America), never after `now`."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        days=int(AGE_DAYS_MAX * draws.uniform() ** AGE_SKEW)
    )
    hours = 12 + 6 * (draws.uniform() + draws.uniform())
    moment = day + timedelta(microseconds=int(hours * 3_600_000_000))
    return moment if moment < now else now - timedelta(microseconds=int(draws.uniform() * 40_000_000_000))


def _title(draws: Draws, position: Position) -> str:
    if not draws.chance(SUFFIX_SHARE):
        return position.title
    suffix = draws.pick(phrases.texts()[f"suffixes_{position.terms}"])
    return f"{position.title}, {suffix}"


def _salary(draws: Draws, position: Position) -> tuple[int, int] | tuple[None, None]:
    if position.city.state_code not in PAY_SHOWN and draws.chance(PAY_HIDDEN_SHARE):
        return None, None
    low, high = position.role.pay
    factor = LEVEL_PAY[position.level] * position.city.pay
    middle = (low + (high - low) * (0.2 + 0.6 * draws.uniform())) * factor
    spread = 0.06 + 0.12 * draws.uniform()
    if position.role.period == "year":
        return _round(middle * (1 - spread), 1000), _round(middle * (1 + spread), 1000)
    floor = HOURLY_FLOOR_HIGH if position.city.pay >= 1.1 else HOURLY_FLOOR  # noqa: PLR2004 - the dear states
    bottom = max(floor, round(middle * (1 - spread)))
    return bottom, max(bottom + 1, round(middle * (1 + spread)))


def _round(amount: float, step: int) -> int:
    return round(amount / step) * step


def _views(draws: Draws, age_days: float, *, is_featured: bool) -> int:
    """A few of the vacancies get most of the views; three uniform draws come close enough to a bell."""
    bell = 2 * (draws.uniform() + draws.uniform() + draws.uniform() - 1.5)
    return int(4 * age_days**0.8 * 3.0**bell * (3 if is_featured else 1))

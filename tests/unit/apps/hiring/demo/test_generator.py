from __future__ import annotations

import string
from collections import Counter
from dataclasses import astuple, fields
from datetime import UTC, datetime, timedelta

import pytest

from roadworthy.apps.hiring.demo import phrases
from roadworthy.apps.hiring.demo.companies import SIZES, Company, build_companies
from roadworthy.apps.hiring.demo.draws import Draws
from roadworthy.apps.hiring.demo.jobs import AGE_DAYS_MAX, Job, build_jobs
from roadworthy.apps.hiring.demo.places import CITY_POPULATION_MIN, cities, slugify, states
from roadworthy.apps.hiring.demo.prose import join_words
from roadworthy.apps.hiring.demo.repository import COLUMNS

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
STATES = 51


def market(seed: int, *, companies: int = 200, jobs: int = 4_000) -> tuple[list[Company], list[Job]]:
    draws = Draws(seed)
    firms = build_companies(draws, cities(), companies, NOW)
    return firms, list(build_jobs(draws, firms, jobs, NOW))


@pytest.fixture(scope="module")
def drawn() -> tuple[list[Company], list[Job]]:
    return market(7)


@pytest.fixture(scope="module")
def firms(drawn: tuple[list[Company], list[Job]]) -> list[Company]:
    return drawn[0]


@pytest.fixture(scope="module")
def jobs(drawn: tuple[list[Company], list[Job]]) -> list[Job]:
    return drawn[1]


def share(jobs: list[Job], flag: str) -> float:
    return sum(bool(getattr(job, flag)) for job in jobs) / len(jobs)


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    once, again, other = (market(seed, companies=30, jobs=300) for seed in (1, 1, 2))
    assert once == again
    assert [job.description for job in once[1]] != [job.description for job in other[1]]


def test_draws_rest_on_uniform_numbers_that_python_never_changes() -> None:
    draws = Draws(2026)
    assert [draws.between(1, 100) for _ in range(5)] == [12, 51, 52, 87, 11]


def test_places_are_real_and_cover_every_state() -> None:
    assert len(states()) == STATES
    assert {city.state_code for city in cities()} == set(states())
    assert len(cities()) > 7_000
    assert min(city.population for city in cities()) >= CITY_POPULATION_MIN
    assert len({city.slug for city in cities()}) == len(cities())
    assert next(city for city in cities() if city.slug == "santa-fe-nm").is_resort


def test_every_state_has_its_pay_and_its_postal_codes() -> None:
    assert set(phrases.places().pay) == set(phrases.places().zip_prefixes) == set(states())


def test_every_resort_is_a_place_we_have() -> None:
    known = {(city.state_code, city.name) for city in cities()}
    missing = [(code, name) for code, names in phrases.places().resorts.items() for name in names]
    assert [resort for resort in missing if resort not in known] == []


def test_slugs_are_plain_ascii() -> None:
    assert slugify("Cañon City CO") == "canon-city-co"
    assert slugify("Coeur d'Alene ID") == "coeur-dalene-id"
    assert slugify("Salon & Co.") == "salon-co"


def test_companies_have_slugs_of_their_own_and_grades_in_range(firms: list[Company]) -> None:
    assert [company.id for company in firms] == list(range(1, len(firms) + 1))
    assert len({company.slug for company in firms}) == len(firms)
    assert {company.size for company in firms} <= set(SIZES)
    assert all(1 <= company.rating <= 5 for company in firms if company.rating is not None)
    assert all((company.rating is None) == (company.review_count == 0) for company in firms)
    assert all(len(company.postal_code) == 5 and company.postal_code.isdigit() for company in firms)


def test_websites_stand_under_the_name_reserved_for_examples(firms: list[Company]) -> None:
    sites = [company.website for company in firms if company.website]
    assert sites
    assert all(site.endswith(".example") for site in sites)


def test_jobs_come_oldest_first_within_ninety_days_and_mostly_lately(jobs: list[Job]) -> None:
    moments = [job.created_at for job in jobs]
    assert [job.id for job in jobs] == list(range(1, len(jobs) + 1))
    assert moments == sorted(moments)
    assert timedelta(0) <= NOW - moments[-1]
    assert NOW - moments[0] <= timedelta(days=AGE_DAYS_MAX + 1)
    assert sum(NOW - moment < timedelta(days=30) for moment in moments) > len(moments) / 2


@pytest.mark.parametrize(
    ("flag", "low", "high"), [("is_featured", 0.03, 0.07), ("is_remote", 0.08, 0.13), ("is_active", 0.89, 0.95)]
)
def test_shares_are_believable(jobs: list[Job], flag: str, low: float, high: float) -> None:
    assert low < share(jobs, flag) < high


def test_salaries_have_a_range_and_a_period_or_none_of_it(jobs: list[Job]) -> None:
    for job in jobs:
        paid = (job.salary_min, job.salary_max, job.salary_period)
        assert paid == (None, None, None) or None not in paid
        if job.salary_min is not None and job.salary_max is not None:
            low, high = (12, 130) if job.salary_period == "hour" else (30_000, 450_000)
            assert low <= job.salary_min < job.salary_max <= high


def test_experience_and_place_pay(jobs: list[Job]) -> None:
    def middle(level: str) -> float:
        paid = [job.salary_min for job in jobs if job.salary_period == "hour" and job.experience_level == level]
        return sum(amount for amount in paid if amount) / len(paid)

    assert middle("entry") < middle("mid") < middle("senior")
    pay = {city.slug: city.pay for city in cities()}
    assert pay["san-francisco-ca"] > pay["austin-tx"] > pay["jackson-ms"]


def test_texts_are_whole_varied_and_bounded(jobs: list[Job]) -> None:
    assert not [job.id for job in jobs if any(mark in job.title + job.description for mark in "{}")]
    assert all(250 <= len(job.description) <= 2_000 for job in jobs)
    assert len({job.description for job in jobs}) > 0.99 * len(jobs)
    assert len({job.title for job in jobs}) > 300


def test_views_are_skewed(jobs: list[Job]) -> None:
    views = sorted(job.view_count for job in jobs)
    assert sum(views[-len(views) // 10 :]) > sum(views) / 3


def test_a_company_hires_where_it_is(drawn: tuple[list[Company], list[Job]]) -> None:
    firms, jobs = drawn
    places = {company.id: {city.id for city in company.cities} for company in firms}
    assert all(job.city_id in places[job.company_id] for job in jobs)
    busiest = Counter(job.company_id for job in jobs).most_common(1)[0][0]
    assert firms[busiest - 1].size in {"201-1000", "1001+"}


def test_rows_stand_in_the_order_of_the_columns(jobs: list[Job]) -> None:
    assert tuple(field.name for field in fields(Job)) == COLUMNS["jobs"]
    assert len(astuple(jobs[0])) == len(COLUMNS["jobs"])


def test_phrases_name_only_what_is_filled_in() -> None:
    allowed = {"company", "city", "state", "title", "a_title", "kind"}
    banks = [bank for family in phrases.families().values() for bank in (family.duties, family.needs)]
    phrases_seen = [text for bank in (*banks, *phrases.texts().values()) for text in bank]
    assert len(phrases_seen) > 300
    for text in phrases_seen:
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= allowed, text


def test_every_role_belongs_to_a_trade_and_to_kinds_that_exist() -> None:
    kinds = set(phrases.companies().kinds)
    for role in phrases.roles():
        assert role.family in phrases.families()
        assert set(role.kinds) <= kinds
        assert role.pay[0] < role.pay[1]


@pytest.mark.parametrize(
    ("parts", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["a, b", "c", "d"], "a, b; c; and d")],
)
def test_lists_of_words_read_as_english(parts: list[str], text: str) -> None:
    assert join_words(parts) == text

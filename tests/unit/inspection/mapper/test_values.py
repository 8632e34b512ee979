from __future__ import annotations

import pytest

from roadworthy.inspection.mapper import values
from roadworthy.inspection.mapper.values import Rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60/min", [Rate(60, 60)]),
        ("60/min, 1000/hour per IP", [Rate(60, 60), Rate(1000, 3600)]),
        ("60 requests per minute", [Rate(60, 60)]),
        ("at most 100 req/min", [Rate(100, 60)]),
        ("10 tasks/second", [Rate(10, 1)]),
        ("1,000 calls per day", [Rate(1000, 86400)]),
        ("5k requests/h", [Rate(5000, 3600)]),
        ("half of it", []),
    ],
)
def test_rates(text: str, expected: list[Rate]) -> None:
    assert values.rates(text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 hour", 3600),
        ("30-second timeout", 30),
        ("< 200ms", 0.2),
        ("7-day retention", 604800),
        ("12 months", 31104000),
        ("5 min", 300),
        ("2.5s", 2.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.durations(text) == [pytest.approx(seconds)]


def test_no_durations_in_versions_and_names() -> None:
    assert values.durations("HTTP/2 and p95 and v1.2") == []


def test_percentages_and_sizes() -> None:
    assert values.percents("99.9%+ and < 0.1 %") == pytest.approx([0.999, 0.001])
    assert values.sizes("2GB, > 1 KB and 10M") == [2 * 1024**3, 1024, 10 * 1024**2]


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("1000+ concurrent users", 1000),
        ("Concurrent Users: 100,000+", 100_000),
        ("~10K users", 10_000),
        ("users are happy", None),
    ],
)
def test_users(text: str, users: int | None) -> None:
    assert values.users(text) == users


def test_names_paths_files_and_addresses() -> None:
    text = "see `docs/RUN.md`, GET /health/ready at https://shop.example/api/x with REDIS_ENABLED=true and LOG_LEVEL"
    assert values.files(text) == ["docs/RUN.md"]
    assert values.paths(text) == ["/health/ready"]
    assert values.urls(text) == ["https://shop.example/api/x"]
    assert values.assignments(text) == {"REDIS_ENABLED": "true"}
    assert values.env_names(text) == ["REDIS_ENABLED", "LOG_LEVEL"]


def test_values_given_as_an_example_are_not_asked_for() -> None:
    assert "#rate" not in set(values.signs("limit calls (e.g., 100/min)"))
    assert "#rate" in set(values.signs("limit calls (100/min)"))


def test_signs() -> None:
    signs = set(values.signs("SESSION_SECRET for p95 < 200ms at 1000 users, 5% of OPENAI_API_KEY in src/app/x.py"))
    assert {"#secretname", "#percentile", "#duration", "#users", "#percent", "#apikeyname", "#srcfile"} <= signs


def test_every_sign_has_a_name() -> None:
    text = "`/api/x` `A_SECRET=1` `X_API_KEY` p95 60/min 5 GB 10% 3 days 100 users 7 rps `do it.py` src/a.py README.md"
    assert set(values.signs(text)) <= set(values.SIGN_NAMES)

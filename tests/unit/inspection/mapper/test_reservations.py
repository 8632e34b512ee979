import pytest

from roadworthy.inspection.mapper import Mapped, Mapper
from roadworthy.inspection.model import Item

MAPPER = Mapper()


def mapped(line: str) -> Mapped:
    return MAPPER.map_one(Item(line=1, section=("Before we go live",), text=line))


@pytest.mark.parametrize(
    "line",
    [
        "AOF is off",
        "Redis persistence is disabled",
        "Logs are not JSON",
        "gzip is disabled for the API",
        "Slow query log disabled",
        "Rate limiting must never be on for internal callers",
    ],
)
def test_a_line_that_asks_for_a_lack_is_not_judged_by_a_presence(line: str) -> None:
    found = mapped(line)
    assert found.unmeasurable or found.item.inverse or not found.requirements


@pytest.mark.parametrize(
    "line",
    [
        "No secrets in the code",
        "API docs disabled in production",
        "PostgreSQL, not SQLite",
        "No rate limiting will invite abuse - MUST enable",
        "Debug mode is off",
        "A spoofed X-Forwarded-For does not get around the rate limit",
    ],
)
def test_a_lack_that_is_the_wish_itself_is_judged(line: str) -> None:
    found = mapped(line)
    assert found.requirements
    assert not found.unmeasurable


@pytest.mark.parametrize(
    ("line", "unread"),
    [
        ("PostgreSQL 14 is the database in production", ("14",)),
        ("Connection pooling configured for 1,000+ concurrent users", ()),
        ("Rate limits: 60/min and 1000/hour per IP", ()),
        ("Backups are kept 30 days", ()),
        ("TTL of the cache is 5 minutes", ()),
    ],
)
def test_a_figure_that_nothing_reads_keeps_a_line_from_holding(line: str, unread: tuple[str, ...]) -> None:
    assert mapped(line).unread == unread

import pytest

from roadworthy.inspection.mapper import Mapped, Mapper
from roadworthy.inspection.mapper.polarity import Sense
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
    assert found.unmeasurable or found.sense is not Sense.ASKED or not found.requirements


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


@pytest.mark.parametrize(
    ("line", "sense"),
    [
        ("No rollback plan exists", Sense.INVERSE),
        ("Sentry is not configured", Sense.INVERSE),
        ("Backups not tested", Sense.INVERSE),
        ("DEBUG is on", Sense.INVERSE),
        ("Debug mode is enabled", Sense.INVERSE),
        ("Debug mode is not enabled", Sense.ASKED),
        ("Container runs as root user", Sense.INVERSE),
        ("Secrets are hardcoded in settings.py", Sense.INVERSE),
        ("CORS allows all origins", Sense.INVERSE),
        ("CORS does not allow all origins", Sense.ASKED),
        ("DEBUG = True in settings", Sense.INVERSE),
        ("Health check is failing", Sense.INVERSE),
        ("HTTPS is broken", Sense.INVERSE),
        ("The service works when Redis is down", Sense.ASKED),
        ("Alert when backups are failing", Sense.ASKED),
        ("Migrations are pending", Sense.INVERSE),
        ("No pending migrations", Sense.ASKED),
        ("Logs contain passwords", Sense.INVERSE),
        ("Logs contain no passwords", Sense.ASKED),
        ("Secrets in the repository", Sense.INVERSE),
        ("No secrets in the repository", Sense.ASKED),
        ("Redis persistence off", Sense.OPPOSITE),
        ("Alerts are not configured", Sense.INVERSE),
        ("gzip is disabled", Sense.OPPOSITE),
        ("TLS 1.0/1.1 disabled", Sense.ASKED),
        ("No alert depends on a single person", Sense.UNTOLD),
        ("Graceful degradation while dependencies are not available", Sense.ASKED),
        ("Redis persistence is disabled", Sense.OPPOSITE),
        ("gzip is disabled for already compressed images", Sense.UNTOLD),
        ("Logs are not JSON", Sense.INVERSE),
        ("Rate limiting must never be on for internal callers", Sense.UNTOLD),
        ("Compression : désactivée pour les images", Sense.UNTOLD),
        ("No graceful shutdown → handle SIGTERM", Sense.ASKED),
        ("No rate limiting will invite abuse - MUST enable", Sense.ASKED),
        ("X-Powered-By removed", Sense.ASKED),
        ("Referrer-Policy: no-referrer", Sense.ASKED),
        ("`composer install --no-dev`", Sense.ASKED),
    ],
)
def test_which_way_round_a_line_is_judged(line: str, sense: Sense) -> None:
    found = mapped(line)
    assert found.requirements
    assert found.sense is sense
    assert found.item.inverse is (sense is Sense.INVERSE)
    assert bool(found.unmeasurable) is (sense is Sense.UNTOLD)


@pytest.mark.parametrize(
    "line",
    [
        "Circuit breaker thresholds are understood",
        "Rate limits are documented",
        "CDN contract signed",
        "Backup server ordered",
        "Error rate > 5%",
        "Uptime below 99%",
        "Queries 40% faster than before",
        "Force pushes to main are rejected",
        "Nobody can push directly to main",
        "Two approvals needed before merge",
        "Code owners review every change",
    ],
)
def test_what_no_system_can_show_is_unknown_and_says_why(line: str) -> None:
    assert mapped(line).requirements
    assert mapped(line).unmeasurable


def test_under_a_heading_of_triggers_nothing_is_judged() -> None:
    one = MAPPER.map_one(Item(line=1, section=("Rollback triggers",), text="Health check fails"))
    assert "Rollback triggers" in one.unmeasurable
    assert not MAPPER.map_one(Item(line=1, section=("Go/No-Go",), text="Health check passes")).unmeasurable


@pytest.mark.parametrize(
    ("line", "unread"),
    [
        ("Backups are stored off-site", ("off-site",)),
        ("Metrics endpoint is protected", ("protected",)),
        ("`/metrics` is behind basic auth", ("behind basic auth",)),
        ("PgBouncer pools connections", ("pgbouncer",)),
        ("Daily backups in another region", ("another region",)),
        ("Rate limiting per tenant", ("per tenant",)),
        ("Worker class set", ("worker class",)),
        ("Graceful reload tested", ("reload",)),
        ("Memory: 16 GB available per node", ("per node",)),
        ("Database name set", ("database name",)),
        ("Files are owned by the app user", ("files are owned",)),
    ],
)
def test_what_narrows_a_claim_and_is_not_looked_at_keeps_it_from_holding(line: str, unread: tuple[str, ...]) -> None:
    assert mapped(line).requirements
    assert mapped(line).unread == unread

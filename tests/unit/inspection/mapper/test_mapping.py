from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.checklist import structure
from roadworthy.inspection.mapper import Mapped, Mapper
from roadworthy.inspection.mapper.rules import parse
from roadworthy.inspection.model import Form, Item
from roadworthy.inspection.requirements import BY_ID, PARAMS

MAPPER = Mapper()


def mapped(text: str, *section: str, **more: Any) -> Mapped:
    return MAPPER.map_one(Item(line=1, section=section, text=text, **more))


def ids(text: str, *section: str, **more: Any) -> list[str]:
    return [one.id for one in mapped(text, *section, **more).requirements]


def params(text: str, *section: str, **more: Any) -> dict[str, object]:
    return dict(mapped(text, *section, **more).requirements[0].params)


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("We run on PostgreSQL in production", "Data", "db.engine"),
        ("Pool size fits the server", "Database", "db.pool"),
        ("Password set", "PostgreSQL", "sec.secretkey"),
        ("Persistence switched on", "Redis", "redis.persist"),
        ("Throttling in place", "API Security", "rl.on"),
        ("Throttling in place", "Nginx", "rl.proxy"),
        ("Answers are gzipped: compression on", "Performance", "srv.compress"),
        ("Graceful shutdown on SIGTERM", "Process", "srv.shutdown"),
        ("Circuit breakers around partners", "Resilience", "srv.breaker"),
        ("CSP and HSTS sent", "HTTP", "sec.headers"),
        ("Nightly backups", "Data", "bk.scheduled"),
        ("Last restore was tested", "Backups", "bk.restore"),
        ("Rollback procedure written down", "Release", "ci.rollback"),
        ("Somebody is on-call", "Operations", "oncall"),
        ("Runbook for incidents", "Operations", "doc.runbook"),
        ("Prometheus scrapes us", "Metrics", "mon.metrics"),
        ("Logs are JSON", "Logging", "log.structured"),
        ("Alert when the disk fills", "Alerts", "alert.disk"),
    ],
)
def test_lines_and_their_headings(text: str, section: str, expected: str) -> None:
    assert ids(text, section) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Our brand colours are approved",
        "The mascot has a name",
        "Widgets spin clockwise",
        "What is your policy on log retention?",
        "Retrain the ranking model",
    ],
)
def test_rather_unmapped_than_guessed(text: str) -> None:
    assert [one for one in ids(text) if not one.startswith(("team.", "process."))] == []


def test_words_far_apart_are_no_claim() -> None:
    text = "The database team met people who, over a long lunch by the sea, discussed at length swimming in a pool"
    assert ids(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rate limits (30/min, 500/hour per IP)", {"per_minute": 30, "per_hour": 500, "scope": "ip"}),
        ("Connection pool (pool_size=5, max_overflow=10)", {"size": 5, "max_overflow": 10}),
        ("Database connections between 10-30 (pool)", {"min_size": 10, "max_size": 30}),
        ("Multiple workers ((2 x CPU cores) + 1)", {"per_core": 2, "extra": 1}),
        ("Backup retention (14 days)", {"days": 14}),
        ("Weekly VACUUM of the database", {"days": 7, "what": ("vacuum",)}),
        ("Uptime of 99.95%", {"min_ratio": 0.9995}),
        ("Error rate < 0.5%", {"max_ratio": 0.005}),
        ("Health check answers (/healthz)", {"path": "/healthz", "paths": None}),
        ("Redis maxmemory set to 512MB", {"bytes": 512 * 1024**2}),
        ("Test coverage over 85%", {"min_ratio": 0.85}),
        ("JWT secret of min 48 chars", {"min_length": 48}),
        ("Uploads are cached for browsers: cache headers, 7 days", {"max_age_seconds": 604800, "path": "/uploads"}),
        ("Load balancer (if several are running: if multiple servers)", {"condition": "if multiple servers"}),
    ],
)
def test_values_are_read_with_their_units(text: str, expected: dict[str, object]) -> None:
    told = params(text)
    assert {name: told.get(name) for name in expected if expected[name] is not None} == {
        name: value for name, value in expected.items() if value is not None
    }


def test_two_limits_in_a_line_are_two_requirements() -> None:
    found = mapped("Response time: < 150ms (cached), < 600ms (database), 95th percentile").requirements
    assert [(one.params["max_ms"], one.params["cached"], one.params["percentile"]) for one in found] == [
        (150, True, 95),
        (600, False, 95),
    ]


def test_two_claims_in_a_line_are_two_requirements() -> None:
    assert set(ids("Circuit breakers and graceful shutdown")) == {"srv.breaker", "srv.shutdown"}
    assert set(ids("Daily backups + PITR")) == {"bk.scheduled", "bk.pitr"}


def test_an_explanation_is_no_second_claim() -> None:
    assert ids("Connection pooling - so that the load test does not exhaust the database") == ["db.pool"]


@pytest.mark.parametrize(
    ("text", "inverse"),
    [
        ("No rollback plan exists", True),
        ("Missing health check", True),
        ("No secrets in the code", False),
        ("No rate limiting invites abuse - MUST enable", False),
        ("Rollback plan exists", False),
    ],
)
def test_lines_whose_tick_would_be_bad_news(*, text: str, inverse: bool) -> None:
    assert mapped(text).item.inverse is inverse


def test_conditions_and_options_are_noted() -> None:
    assert mapped("Read replicas (if needed)").item.conditional
    assert mapped("fail2ban active (optional)").item.optional
    assert not mapped("Falls back to memory if Redis dies").item.conditional
    assert not mapped("Config validation fails when required values are missing").item.conditional


def test_the_kind_of_a_line_is_that_of_what_it_asks() -> None:
    assert mapped("Load test passed").item.kind is Kind.DRILL
    assert mapped("Architecture diagram drawn").item.kind is Kind.ARTIFACT
    assert mapped("Product owner approval").item.kind is Kind.HUMAN
    assert mapped("Backups daily").item.kind is Kind.MACHINE


def test_says_why() -> None:
    assert mapped("Throttling", "API Security").requirements[0].why == "'throttling'"
    assert mapped("Persistence enabled", "Redis").requirements[0].why == "'persistence' under 'Redis'"
    assert mapped("Rate limit 60/min").requirements[0].why == "'rate limit' a rate"
    assert mapped("DEBUG=True").requirements[0].why == "variable DEBUG"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("```env\nREDIS_URL=redis://c:6379/1\n```", [("redis.up", {"url": "redis://c:6379/1"})]),
        (
            "```env\nSESSION_TTL_HOURS=1\nACCESS_TOKEN_EXPIRE_MINUTES=15\n```",
            [("cfg.env", {}), ("auth.jwt", {"ttl_seconds": 900})],
        ),
        ("```env\nRATE_LIMIT_PER_MINUTE=90\n```", [("rl.values", {"per_minute": 90})]),
        ("```env\nDB_PASSWORD=change-me\n```", [("sec.secretkey", {"name": "DB_PASSWORD"})]),
        (
            "```sql\nCREATE UNIQUE INDEX CONCURRENTLY ix_cust_mail ON shop.customers (email, code) WHERE live;\n```",
            [("db.indexes", {"index": "ix_cust_mail", "table": "shop.customers"})],
        ),
        (
            "```sql\nCREATE DATABASE shop;\nCREATE ROLE clerk;\n```",
            [("db.reachable", {"database": "shop"}), ("db.reachable", {"role": "clerk"})],
        ),
        (
            "```nginx\nclient_max_body_size 12M;\nproxy_pass http://app;\nexpires 7d;\n```",
            [
                ("nginx.proxyhdr", {"directive": "client_max_body_size", "value": "12M"}),
                ("nginx.on", {"value": "http://app"}),
                ("cdn.cachehdr", {"max_age_seconds": 604800}),
            ],
        ),
        ("```bash\nsudo systemctl enable valkey\n```", [("redis.up", {})]),
        ("```bash\ngunicorn shop.wsgi -w 6\n```", [("srv.prodserver", {"server": "gunicorn", "workers": 6})]),
        ("```bash\ncurl -f https://shop.example/healthz\n```", [("health.endpoint", {"path": "/healthz"})]),
        ("```python\nengine = create_engine(\n    pool_size=8,\n)\n```", [("db.pool", {"size": 8})]),
    ],
)
def test_code_that_is_a_requirement(block: str, expected: list[tuple[str, dict[str, object]]]) -> None:
    found = [one for line in MAPPER.map(structure.read(block.splitlines())) for one in line.requirements]
    assert [one.id for one in found] == [name for name, _ in expected]
    for one, (_, told) in zip(found, expected, strict=True):
        assert {name: one.params.get(name) for name in told} == told


@pytest.mark.parametrize("command", ["cd backend", "nano .env", "echo hello", "ssh root@198.51.100.7", "# a comment"])
def test_commands_that_ask_nothing_are_no_items(command: str) -> None:
    assert MAPPER.map(structure.read(f"```bash\n{command}\n```".splitlines())) == []


def test_sentences_are_items_only_where_they_demand_something() -> None:
    text = "# Guide\nPostgreSQL is required in production.\n\nThis guide is long.\n\nWe like Redis caching.\n"
    assert [line.item.line for line in MAPPER.map(structure.read(text.splitlines()))] == [2]


def test_other_rules_can_be_given() -> None:
    own = Mapper(list(parse("db.pool: puddle", "mine")))
    assert [one.id for one in own.map_one(Item(1, (), "A puddle", form=Form.TASK)).requirements] == ["db.pool"]


def test_the_same_line_always_maps_to_the_same() -> None:
    text = "Monitoring and alerts on error rate, latency and disk"
    assert len({tuple(ids(text, "Operations")) for _ in range(5)}) == 1


def test_alternatives_need_one_of_them() -> None:
    either = mapped("Circuit breakers or graceful shutdown")
    assert either.any_of
    assert {one.id for one in either.requirements} == {"srv.breaker", "srv.shutdown"}
    assert not mapped("Circuit breakers and graceful shutdown").any_of


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("Rate limiting and clairvoyance", ("clairvoyance",)),
        ("Rate limiting enabled and tested", ()),
        ("Input validation and sanitization", ()),
        ("Circuit breakers and graceful shutdown", ()),
    ],
)
def test_claims_that_nothing_recognises_are_noted(text: str, unread: tuple[str, ...]) -> None:
    assert mapped(text).unread == unread


@pytest.mark.parametrize("text", ["Queries 40% faster than before", "Load reduced by 30%, thanks to the cache"])
def test_comparisons_without_a_baseline_cannot_be_measured(text: str) -> None:
    assert mapped(text).unmeasurable


def test_headings_say_whose_health_and_whose_password() -> None:
    assert params("Health check working", "MinIO")["dependency"] == "storage"
    assert params("Password set", "PostgreSQL")["name"] == "POSTGRES_PASSWORD"


def test_a_remark_that_something_is_lacking_is_no_item() -> None:
    text = "# Today\n- Database: one server, no pooling\n"
    assert MAPPER.map(structure.read(text.splitlines())) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Strong passwords generated", {"what": ("passwords",)}),
        ("Default passwords and secrets changed", {"what": ("passwords", "keys")}),
        ("Default admin password changed", {"what": ("passwords",), "whose": ("admin",)}),
        ("Strong SECRET_KEY generated", {"name": "SECRET_KEY"}),
    ],
)
def test_which_secrets_a_line_means(text: str, expected: dict[str, object]) -> None:
    assert params(text, "Security") == expected


@pytest.mark.parametrize("text", ["Review error logs", "Consider Redis caching", "Discuss connection pooling"])
def test_what_somebody_is_to_look_at_is_not_done_by_being_there(text: str) -> None:
    assert mapped(text, "Launch").unmeasurable
    assert not mapped(text.partition(" ")[2], "Launch").unmeasurable


def told(text: str, name: str) -> list[object]:
    return [one.params.get(name) for one in mapped(text, "Launch").requirements]


@pytest.mark.parametrize(
    ("text", "name", "values", "groups"),
    [
        ("Redis or Memcached caches answers", "store", ["redis", "memcached"], ((0, 1),)),
        ("Caching layer (Redis/Memcached)", "store", ["redis", "memcached"], ((0, 1),)),
        ("Database server installed (MySQL/PostgreSQL)", "engine", ["mysql", "postgresql"], ((0, 1),)),
        ("Web server installed (Nginx or Apache)", "server", ["nginx", "apache"], ((0, 1),)),
        ("Use PostgreSQL in production, not MySQL", "engine", ["postgresql"], ((0,),)),
        ("Error tracking (Sentry, Rollbar)", "tool", [("sentry", "rollbar")], ((0,),)),
        ("Error tracking: Sentry or Bugsnag", "tool", [("sentry", "bugsnag")], ((0,),)),
        ("Error tracking set up (Sentry, etc.)", "tool", [None], ((0,),)),
        ("Error tracking set up (e.g. Sentry)", "tool", [None], ((0,),)),
        ("Health endpoints answer (`/healthz`, `/livez`)", "path", ["/healthz", "/livez"], ((0,), (1,))),
        ("Health endpoint at `/health` or `/healthz`", "path", ["/health", "/healthz"], ((0, 1),)),
        ("PostgreSQL 16+ is used", "version", ["16"], ((0,),)),
    ],
)
def test_several_values_of_which_one_or_all_are_needed(
    text: str, name: str, values: list[object], groups: tuple[tuple[int, ...], ...]
) -> None:
    assert told(text, name) == values
    assert mapped(text, "Launch").groups == groups


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Postgres connection pool of at least 50", {"min_size": 50}),
        ("Connection pool size 20", {"size": 20}),
        ("Connection pool: 10 to 30 connections", {"min_size": 10, "max_size": 30}),
    ],
)
def test_sizes_of_pools(text: str, expected: dict[str, object]) -> None:
    found = mapped(text)
    assert found.requirements[0].id == "db.pool"
    assert {name: value for name, value in found.requirements[0].params.items() if name != "tool"} == expected
    assert found.unread == ()


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/2 enabled",
        "Error budget tracked",
        "Sufficient AWS service limits",
        "Add deployment checklist documentation",
    ],
)
def test_neighbours_of_what_is_checked_are_not_taken_for_it(text: str) -> None:
    assert ids(text, "Security") == []


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("CORS only allows https://shop.example", ("https://shop.example",)),
        ("Single worker process", ("single worker process",)),
        ("Unit tests pass, are fast, and make people smile", ("make people smile",)),
        ("Admin panel locked (rate limiting)", ("admin panel locked",)),
        ("PostgreSQL and Redis backups run nightly", ("redis",)),
        ("Token revocation works", ("revocation",)),
        ("Token blacklist is persistent", ("blacklist",)),
        ("CORS configured for production domain", ("for production domain",)),
        ("Topology spread constraints over zones", ("topology",)),
        ("Actuator endpoints are secured", ("actuator",)),
        ("SLOs defined and error budget agreed", ("slos",)),
    ],
)
def test_what_the_checks_leave_out_is_said(text: str, unread: tuple[str, ...]) -> None:
    assert mapped(text).requirements
    assert set(unread) <= set(mapped(text).unread)


def test_parentheses_may_claim_something_of_their_own() -> None:
    assert ids("All unit tests pass (coverage > 80%)") == ["test.unit", "test.cov"]
    assert ids("Cache driver configured (Redis recommended)") == ["cache.on"]
    assert ids("Test CORS and CSP configurations") == ["sec.cors", "sec.headers"]


@pytest.mark.parametrize("text", ["How do we scale?", "Does your organization track costs?", "Do you have alerts?"])
def test_questions_to_people_are_not_answered_by_machines(text: str) -> None:
    assert ids(text, "Alerts") == []


def test_what_a_line_is_called_by_is_no_part_of_its_claim() -> None:
    found = mapped("OPS-27-003 - Backups are kept 30 days")
    assert [one.id for one in found.requirements] == ["bk.retention"]
    assert found.unread == ()
    assert found.item.text.startswith("OPS-27-003")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DEBUG=False", "srv.debug"),
        ("DEBUG=True", "cfg.env"),
        ("NODE_ENV=production", "srv.debug"),
        ("NODE_ENV=development", "cfg.env"),
    ],
)
def test_a_setting_of_development_is_no_wish_for_production(text: str, expected: str) -> None:
    assert ids(text, form=Form.CODE, language="env") == [expected]


WORDS = st.lists(
    st.sampled_from([
        "Redis", "backups", "no", "not", "and", "or", "(", ")", "`/health`", "/", "60/min", "99.9%", "disabled", "is",
        "off", "PostgreSQL", "16+", "if needed", "DEBUG=True", ",", "pool", "at least", "20", "→", ":", "**", "1.2.3",
        "rate limiting", "ServiceAccount", "PRC-1-2 - ", "alerts", "on", "errors", "<", ">", "must", "certificate",
    ]),
    max_size=14,
).map(" ".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=WORDS | st.text(max_size=120), section=st.sampled_from(["", "Alerts", "Rollback triggers", "Redis"]))
def test_whatever_a_line_says_it_maps_to_what_is_declared(text: str, section: str) -> None:
    found = mapped(text, section)
    for one in found.requirements:
        assert one.id in BY_ID
        assert set(one.params) <= set(PARAMS)
        assert one.why
    assert sorted(place for group in found.groups for place in group) == list(range(len(found.requirements)))
    assert found == mapped(text, section)

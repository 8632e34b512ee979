"""Lines over a check that always passes and says what is given here: what of the line did it look at?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.inspection.fakes import FakeProbes, check, verdict

from roadworthy.contracts.checks import BlastRadius, Status
from roadworthy.inspection import runner
from roadworthy.inspection.mapper import Mapped, Mapper
from roadworthy.inspection.model import Item, Param, Requirement, Strength
from roadworthy.inspection.remainder.lexicon import Sort, entries
from roadworthy.inspection.remainder.reading import claimed
from roadworthy.inspection.results import LineResult

MAPPER = Mapper()


def judged(
    text: str,
    requirement: str,
    seen: str = "it is there",
    *,
    status: Status = Status.PASS,
    understood: str = "",
    params: dict[str, Param] | None = None,
    **more: Any,
) -> LineResult:
    """What becomes of `text` where one check of `requirement` concludes `status` with the words `seen`."""
    asked = Requirement(requirement, {"subject": text, **(params or {})})
    mapped = Mapped(Item(1, (), text), (asked,), understood=frozenset(understood.split()))
    return run(mapped, check(f"{requirement}.fake", requirement, says=verdict(status, seen, answer=seen), **more))


def run(mapped: Mapped, one: Any) -> LineResult:
    planned = runner.plan([mapped], {mapped.requirements[0].id: [one]})
    return asyncio.run(runner.inspect(planned, FakeProbes(), checklist="x", target="y")).lines[0]


@pytest.mark.parametrize(
    ("text", "requirement", "seen", "word"),
    [
        ("Connection string kept in Vault", "db.reachable", "database shop answers role shop", "Vault"),
        ("Elasticsearch runs on the production host", "srv.prodserver", "gunicorn serves", "Elasticsearch"),
        ("Gunicorn behind nginx", "srv.prodserver", "gunicorn serves; nginx: 0, other proxies: none", "nginx"),
        ("Pages checked by Lighthouse in CI", "ci.on", "job test runs pytest on every push", "Lighthouse"),
        ("Logs shipped to Loki", "log.conf", "a request is logged in app.log", "Loki"),
        ("Single sign-on by SAML", "auth.oauth", "sign-in through google answers", "SAML"),
        ("Managed PostgreSQL in the cloud", "db.reachable", "database shop answers role shop", "Managed PostgreSQL"),
        ("Database created in eu-west-1", "db.reachable", "database shop answers role shop", "eu-west-1"),
        ("Traffic is encrypted", "db.reachable", "database shop answers role shop", "encrypted"),
        ("Migrations reviewed", "db.migrations", "applied: all 3 of Alembic", "reviewed"),
        ("CSRF token on every form", "sec.csrf", "a form is refused without its token", "every"),
        ("The console is restricted to the VPN", "sec.trusted_net", "no dashboard is open", "VPN"),
        ("Settings checked monthly", "cfg.env", "DEBUG is set as asked", "monthly"),
        ("`app/pay.py` refactored", "repo.file", "app/pay.py is there, 40 lines", "refactored"),
        ("Keys moved out of `compose.yml`", "repo.file", "compose.yml is there, 40 lines", "moved"),
        ("Unique index on `users.email`", "db.constraints", "5 tables are guarded", "users.email"),
        ("Server reads `workers` from `/opt/shop`", "srv.prodserver", "gunicorn serves, workers 2", "/opt/shop"),
        ("Gunicorn max_requests set", "srv.prodserver", "gunicorn serves", "max_requests"),
        ("Permissions-Policy set", "sec.headers", "1 answer carries x-frame-options", "Permissions-Policy"),
        ("Database crashed", "db.reachable", "database shop answers role shop", "crashed"),
        ("TLS errors preventing access", "tls.https", "answers by TLS", "errors preventing"),
        ("MySQL is not used", "db.engine", "MySQL 8 answers", "MySQL"),
    ],
)  # fmt: skip
def test_a_claim_that_nothing_looked_at_keeps_the_line_from_a_tick(
    text: str, requirement: str, seen: str, word: str
) -> None:
    line = judged(text, requirement, seen)
    assert line.status is Status.UNKNOWN
    assert word in line.beyond
    assert not line.holds
    assert seen in line.summary
    assert repr(word) in line.summary


@pytest.mark.parametrize(
    ("text", "requirement", "seen"),
    [
        ("Logs shipped to Loki", "log.conf", "promtail ships app.log to http://loki:3100"),
        ("Redis is up", "redis.up", "Valkey 9 answers"),
        ("PostgreSQL or MySQL installed", "db.engine", "PostgreSQL 18 answers"),
        ("Gitleaks / TruffleHog in CI", "ci.secscan", "job scan runs trufflehog on every push"),
        ("Sentry, Rollbar or Bugsnag reports errors", "mon.errors", "rollbar is told of errors"),
        ("SQLite will not do: PostgreSQL is used", "db.engine", "PostgreSQL 18 answers"),
        ("Check PostgreSQL: `redis-cli info`", "db.engine", "PostgreSQL 18 answers"),
        ("A store is there (e.g. Redis, Memcached)", "cache.on", "asked twice, the answer comes from a cache"),
        ("Every foreign key has an index", "db.indexes", "all 16 foreign keys have theirs"),
        ("Compression works correctly", "srv.compress", "4 answers travel as gzip"),
        ("Unique index on `users.email`", "db.constraints", "users.email is unique"),
        ("Alert when the database is down", "alert.db", "rule DatabaseDown fires after 2 minutes"),
        ("Failed logins are counted", "sec.audit", "failed logins are recorded"),
        ("Set 30 seconds so that Redis never hangs", "srv.timeout", "requests end after 30 seconds"),
    ],
)
def test_what_the_evidence_speaks_of_or_what_claims_nothing_stays_ticked(
    text: str, requirement: str, seen: str
) -> None:
    assert judged(text, requirement, seen).status is Status.PASS


def test_what_a_check_declares_is_covered() -> None:
    text, requirement = "The whole pipeline is approved", "ci.on"
    assert judged(text, requirement).beyond == ("whole", "approved")
    assert judged(text, requirement, covers=("whole", "approved")).status is Status.PASS


def test_a_parameter_covers_what_the_line_names_but_its_own_words_do_not() -> None:
    assert judged("Limits by nginx", "rl.proxy", "burst is refused").beyond == ("nginx",)
    assert judged("Limits by nginx", "rl.proxy", "burst is refused", params={"server": "nginx"}).status is Status.PASS


def test_words_that_the_rule_looked_for_are_trusted_and_things_are_not() -> None:
    assert judged("Weekly backup", "bk.scheduled", understood="weekly backup").status is Status.PASS
    assert judged("Kafka is up", "srv.up", understood="kafka").beyond == ("Kafka",)


def test_behaviour_that_was_tried_is_tested_and_a_file_is_not() -> None:
    probing: dict[str, Any] = {"strength": Strength.BEHAVIOUR, "blast_radius": BlastRadius.PROBE}
    assert judged("Lockout tested", "auth.lockout", **probing).status is Status.PASS
    assert judged("Lockout tested", "auth.lockout", strength=Strength.FILE).beyond == ("tested",)


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("Readiness endpoint returns 200", "health.deps"),
        ("Readiness: READY", "health.deps"),
        ("API documentation accessible", "doc.api"),
        ("Test deployment successful", "ci.deploy"),
    ],
)
def test_no_file_shows_how_a_thing_behaves(text: str, requirement: str) -> None:
    words = text.lower().replace(":", "")
    assert judged(text, requirement, strength=Strength.FILE, understood=words).status is Status.UNKNOWN
    assert judged(text, requirement, strength=Strength.BEHAVIOUR, understood=words).status is Status.PASS


def test_a_file_that_fails_says_nothing_of_another_thing() -> None:
    settings: dict[str, Any] = {"status": Status.FAIL, "strength": Strength.CONFIGURATION}
    assert judged("Variables set in Netlify", "cfg.env", "DB_PASSWORD is not set", **settings).status is Status.UNKNOWN
    assert (
        judged("Variables set in Netlify", "cfg.env", "Netlify: DB_PASSWORD is not set", **settings).status
        is Status.FAIL
    )
    assert (
        judged("Variables and Netlify are set", "cfg.env", "DB_PASSWORD is not set", **settings).status is Status.FAIL
    )


def test_what_fails_wherever_one_looks_fails_for_every_part() -> None:
    assert judged("HTTPS in Traefik", "tls.https", "there is no TLS", status=Status.FAIL).status is Status.FAIL


def test_a_comment_lifts_words_and_one_that_repeats_the_mapper_changes_nothing() -> None:
    text = "Connection string stored in Vault: database reachable"
    plain = MAPPER.map_one(Item(1, (), "Database reachable through Vault"))
    repeated = MAPPER.map_one(Item(1, (), "Database reachable through Vault", override=plain.requirements[0].id))
    lifted = MAPPER.map_one(
        Item(1, (), text, override=f'{plain.requirements[0].id}; without "connection string stored in Vault"')
    )
    passes = check("one", plain.requirements[0].id, says=verdict(Status.PASS, "database shop answers"))
    assert run(plain, passes).status is run(repeated, passes).status is Status.UNKNOWN
    assert run(lifted, passes).status is Status.PASS


@pytest.mark.parametrize("sort", [sort for sort in Sort if sort is not Sort.NAME])
def test_lexicons_are_read_and_no_name_is_longer_than_is_looked_for(sort: Sort) -> None:
    known = entries(sort)
    assert known
    for spelling, entry in known.items():
        assert spelling.isalnum(), spelling
        assert entry.sort is sort


def test_what_stands_between_two_spans_of_code_is_no_code() -> None:
    assert [one.words for one in claimed("Set `PORT_A` in Redis and `PORT_B`")] == ["PORT_A", "Redis", "PORT_B"]

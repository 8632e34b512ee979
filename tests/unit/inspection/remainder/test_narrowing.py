"""Lines that ask for one thing of many: what others of the many show is no answer."""

from __future__ import annotations

import pytest
from tests.unit.inspection.remainder.test_remainder import judged

from roadworthy.contracts.checks import Status
from roadworthy.inspection.remainder.narrowing import FAILING, NARROWING, table
from roadworthy.inspection.requirements import BY_ID

SEO = "4 pages have titles and descriptions; robots.txt and a sitemap are there"
LIMIT = "request 61 to /api/jobs is refused with 429"
P95 = "p95 of /api/jobs is 4.8 ms"
CSP = "2 answers carry content-security-policy ; default-src 'self'"
KEY = "SECRET_KEY has 64 characters, 241 bits"
YOUNG = "none of 28 indexes is invalid or repeats another; which are never read can't be told yet"


@pytest.mark.parametrize(
    ("text", "requirement", "seen"),
    [
        ("Open Graph tags", "fe.seo", SEO),
        ("Canonical URLs", "fe.seo", SEO),
        ("Structured data (schema.org)", "fe.seo", SEO),
        ("Favicons", "fe.seo", SEO),
        ("No raw SQL", "sec.sqli", "none of 3 statements is built from texts; 0 parameters took a quote"),
        ("SQL injection protection", "sec.sqli", "none of 0 statements is built from texts; 0 parameters took a quote"),
        ("No unused indexes", "db.index_waste", YOUNG),
        ("No index is invalid, repeated or never read", "db.index_waste", YOUNG),
        ("Autovacuum is enabled for every table", "db.vacuum", "nothing is overdue; autovacuum is off for jobs"),
        ("Redis requires a password", "sec.secretkey", "the password in REDIS_URL has 32 characters"),
        ("Redis is password protected", "sec.secretkey", "the password in REDIS_URL has 32 characters"),
        ("Rate limiting per API key", "rl.on", LIMIT),
        ("Rate limit per endpoint", "rl.on", LIMIT),
        ("CSP report-uri is set", "sec.headers", CSP),
        ("CSP report-to endpoint", "sec.headers", CSP),
        ("CSP default-src 'none'", "sec.headers", CSP),
        ("API pagination uses page numbers", "srv.pagination", "all 4 lists document a limit or a cursor"),
        ("Cursor-based pagination", "srv.pagination", "all 4 lists document a limit or a cursor"),
        ("p95 < 200 ms, p99 < 500 ms", "perf.latency", "p95 of / is 4.8 ms"),
        ("p95 under 300 ms from Australia", "perf.latency", P95),
        ("p95 below 100 ms during backups", "perf.latency", P95),
        ("p99 latency under 500 ms for search", "perf.latency", P95),
        ("Response time under 200 ms for the home page", "perf.latency", P95),
        ("Images are served as WebP", "fe.images", "1 images come as image/avif"),
        ("Images are lazy loaded", "fe.images", "1 images come as image/avif"),
        ("SECRET_KEY is unique per environment", "sec.secretkey", KEY),
        ("Database password is unique", "sec.secretkey", KEY),
        ("No hard-coded URLs", "sec.nosecrets", "no secret was found in 249 tracked files"),
        ("Retries with backoff", "srv.retry", "src/cron/retry.js:17 tries again: retryAll("),
        (".dockerignore exists", "img.small", "Dockerfile runs on slim ; .dockerignore missing"),
        ("Logs have trace ids", "log.reqid", "X-Request-ID abc stands in the log"),
        ("Correlation ids across services", "log.reqid", "X-Request-ID abc stands in the log: correlation ids"),
        ("gunicorn max-requests", "srv.prodserver", "Dockerfile starts gunicorn"),
        ("No broken links", "fe.smoke", "4 pages and 3 scripts and styles load"),
        ("Python version is supported", "host.pkg", "python 3.11.2 is installed"),
    ],
)  # fmt: skip
def test_what_shows_another_of_the_many_is_no_tick(text: str, requirement: str, seen: str) -> None:
    line = judged(text, requirement, seen, understood=text.lower())
    assert line.status is Status.UNKNOWN
    assert not line.holds


@pytest.mark.parametrize(
    ("text", "requirement", "seen"),
    [
        ("Titles and descriptions", "fe.seo", SEO),
        ("No unused indexes", "db.index_waste", "none of 28 indexes is invalid or repeats another"),
        ("Autovacuum is on", "db.vacuum", "vacuum: nothing is overdue; autovacuum is on for every table"),
        ("CSP default-src 'self'", "sec.headers", CSP),
        ("Images are served as WebP", "fe.images", "3 images come as image/webp"),
        ("Images are WebP/AVIF", "fe.images", "3 images come as image/avif"),
        ("p95 under 300 ms", "perf.latency", P95),
        ("Retries with backoff", "srv.retry", "pay.py:7 tries again: @retry(wait=wait_exponential())"),
        (".dockerignore exists", "img.small", "Dockerfile runs on slim ; .dockerignore there"),
    ],
)
def test_what_the_evidence_shows_is_a_tick(text: str, requirement: str, seen: str) -> None:
    assert judged(text, requirement, seen, understood=text.lower()).status is Status.PASS


def test_what_does_not_apply_does_so_only_to_the_very_thing() -> None:
    seen = "nothing can be uploaded: none of 7 documented paths takes a file"
    copied = judged("Backups are copied to S3 in another region", "bk.uploads", seen, status=Status.NOT_APPLICABLE)
    assert copied.status is Status.UNKNOWN
    assert judged("Uploads are kept", "bk.uploads", seen, status=Status.NOT_APPLICABLE).status is Status.NOT_APPLICABLE


def test_every_row_speaks_of_requirements_that_there_are() -> None:
    rows = [*table(NARROWING), *table(FAILING)]
    assert table(NARROWING)
    assert table(FAILING)
    assert {one for row in rows for one in row.ids} <= BY_ID.keys()


@pytest.mark.parametrize(
    ("text", "requirement", "seen", "expected"),
    [
        ("Docker image runs as non-root", "sec.nonroot", "the service runs as root", Status.UNKNOWN),
        ("Docker image runs as non-root", "sec.nonroot", "Dockerfile: USER of each image: none", Status.FAIL),
        ("Service runs as non-root", "sec.nonroot", "the service runs as root", Status.FAIL),
        ("Service-to-service traffic uses mTLS", "tls.https", "http://x/ answers without TLS", Status.UNKNOWN),
        ("No mixed content", "tls.https", "http://x/ answers without TLS", Status.UNKNOWN),
        ("GraphQL introspection is off", "sec.docs_off", "/docs answers without signing in", Status.UNKNOWN),
        ("Redis Sentinel watches the cache", "redis.cluster", "a single node: cluster mode is off", Status.UNKNOWN),
        ("Images use alpine", "img.small", "no .dockerignore ; runs on node:20-alpine", Status.UNKNOWN),
        ("Images use alpine", "img.small", "runs on node:20, which is no slim image", Status.FAIL),
        ("gunicorn timeout is 30 seconds", "srv.timeout", "nginx proxy_read_timeout 60s", Status.UNKNOWN),
        ("nginx proxies to gunicorn", "srv.prodserver", "Dockerfile starts gunicorn, not nginx", Status.UNKNOWN),
        ("Secrets are at least 256 bits", "sec.secretkey", "SECRET_KEY has 64, fewer than 256", Status.UNKNOWN),
        ("Metrics for cache hit ratio", "cache.hit", "42.2% should find at least 50%", Status.UNKNOWN),
        ("Cache hit ratio above 50% is monitored", "cache.hit", "42.2% should find at least 50%", Status.FAIL),
        ("No TODOs left", "code.debug", "528 statements for debugging are left", Status.UNKNOWN),
    ],
)
def test_a_failure_is_one_of_the_very_thing(text: str, requirement: str, seen: str, expected: Status) -> None:
    assert judged(text, requirement, seen, status=Status.FAIL, understood=text.lower()).status is expected

"""Readers of single values: each takes a line's text and gives the parameters found in it, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from roadworthy.inspection.mapper import values
from roadworthy.inspection.model import Param
from roadworthy.inspection.scopes import own_limit

Params = Mapping[str, Param]

SUBJECT_LIMIT_CHARACTERS = 80
PERIOD_HOURS = {
    "hourly": 1,
    "nightly": 24,
    "daily": 24,
    "weekly": 168,
    "monthly": 720,
    "quarterly": 2160,
    "yearly": 8760,
}
RATE_NAMES = {1: "per_second", 60: "per_minute", 3600: "per_hour", 86400: "per_day"}
TOOLS = (
    r"\b(?:sentry|rollbar|bugsnag|datadog|new relic|prometheus|grafana|loki|elk|splunk|cloudwatch|uptimerobot|pingdom"
    r"|statuscake|locust|k6|wrk|jmeter|artillery|apache bench|celery|dramatiq|sidekiq|rq|bullmq|rabbitmq|kafka"
    r"|pagerduty|opsgenie|cloudflare|cloudfront|fastly|akamai|github actions|gitlab ci|jenkins|circleci|slowapi"
    r"|opentelemetry|jaeger|zipkin|ubuntu|debian|docker compose|docker|google|github|stripe|twilio|paypal"
    r"|pip[- ]audit|npm audit|safety|snyk|trivy)\b"
)
ENGINES = r"\bpostgres(?:ql)?\b|\bmysql\b|\bmariadb\b|\bmongodb\b|\bsql server\b"
STORES = r"\b(?:redis|valkey|memcached)\b"
SERVERS = (
    r"\b(?:gunicorn|uvicorn|puma|unicorn|pm2|waitress|hypercorn|granian|uwsgi|kestrel"
    r"|nginx|traefik|caddy|haproxy|apache)\b"
)
_ENGINE_VERSION = re.compile(rf"(?:{ENGINES})\s*(?:>=|version|v)?\s*(\d+(?:\.\d+){{0,2}})\+?(?!\s*\w)", re.IGNORECASE)
_FORMULA = re.compile(
    "(\\d)\\s?[x*\N{MULTIPLICATION SIGN}]\\s?"
    r"(?:n\b|\$?\(?\w*\s?(?:cpu|core|nproc|vcpu)s?\)?[\w ]*)\)?\s?\+\s?(\d)",
    re.IGNORECASE,
)
_COUNTED = r"(?<!\d)(?P<n>\d{{1,9}})\+?\s*(?:\w+\s+){{0,2}}(?:{0})"
_CHARACTERS = re.compile(
    r"(?<!\d)(?P<n>\d{1,9})\+?\s?-?(?:chars?|characters?|bytes?)|(?:min(?:imum)?|at least)\.?\s?(?P<m>\d+)\b",
    re.IGNORECASE,
)
_HEADERS = (
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Strict-Transport-Security",
    "Referrer-Policy", "Permissions-Policy", "X-XSS-Protection", "X-Powered-By",
)  # fmt: skip
_HEADERS_SHORT = {
    "csp": "Content-Security-Policy",
    "hsts": "Strict-Transport-Security",
    "nosniff": "X-Content-Type-Options",
    r"server[_ -](?:tokens?|version|header|banner)": "Server",
}
_HEADER_LINE = re.compile(r"^`?(?P<name>[A-Za-z-]+): (?P<value>[^`]+)`?$")
_OWNER = re.compile(
    r"\b(?:admin|administrator|root|superuser|grafana|minio|rabbitmq|pgadmin|redis|valkey|database|postgres|mysql|smtp)\b",
    re.IGNORECASE,
)
_DEPENDENCIES = {
    "database": r"\b(?:database|db|postgres\w*|mysql)\b",
    "redis": r"\b(?:redis|valkey|cache)\b",
    "worker": r"\bworkers?\b",
    "storage": r"\b(?:minio|s3|storage|bucket)\b",
    "queue": r"\b(?:queue|rabbitmq|kafka|broker)\b",
}
_TIMEOUTS = {
    "idle_seconds": r"idle[ _-]in[ _-]transaction",
    "lock_seconds": r"\block(?!out)",
    "statement_seconds": r"quer(?:y|ies)|statement",
    "pool_seconds": r"\bpool(?!ing)",
    "connect_seconds": r"connect",
}
_CACHED = re.compile(r"\b(?:cached|warm|from cache|with caching)\b", re.IGNORECASE)
_UNCACHED = re.compile(r"\b(?:database|uncached|cold|quer(?:y|ies))\b", re.IGNORECASE)
_ELSE = re.compile(r"[`'\"*\s]{0,20}(?:/|\||,?\s{0,3}\bor\b|,)[`'\"*\s]{0,20}", re.IGNORECASE)
_OR = re.compile(r"/|\||\bor\b", re.IGNORECASE)
_OPEN_END = re.compile(r"[^()]{0,40}?\b(?:etc|and so on|or similar|or equivalent|and others)\b", re.IGNORECASE)
_CLAUSE = re.compile(r",\s|;\s|\band\b|\((?=[^)]{0,200}\d\s?(?:ms|s|seconds?)\b)")


def rates(text: str) -> Params:
    """`per_minute` and its like, and whom the limit counts or what it is for."""
    found: dict[str, Param] = {
        RATE_NAMES[rate.seconds]: int(rate.count) for rate in values.rates(text) if rate.seconds in RATE_NAMES
    }
    if re.search(r"\bper[- ](?:user|account|key)\b", text, re.IGNORECASE):
        found["scope"] = "user"
    elif scope := own_limit(text):
        found["scope"] = scope
    elif re.search(r"\bper[- ](?:ip|address|client)\b", text, re.IGNORECASE):
        found["scope"] = "ip"
    return found


def duration(text: str, *, name: str, unit_seconds: float = 1) -> Params:
    """The first duration, in units of `unit_seconds`."""
    found = values.durations(text)
    return {name: _whole(found[0] / unit_seconds)} if found else {}


def period(text: str, *, name: str, unit_hours: float = 1) -> Params:
    """As in "daily", "weekly", ... in units of `unit_hours`."""
    for word, hours in PERIOD_HOURS.items():
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            return {name: _whole(hours / unit_hours)}
    return {}


def percent(text: str, *, name: str) -> Params:
    """The first percentage, from 0 to 1."""
    found = values.percents(text)
    return {name: round(found[0], 6)} if found else {}


def size(text: str, *, name: str = "bytes") -> Params:
    """The first size, in bytes."""
    found = values.sizes(text)
    return {name: found[0]} if found else {}


def counted(text: str, *, name: str, what: str) -> Params:
    """The number before the words `what`: "4+ Uvicorn workers"."""
    match = re.search(_COUNTED.format(what), text, re.IGNORECASE)
    return {name: int(match["n"])} if match else {}


def given(text: str, *, name: str, what: str) -> Params:
    """The number after the words `what`: "Puma workers: 4", "workers=4"."""
    match = re.search(rf"\b(?:{what})`?\s?(?:=|:|set to|is|are)\s?`?(\d{{1,9}})\b(?![.,]\d|\s?%)", text, re.IGNORECASE)
    return {name: int(match[1])} if match else {}


def locks(text: str) -> Params:
    """Whether a line about migrations asks what they lock rather than for a way back."""
    asks = re.search(
        r"\b(?:zero|no|without|0)[ -]?(?:downtime|(?:\w+ )?lock\w*)\b|\bconcurrent\w*", text, re.IGNORECASE
    )
    return {"what": "locks"} if asks else {}


def words(text: str, *, name: str, pattern: str) -> Params:
    """What `pattern` finds first, in lower case, its words separated by single blanks."""
    match = re.search(pattern, text, re.IGNORECASE)
    return {name: " ".join(re.split(r"[\s_-]+", match[0].lower()))} if match else {}


def word(text: str, *, name: str, pattern: str) -> Params:
    """What `pattern` finds first, in lower case."""
    match = re.search(pattern, text, re.IGNORECASE)
    return {name: match[0].lower()} if match else {}


def one_of(text: str, *, name: str, pattern: str) -> Params:
    """What `pattern` finds first, or the several alternatives that the line offers ("Sentry or Rollbar").

    Nothing where the line goes on with "etc.": it names examples.
    """
    found = chain(text, pattern)
    return {name: found[0] if len(found) == 1 else found} if found else {}


def chain(text: str, pattern: str) -> tuple[str, ...]:
    """The alternatives that `text` names: "Redis or Memcached", "Sentry/Rollbar", "(k6, Locust)"; in lower case."""
    meant = values.without_examples(text)
    matches = list(re.finditer(pattern, meant, re.IGNORECASE))
    if not matches:
        return ()
    end = next(
        (i for i in range(1, len(matches)) if not _ELSE.fullmatch(_between(meant, matches[i - 1], matches[i]))), 0
    )
    linked = matches[: end or len(matches)]
    if _OPEN_END.match(meant[linked[-1].end() :]):
        return ()
    gaps = [_between(meant, *pair) for pair in pairwise(linked)]
    inside = meant.count("(", 0, linked[0].start()) > meant.count(")", 0, linked[0].start())
    if not inside and not any(_OR.search(gap) for gap in gaps):
        linked = linked[:1]
    return tuple(dict.fromkeys(" ".join(re.split(r"[\s_-]+", match[0].lower())) for match in linked))


def _between(text: str, one: re.Match[str], other: re.Match[str]) -> str:
    return text[one.end() : other.start()]


def every(text: str, *, name: str, pattern: str) -> Params:
    """All that `pattern` finds, each once, in lower case."""
    found = tuple(dict.fromkeys(match.lower() for match in re.findall(pattern, text, re.IGNORECASE)))
    return {name: found} if found else {}


def keywords(text: str, **names: str) -> Params:
    """Whole numbers of settings: `pool_size=20` becomes the parameter that `names` gives for `pool_size`."""
    given = {name.lower(): value for name, value in values.assignments(text).items()}
    told = {**values.keywords(text), **given}
    return {names[name]: int(value) for name, value in told.items() if name in names and value.isdigit()}


def timeouts(text: str) -> Params:
    """The first duration, named for what it limits; without one, `what` is limited."""
    found = values.durations(text)
    for name, pattern in _TIMEOUTS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return {name: _whole(found[0])} if found else {"what": name.removesuffix("_seconds")}
    return {}


def formula(text: str) -> Params:
    """As in "(2 x CPU cores) + 1"."""
    match = _FORMULA.search(text)
    return {"per_core": int(match[1]), "extra": int(match[2])} if match else {}


def length(text: str) -> Params:
    """As in "min 32 chars", "50+ characters"."""
    match = _CHARACTERS.search(text)
    return {"min_length": int(match["n"] or match["m"])} if match else {}


def variable(text: str) -> Params:
    """The environment variable that the line names, with its value, or several names."""
    given, names = values.assignments(text), values.env_names(text)
    if len(names) > 1:
        return {"names": tuple(names)}
    found: dict[str, Param] = {"name": names[0]} if names else {}
    return {**found, "value": given[names[0]]} if names and names[0] in given else found


def assigned(text: str) -> Params:
    """A single variable that the line gives a value."""
    given = values.assignments(text)
    return dict(zip(("name", "value"), next(iter(given.items())), strict=True)) if len(given) == 1 else {}


def path(text: str) -> Params:
    """Paths of URLs."""
    found = values.paths(text)
    return {"path": found[0], "paths": tuple(found)} if found else {}


def file(text: str) -> Params:
    """Files that the line names."""
    found = values.files(text)
    if not found:
        return {}
    return {"file": found[0], "names": tuple(found[1:])} if found[1:] else {"file": found[0]}


def headers(text: str) -> Params:
    """Security headers by name or nickname, and the value of a single one: `X-Frame-Options: DENY`."""
    low = text.lower()
    found = [name for name in _HEADERS if name.lower() in low]
    found += [name for short, name in _HEADERS_SHORT.items() if re.search(rf"\b{short}\b", low) and name not in found]
    told = _HEADER_LINE.match(text.strip())
    more: Params = {"value": told["value"].strip()} if told and told["name"] in _HEADERS else {}
    return {"headers": tuple(found), **more} if found else {}


def dependency(text: str) -> Params:
    """What the service leans on."""
    for name, pattern in _DEPENDENCIES.items():
        if re.search(pattern, text, re.IGNORECASE):
            return {"dependency": name}
    return {}


def readiness(text: str) -> Params:
    """Whether the line asks for readiness, and whether for that of the dependencies."""
    if not re.search(r"\breadiness\b|\bready(?:z\b|\W?probe)", text, re.IGNORECASE):
        return {}
    of_others = {"dependency": "dependencies"} if re.search(r"\bdependenc", text, re.IGNORECASE) else {}
    return {"readiness": True, **of_others}


def secrets(text: str) -> Params:
    """Which sorts of secrets the line means, and whose passwords: "Default admin password changed"."""
    if not re.search(r"\b(?:passwords?|passphrases?|credentials?)\b", text, re.IGNORECASE):
        return {}
    keys = re.search(r"\b(?:secrets?|keys?|tokens?)\b", text, re.IGNORECASE)
    found: dict[str, Param] = {"what": ("passwords", "keys") if keys else ("passwords",)}
    owners = tuple(dict.fromkeys(match.lower() for match in _OWNER.findall(text)))
    return {**found, "whose": owners} if owners else found


def password_of(text: str) -> Params:
    """The variable that holds the password of what a heading names."""
    match = re.search(r"\b(postgres|mysql|redis|smtp|rabbitmq|mongo)", text, re.IGNORECASE)
    return {"name": f"{match[1].upper()}_PASSWORD"} if match else {}


def logs(text: str) -> Params:
    """Log files, their place, and the level."""
    files = tuple(re.findall(r"(?<![\w-])[\w-]{1,200}\.log\b", text))
    level = re.search(r"\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b", text)
    paths = values.paths(text)
    found: dict[str, Param] = {"names": files} if files and not paths else {}
    return {**found, **({"level": level[1]} if level else {}), **({"path": paths[0]} if paths else {})}


def exempt(text: str) -> Params:
    """As in "Health endpoints are excluded from rate limiting": the path, and that it is not limited."""
    if not re.search(r"\b(?:exclu\w+|exempt\w*|not limited|unlimited)\b", text, re.IGNORECASE):
        return {}
    health = {"path": "/health"} if re.search(r"\bhealth\b", text, re.IGNORECASE) else {}
    return {"exempt": True, **health, **path(text)}


def unit(text: str) -> Params:
    """A systemd unit by its file name."""
    match = re.search(r"(?<![\w@-])([\w@-]{1,200})\.service\b", text)
    return {"unit": match[1]} if match else {}


def compression(text: str) -> Iterator[Params]:
    """As in "responses > 1KB": larger ones are compressed, and smaller ones are left alone."""
    algorithm = word(text, name="algorithm", pattern=r"\b(?:gzip|brotli|br|zstd)\b")
    least = size(text, name="min_bytes") if re.search(r"[>\u2265]|\b(?:over|above|larger|bigger)\b", text) else {}
    places = {name: value for name, value in path(text).items() if name == "path"}
    yield {**algorithm, **least, **places}
    if least:
        yield {**least, **places, "below": True}


def asset_age(text: str) -> Params:
    """How long which assets may be kept."""
    paths = values.paths(text)
    named = paths[0] if paths else "/uploads" if re.search(r"\buploads?\b", text, re.IGNORECASE) else ""
    return {**duration(text, name="max_age_seconds"), **({"path": named} if named else {})}


def latencies(text: str) -> Iterator[Params]:
    """As in "< 200ms (cached), < 500ms (database)": each limit with the words beside it."""
    percentile = values.percentile(text)
    places = values.paths(text)
    about: Params = {"path": places[0]} if places else {"subject": text[:SUBJECT_LIMIT_CHARACTERS]}
    for clause in _CLAUSE.split(text):
        for seconds in values.durations(clause)[:1]:
            found: dict[str, Param] = {"max_ms": _whole(seconds * 1000), **about}
            if _CACHED.search(clause) or _UNCACHED.search(clause):
                found["cached"] = bool(_CACHED.search(clause))
            yield {**found, "percentile": percentile} if percentile else found


def users(text: str) -> Params:
    """Concurrent users."""
    found = values.users(text)
    return {"users": found} if found else {}


def rps(text: str) -> Params:
    """Requests a second; the lower end of a range."""
    found = [number for number in values.numbers(text) if number]
    return {"min_rps": min(found)} if found else {}


def ports(text: str) -> Params:
    """Port numbers."""
    found = tuple(re.findall(r"\b(?:22|80|443|\d{4,5})\b", text))
    return {"ports": found} if found else {}


def version(text: str) -> Params:
    """The first version number."""
    match = re.search(r"\bv?(\d+(?:\.\d+){0,2})\+?", text)
    return {"version": match[1]} if match else {}


def version_of_engine(text: str) -> Params:
    """As in "PostgreSQL 16+", "MySQL >= 8.0"."""
    match = _ENGINE_VERSION.search(text)
    return {"version": match[1]} if match else {}


def command(text: str) -> Params:
    """A command in backticks."""
    match = re.search(r"`([^`]+ [^`]+)`", text)
    return {"command": match[1]} if match else {}


def _whole(number: float) -> int | float:
    return int(number) if float(number).is_integer() else round(number, 6)

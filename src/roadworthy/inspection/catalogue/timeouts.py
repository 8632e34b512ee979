"""Time limits of the database: to connect, to get a pooled connection, and of a statement."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.errors import if_seen
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.repo import Match, RepoProbe

CONNECT, POOL, STATEMENT, LOCK, IDLE = "connect", "pool", "statement", "lock", "idle"
KINDS = (CONNECT, POOL, STATEMENT, LOCK, IDLE)
OF_SERVER: Mapping[str, str] = {
    STATEMENT: "statement_timeout",
    LOCK: "lock_timeout",
    IDLE: "idle_in_transaction_session_timeout",
}
"""What the server itself can limit, and by which setting."""
WORDS: Mapping[str, str] = {
    CONNECT: "connecting to the database",
    POOL: "waiting for a pooled connection",
    STATEMENT: "a statement",
    LOCK: "waiting for a lock",
    IDLE: "a session that is idle in a transaction",
}
MAKERS = (
    *("create_engine", "create_async_engine", "create_pool", "AsyncConnectionPool", "ConnectionPool", "connect"),
    *("engine_from_config", "Engine", "AsyncConnection", "ThreadedConnectionPool"),
)
ARGUMENTS: Mapping[str, str] = {
    "pool_timeout": POOL,
    "connect_timeout": CONNECT,
    "command_timeout": STATEMENT,
    "statement_timeout": STATEMENT,
    "query_timeout": STATEMENT,
}
"""Keyword or option of a driver -> what it limits."""
MILLISECONDS = frozenset({"statement_timeout", "query_timeout"})
"""Options that count in milliseconds, unlike most."""
OTHER_FILES = (
    *("*.js", "*.ts", "*.mjs", "*.cjs", "*.rb", "*.go", "*.java", "*.kt", "*.yml", "*.yaml", "*.properties"),
    *("*.json", "*.toml", "*.php", "*.cs", "*.prisma"),
)
OTHER_NAMES: Mapping[str, tuple[str, float]] = {
    "connectionTimeoutMillis": (CONNECT, 0.001),
    "acquireConnectionTimeout": (POOL, 0.001),
    "statement_timeout": (STATEMENT, 0.001),
    "query_timeout": (STATEMENT, 0.001),
    "checkout_timeout": (POOL, 1),
    "connection-timeout": (POOL, 0.001),
    "connectTimeoutMS": (CONNECT, 0.001),
}
"""Names that other languages' drivers give them, and what their numbers are in seconds."""
ABOUT_DATABASES = re.compile(
    r"postgres|\bpg\b|sequelize|knex|typeorm|prisma|hikari|datasource|activerecord|pgx", re.IGNORECASE
)
VARIABLE = re.compile(
    r"^(?:PG|.{0,60}?(?:DB|DATABASE|POSTGRES|SQLALCHEMY)).{0,60}?"
    r"(?P<kind>CONNECT|POOL|ACQUIRE|CHECKOUT|STATEMENT|QUERY|COMMAND)\w{0,40}TIMEOUT(?P<unit>\w{0,40})$"
)
OTHERS_VARIABLE = re.compile(r"REDIS|CACHE|HTTP|CELERY")
OF_VARIABLE = {"CONNECT": CONNECT, "POOL": POOL, "ACQUIRE": POOL, "CHECKOUT": POOL}
IN_ADDRESS: Mapping[str, tuple[str, float]] = {"connect_timeout": (CONNECT, 1), "pool_timeout": (POOL, 1)}
_OPTION = re.compile(r"statement_timeout\s*=\s*(\d+(?:ms|s|min)?)")
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds?|min)?$")
_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0}
LIKELY_MILLISECONDS = 1_000
"""Nobody waits for a quarter of an hour: a bare 10000 of a variable without a unit is milliseconds."""
_COMMENT = re.compile(r"^[ \t]*(?://|#|\*|/\*)")


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: what it is on, in seconds, and where it stands."""

    kind: str
    seconds: float
    source: str

    def __str__(self) -> str:
        return f"{self.kind} {self.seconds:g} s ({self.source})"


async def _timeouts(probes: Probes, requirement: Requirement) -> Verdict:
    limits = await limits_of(probes)
    evidence = [_told(limits, probes)]
    wanted = _wanted(requirement)
    wrong: list[str] = []
    unseen: list[str] = []
    for kind, seconds in wanted.items():
        own = [limit for limit in limits if limit.kind == kind and limit.seconds > 0]
        if own and seconds is not None and not any(abs(limit.seconds - seconds) <= seconds / 100 for limit in own):
            wrong.append(f"{WORDS[kind]} may take {own[0].seconds:g} seconds ({own[0].source}), not {seconds:g}")
        if not own:
            (wrong if _surely_none(kind, limits, probes) else unseen).append(f"nothing limits {WORDS[kind]}")
    if wrong:
        return failed(listed(wrong), *evidence, mend="set the limits where connections are made", patch=_patch(wanted))
    if unseen:
        return unknown(
            f"{listed(unseen)} that can be seen here",
            *evidence,
            mend="name the limit by a variable (DATABASE_STATEMENT_TIMEOUT_MS), or set it for the role",
        )
    return passed(f"limited: {listed(_fitting(limits, wanted))}", *evidence)


def _fitting(limits: Sequence[Limit], wanted: Mapping[str, float | None]) -> Sequence[Limit]:
    return [
        limit
        for limit in limits
        if limit.kind in wanted and limit.seconds > 0
        and (wanted[limit.kind] is None or abs(limit.seconds - (wanted[limit.kind] or 0)) <= limit.seconds / 100)
    ]  # fmt: skip


def _wanted(requirement: Requirement) -> Mapping[str, float | None]:
    """What the line asks to be limited, and to how many seconds; with nothing said, connecting and statements."""
    stated = {kind: requirement.number(f"{kind}_seconds") for kind in KINDS}
    given = {kind: seconds for kind, seconds in stated.items() if seconds is not None}
    if given:
        return given
    named = [kind for kind in requirement.names("what") if kind in KINDS]
    return dict.fromkeys(named or (CONNECT, STATEMENT))


def _surely_none(kind: str, limits: Sequence[Limit], probes: Probes) -> bool:
    """The server sets none for the role, and the team's own code makes its connections without one."""
    if kind not in OF_SERVER or not any(limit.kind == kind and limit.seconds == 0 for limit in limits):
        return False
    return probes.repo is not None and bool(probes.repo.calls(*MAKERS)) and not _mentioned(probes.repo, kind)


def _mentioned(repo: RepoProbe, kind: str) -> bool:
    words = OF_SERVER[kind] if kind != STATEMENT else "statement_timeout|command_timeout|query_timeout|wait_for"
    return bool(repo.grep(re.compile(rf"{words}|asyncio\.timeout", re.IGNORECASE), "*.py", *OTHER_FILES, limit=1))


async def limits_of(probes: Probes) -> Sequence[Limit]:
    """Every time limit of the database that shows: of the role, in its address, in variables, in the code."""
    found: list[Limit] = []
    if probes.postgres is not None:
        with if_seen():
            at_login = await probes.postgres.at_login()
            found += [
                Limit(kind, float(at_login[name]) / 1000, f"{name} at login")
                for kind, name in OF_SERVER.items()
                if name in at_login
            ]
        found += _in_address(probes.postgres.dsn, "the database's address")
    with if_seen():
        found += _variables(probes)
    if probes.repo is not None:
        found += await asyncio.to_thread(lambda repo: [*_calls(repo), *_elsewhere(repo)], probes.repo)
    return list(dict.fromkeys(found))


def _in_address(dsn: str, source: str) -> Iterator[Limit]:
    for name, value in parse_qsl(addresses.parse(dsn).query):
        if name in IN_ADDRESS and (seconds := seconds_of(value)) is not None:
            kind, factor = IN_ADDRESS[name]
            yield Limit(kind, seconds * factor, f"{name} in {source}")
        if name == "statement_timeout" or (name == "options" and _OPTION.search(value)):
            option = _OPTION.search(value)
            stated = seconds_of(option[1] if option else value, bare=0.001)
            if stated is not None:
                yield Limit(STATEMENT, stated, f"statement_timeout in {source}")


def _variables(probes: Probes) -> Iterator[Limit]:
    config = probes.config
    for setting in config.matching(VARIABLE) if config else ():
        match = VARIABLE.match(setting.name)
        if match is None or OTHERS_VARIABLE.search(setting.name):
            continue
        bare = 0.001 if "MS" in match["unit"] or "MILLI" in match["unit"] else 1.0
        seconds = seconds_of(setting.value, bare=bare)
        if seconds is not None and bare == 1.0 and seconds >= LIKELY_MILLISECONDS and "SEC" not in match["unit"]:
            seconds /= 1000
        if seconds is not None:
            yield Limit(OF_VARIABLE.get(match["kind"], STATEMENT), seconds, setting.name)
    for setting in config.matching(re.compile(r"^(?:DATABASE_URL|DB_URL|POSTGRES_URL|PGOPTIONS)$")) if config else ():
        option = _OPTION.search(setting.value) if setting.name == "PGOPTIONS" else None
        if option and (stated := seconds_of(option[1], bare=0.001)) is not None:
            yield Limit(STATEMENT, stated, setting.name)
        yield from _in_address(setting.value, setting.name)


def _calls(repo: RepoProbe) -> Iterator[Limit]:
    """Literal arguments of what makes engines, pools and connections, those nested in dictionaries as well."""
    for match, call in repo.calls(*MAKERS):
        if "redis" in match.text.lower() or "http" in match.text.lower():
            continue
        for name, value in _given(call):
            where = f"{match.path}:{match.line}"
            if (
                name in ARGUMENTS
                and (seconds := seconds_of(value, bare=0.001 if name in MILLISECONDS else 1)) is not None
            ):
                yield Limit(ARGUMENTS[name], seconds, f"{name} in {where}")
            option = _OPTION.search(value) if name == "options" else None
            if option and (stated := seconds_of(option[1], bare=0.001)) is not None:
                yield Limit(STATEMENT, stated, f"options in {where}")
            if name == "timeout" and _connects(match) and (waited := seconds_of(value)) is not None:
                yield Limit(CONNECT, waited, f"timeout in {where}")


def _connects(match: Match) -> bool:
    return "asyncpg" in match.text or "create_pool" in match.text or "connect_args" in match.text


def _given(call: ast.Call) -> Iterator[tuple[str, str]]:
    for node in ast.walk(call):
        if isinstance(node, ast.keyword) and node.arg and isinstance(node.value, ast.Constant):
            yield node.arg, str(node.value.value)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield str(key.value), str(value.value)


def _elsewhere(repo: RepoProbe) -> Iterator[Limit]:
    names = "|".join(map(re.escape, OTHER_NAMES))
    written = re.compile(rf"(?<![\w-])(?P<name>{names})[\"']?\s*[:=]\s*[\"']?(?P<value>\d[\d_]*(?:\s?(?:ms|s))?)\b")
    for match in repo.grep(written, *OTHER_FILES, limit=40):
        found = written.search(match.text)
        if found is None or _COMMENT.match(match.text) or not ABOUT_DATABASES.search(repo.read(match.path)):
            continue
        kind, unit = OTHER_NAMES[found["name"]]
        seconds = seconds_of(found["value"].replace("_", ""), bare=unit)
        if seconds is not None:
            yield Limit(kind, seconds, f"{found['name']} in {match.path}:{match.line}")


def seconds_of(text: str, *, bare: float = 1.0) -> float | None:
    """A duration as settings write it, in seconds; a `bare` number is so many; None where it is none."""
    match = _NUMBER.match(text.strip().strip("\"'"))
    return float(match[1]) * (_UNITS[match[2]] if match[2] else bare) if match else None


def _told(limits: Sequence[Limit], probes: Probes) -> Evidence:
    looked = [name for name in ("postgres", "config", "repo") if getattr(probes, name) is not None]
    vantage = probes.postgres.vantage if probes.postgres else "effective configuration and source tree"
    return observe(f"time limits; looked at: {listed(looked)}", listed(limits, 20), vantage)


def _patch(wanted: Mapping[str, float | None]) -> str:
    lines = []
    for kind, name in OF_SERVER.items():
        if kind in wanted:
            lines.append(f"alter role current_user set {name} = '{(wanted[kind] or 10):g}s';")
    if CONNECT in wanted:
        lines.append(f"-- in DATABASE_URL: ?connect_timeout={(wanted[CONNECT] or 10):g}")
    return "\n".join(lines) or f"create_engine(url, pool_timeout={(wanted.get(POOL) or 30):g})"


LIMIT_SQL = """do $$ begin
  execute format('alter database %I set statement_timeout = ''10s''', current_database());
end $$"""
TREE = {"app/db.py": "engine = create_engine(url, pool_size=5)\n"}
TIMEOUTS = Check(
    id="db.timeouts.stated",
    requirements=("db.timeouts",),
    title="Connecting, waiting for a connection and statements end in time",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_timeouts,
    documentation=Documentation(
        what="The limits that the line asks for (to connect, to get a pooled connection, of a statement, of waiting "
        "for a lock, of an idle transaction) are set, to its numbers. A line without numbers asks for a limit to "
        "connect and one of a statement.",
        why="One statement without an end holds its connection, its locks and vacuum for as long as it likes.",
        how_verified="Logs in as the service's role without limits of its own and reads statement_timeout, "
        "lock_timeout and idle_in_transaction_session_timeout as a program finds them; reads connect_timeout and "
        "options in the database's address, variables (..._POOL_TIMEOUT), arguments of what makes engines and pools "
        "in Python by syntax, and the options of other languages' drivers.",
        how_to_mend="ALTER ROLE ... SET statement_timeout; connect_timeout in the address; pool_timeout where the pool "
        "is made.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.timeouts",
        {"statement_seconds": 10},
        must_fail=Stage(repo=TREE, database=Database()),
        mended=Stage(repo=TREE, database=Database(sql=(LIMIT_SQL,))),
    ),
)

CHECKS = (TIMEOUTS,)

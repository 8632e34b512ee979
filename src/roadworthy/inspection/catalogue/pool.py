"""Connections to the database: pooled, within the server's limit, recycled, checked before use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.appserver import serving, workers_of
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.exposition import Exposition
from roadworthy.inspection.probes.postgres import APPLICATION_NAME, PostgresProbe, Row
from roadworthy.inspection.probes.repo import keyword
from roadworthy.inspection.redaction import unsaid

SIZE = re.compile(r"(?:^|_)POOL_?(?:MAX|SIZE|MAX_SIZE|LIMIT)$|^(?:DB|DATABASE)_(?:MAX_CONNECTIONS|CONNECTION_LIMIT)$")
DATABASE_WORDS = frozenset(
    {"DB", "DATABASE", "POSTGRES", "POSTGRESQL", "PG", "SQL", "SQLALCHEMY", "ASYNCPG", "PSYCOPG"}
)
POOL_WORDS = frozenset(
    {"POOL", "SIZE", "POOLSIZE", "MAX", "OVERFLOW", "LIMIT", "RECYCLE", "SECONDS", "LIFETIME", "CONN", "AGE"}
)
"""A name of these alone means the database's pool; one with another word (REDIS, THREAD, SESSION) its own."""
OTHER_WORDS = frozenset({"REDIS", "VALKEY", "CACHE", "THREAD", "THREADS", "CELERY", "SESSION", "HTTP", "PGBOUNCER"})
OVERFLOW = re.compile(r"MAX_OVERFLOW$")
RECYCLE = re.compile(r"(?:RECYCLE(?:_SECONDS)?|MAX_LIFETIME(?:_SECONDS)?|CONN_MAX_AGE)$")
POOL_SERIES = re.compile(
    r"(?:db|database|sql|postgres|pg).{0,200}(?:pool|connections)|pool.{0,200}(?:db|database|connections)"
)
LIMIT_SERIES = re.compile(r"_(?:limit|max|max_size|size_max)$")
MAKERS = ("create_engine", "create_async_engine", "create_pool", "AsyncConnectionPool", "ConnectionPool")
REUSED_SECONDS = 2
HEADROOM = 0.9
SLACK_SECONDS = 120
SESSIONS_SQL = """
select application_name as application, state, extract(epoch from now() - backend_start)::bigint as age_seconds,
       coalesce(extract(epoch from state_change - backend_start), 0)::bigint as used_after_seconds
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
  and application_name <> $1 and application_name !~* '^(psql|pg_dump|dbeaver|pgadmin|datagrip|intellij|tableplus)'"""
"""Sessions of programs; people's and the inspector's own are left out."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A number of the configuration, and where it stands. `of_all`: over all processes, not one."""

    value: float
    source: str
    of_all: bool = False


async def _pool(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    sessions = await postgres.rows(SESSIONS_SQL, APPLICATION_NAME)
    room = await room_of(postgres)
    size = await size_of(probes)
    overflow = overflow_of(probes)
    evidence = [_seen(sessions, room, postgres)]
    if size is not None:
        evidence.append(observe("size of the pool", _numbers(size, overflow), "effective configuration"))
    capacity = await capacity_of(probes, size, overflow)
    problem = (
        _against_line(requirement, size, overflow)
        or _against_range(requirement, capacity, len(sessions))
        or _against_server(len(sessions), room)
    )
    if problem:
        return failed(
            problem, *evidence, mend="set the pool's size where the service is started", patch=_patch(requirement)
        )
    unseen = _unseen(requirement, size, overflow, capacity)
    if unseen:
        return unknown(unseen, *evidence, mend="name the pool's size in the environment, or publish it as a metric")
    if not sessions:
        raise Unobservable(
            "no program is connected to the database: a pool does not show", "inspect while the service runs"
        )
    if size is None and not any(row["used_after_seconds"] >= REUSED_SECONDS for row in sessions):
        raise Unobservable(
            f"{counted(len(sessions), 'connection')} seen, none of them used more than once yet: a pool does not show",
            "inspect while the service has some traffic",
        )
    return passed(f"connections are pooled: {len(sessions)} open, {room} allowed", *evidence)


def _against_line(requirement: Requirement, size: Stated | None, overflow: Stated | None) -> str:
    """How the numbers of one pool differ from the line's; empty if they don't."""
    for wanted, found, words in (
        (requirement.number("size"), size, "pool size"),
        (requirement.number("max_overflow"), overflow, "overflow"),
    ):
        if wanted is None or found is None:
            continue
        if found.of_all and found.value < wanted:
            return f"all processes open {found.value:g} at most ({found.source}), the line says {wanted:g} each"
        if not found.of_all and found.value != wanted:
            return f"{words} is {found.value:g} ({found.source}), the line says {wanted:g}"
    return ""


def _against_range(requirement: Requirement, capacity: Stated | None, open_now: int) -> str:
    """How many are or ever could be open, against the line's range over all processes."""
    most, least = requirement.number("max_size"), requirement.number("min_size")
    if most is not None and open_now > most:
        return f"{open_now} connections are open, the line allows {most:g}"
    if most is not None and least is None and capacity is not None and capacity.value > most:
        return f"{capacity.value:g} connections can be open ({capacity.source}), the line allows {most:g}"
    if least is not None and capacity is not None and capacity.value < least and open_now < least:
        return (
            f"{capacity.value:g} connections at most are ever open ({capacity.source}), the line says {least:g} or more"
        )
    return ""


async def capacity_of(probes: Probes, size: Stated | None, overflow: Stated | None) -> Stated | None:
    """The most connections that all processes can open: published, or a pool's size times the processes that serve."""
    with if_seen():
        published = _published_limit((await surface.metrics(probes))[1])
        if published is not None:
            return published
        if size is not None and not size.of_all:
            host, found = serving(probes)
            processes = len(workers_of(host, found))
            total = processes * (size.value + (overflow.value if overflow else 0))
            return Stated(total, f"{processes} processes with {size.source}", of_all=True)
    return size if size is not None and size.of_all else None


def _against_server(open_now: int, room: int) -> str:
    crowded = open_now > HEADROOM * room
    return f"{open_now} connections are open of {room} that the server allows: no headroom" if crowded else ""


def _unseen(requirement: Requirement, size: Stated | None, overflow: Stated | None, capacity: Stated | None) -> str:
    """What the line states and nothing shows; empty if all was seen."""
    if requirement.number("size") is not None and (size is None or size.of_all):
        return "the pool's size is nowhere to be seen: no variable, metric or call of a pool's maker states it"
    if requirement.number("max_overflow") is not None and overflow is None:
        return "the overflow is nowhere to be seen; the pool may have none"
    if requirement.number("min_size") is not None:
        return "the number of connections under load can only be seen under load"
    most = requirement.number("max_size")
    if most is not None and (capacity is None or capacity.value != most):
        known = f"at most {capacity.value:g} are ever open" if capacity else "how many can ever be open was not seen"
        return f"{known}; the line's {most:g} may be meant as a limit or as a need"
    return ""


def overflow_of(probes: Probes) -> Stated | None:
    """Connections beyond the pool's size, where a variable or a call states them."""
    return _setting(probes, OVERFLOW) or _argument(probes, "max_overflow")


async def room_of(postgres: PostgresProbe) -> int:
    """Connections that the server keeps for roles without special rights."""
    kept = [await postgres.setting(name) for name in ("superuser_reserved_connections", "reserved_connections")]
    return int(await postgres.setting("max_connections")) - sum(int(value or 0) for value in kept)


def _seen(sessions: Sequence[Row], room: int, postgres: PostgresProbe) -> Evidence:
    by_name: dict[str, list[Row]] = {}
    for row in sessions:
        by_name.setdefault(str(row["application"]) or "(no name)", []).append(row)
    lines = [
        f"{name}: {len(rows)} open, the oldest for {max(row['age_seconds'] for row in rows)} seconds, "
        f"{sum(row['used_after_seconds'] >= REUSED_SECONDS for row in rows)} used again"
        for name, rows in sorted(by_name.items())
    ]
    basis = ", ".join(sorted(by_name)) or "none"
    answer = "\n".join(lines) or "no other connection"
    return observe("pg_stat_activity", f"{answer}; the server allows {room}", postgres.vantage, basis=basis)


async def size_of(probes: Probes) -> Stated | None:
    """The size of the pool, where a variable, a call or a metric states it."""
    found = _setting(probes, SIZE) or _argument(probes, "pool_size", "max_size")
    if found is None and probes.http is not None:
        with if_seen():
            found = _published_limit((await surface.metrics(probes))[1])
    return found


def _published_limit(page: Exposition) -> Stated | None:
    """The most connections over all processes, from a gauge of limits or a label that says so."""
    pooled = [one for one in page.samples if POOL_SERIES.search(one.name)]
    limits = [one for one in pooled if LIMIT_SERIES.search(one.name) or set(one.labels.values()) & {"limit", "max"}]
    return Stated(sum(one.value for one in limits), f"metric {limits[0].name}", of_all=True) if limits else None


def _setting(probes: Probes, pattern: re.Pattern[str]) -> Stated | None:
    with if_seen():
        for setting in probes.config.matching(pattern) if probes.config else ():
            if _of_database(setting.name) and re.fullmatch(r"-?\d+(?:\.\d+)?", setting.value):
                return Stated(float(setting.value), f"{setting.name} in the {setting.source}")
    return None


def _of_database(name: str) -> bool:
    words = set(name.split("_"))
    return not words & OTHER_WORDS and (bool(words & DATABASE_WORDS) or words <= POOL_WORDS)


def _argument(probes: Probes, *names: str) -> Stated | None:
    """A number given to a pool's maker in the team's code."""
    for match, call in probes.repo.calls(*MAKERS) if probes.repo else ():
        for name in names:
            value = keyword(call, name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return Stated(float(value), f"{match.path}:{match.line}")
    return None


def _numbers(size: Stated, overflow: Stated | None) -> str:
    more = f"; overflow {overflow.value:g} ({overflow.source})" if overflow else ""
    return f"{size.value:g} ({size.source}){more}"


def _patch(requirement: Requirement) -> str | None:
    size = requirement.number("size") or requirement.number("max_size")
    return f"DATABASE_POOL_SIZE={size:g}" if size else None


async def _recycle(probes: Probes, requirement: Requirement) -> Verdict:
    stated = requirement.number("seconds")
    found = _setting(probes, RECYCLE) or _argument(probes, "pool_recycle", "max_lifetime")
    evidence: list[Evidence] = []
    oldest = await _oldest(probes, evidence)
    if found is not None:
        limit_seen = f"{found.value:g} seconds ({found.source})"
        evidence.append(observe("age limit of a connection", limit_seen, "effective configuration"))
    limit = stated if stated is not None else (found.value if found else None)
    if limit is not None and oldest is not None and oldest > limit + SLACK_SECONDS:
        return failed(
            f"a connection is {oldest} seconds old, the limit is {limit:g}",
            *evidence,
            mend="let the pool replace old connections",
            patch=f"DATABASE_CONNECTION_RECYCLE_SECONDS={limit:g}",
        )
    if found is None:
        raise Unobservable(
            "no setting or call states an age limit for connections"
            + (f"; the oldest is {oldest} seconds old" if oldest is not None else ""),
            "set it by a variable that says so (..._RECYCLE_SECONDS), or inspect once the service is older than the "
            "limit",
        )
    if found.value <= 0 or (stated is not None and found.value != stated):
        asked = f"{stated:g} seconds" if stated else "to recycle them"
        return failed(
            f"connections are recycled after {found.value:g} seconds ({found.source}), the line says {asked}",
            *evidence,
            mend="set the limit of the line",
            patch=f"DATABASE_CONNECTION_RECYCLE_SECONDS={stated or 3600:g}",
        )
    return passed(f"connections are recycled after {found.value:g} seconds", *evidence)


async def _oldest(probes: Probes, evidence: list[Evidence]) -> int | None:
    if probes.postgres is None:
        return None
    sessions = await probes.postgres.rows(SESSIONS_SQL, APPLICATION_NAME)
    evidence.append(_seen(sessions, await room_of(probes.postgres), probes.postgres))
    return max((int(row["age_seconds"]) for row in sessions), default=None)


async def _ping(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    calls = [
        (match, call)
        for match, call in repo.calls("create_engine", "create_async_engine", "engine_from_config")
        if "NullPool" not in match.text
    ]
    if not calls:
        raise Unobservable(
            f"no engine with a pool is made in {len(repo.find('*.py', aside=False))} Python files: whether a dead "
            f"connection "
            "is noticed shows only when one is cut",
            "run with disruptive checks allowed",
        )
    lines = "\n".join(f"{match.path}:{match.line}: {unsaid(match.text)}" for match, _ in calls)
    evidence = observe("calls that make an engine", lines, repo.vantage)
    without = [match for match, call in calls if keyword(call, "pool_pre_ping") is not True]
    if without:
        return failed(
            f"{len(without)} of {len(calls)} engines are made without pool_pre_ping: "
            f"{without[0].path}:{without[0].line}",
            evidence,
            mend="add pool_pre_ping=True",
            patch="create_engine(url, pool_pre_ping=True)",
        )
    return passed(f"all {len(calls)} engines are made with pool_pre_ping=True", evidence)


POOL = Check(
    id="db.pool.observed",
    requirements=("db.pool",),
    covers=("managed",),
    title="Connections are pooled, as many as the line says, within the server's limit",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_pool,
    documentation=Documentation(
        what="Connections stay open and are used again; their number fits the line and leaves the server headroom.",
        why="Opening a connection costs more than most queries, and PostgreSQL refuses the one beyond max_connections.",
        how_verified="Counts the sessions in pg_stat_activity without the inspector's and people's own, their age "
        "and whether they were used again; "
        "compares the size that a variable, a metric or a call of the pool's maker states with the line's.",
        how_to_mend="Set the pool's size so that processes x size stays under max_connections with room for people.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.pool",
        {"size": 20},
        must_fail=Stage(database=Database(connections=2), environment={"DATABASE_POOL_SIZE": "5"}),
        mended=Stage(database=Database(connections=2), environment={"DATABASE_POOL_SIZE": "20"}),
    ),
)

POOL_RECYCLE = Check(
    id="db.pool_recycle.limit",
    requirements=("db.pool_recycle",),
    title="Old connections are replaced",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_recycle,
    documentation=Documentation(
        what="The pool replaces a connection after the time that the line says, and none is older.",
        why="Firewalls and failovers kill connections silently; one that is never replaced fails a request some "
        "morning.",
        how_verified="A variable or a pool maker's argument states the limit; the oldest session in pg_stat_activity "
        "must be younger.",
        how_to_mend="Set pool_recycle, max lifetime or CONN_MAX_AGE.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.pool_recycle",
        {"seconds": 3600},
        must_fail=Stage(repo={"app/db.py": "engine = create_engine(url, pool_recycle=-1)\n"}),
        mended=Stage(repo={"app/db.py": "engine = create_engine(url, pool_recycle=3600)\n"}),
    ),
)

POOL_PING = Check(
    id="db.pool_ping.declared",
    requirements=("db.pool_ping",),
    title="A dead pooled connection is noticed before use",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_ping,
    documentation=Documentation(
        what="Every SQLAlchemy engine with a pool is made with pool_pre_ping.",
        why="After a failover every pooled connection is dead; without the check each fails one request.",
        how_verified="Reads calls of create_engine in the team's Python code by syntax, without tests, examples and "
        "benchmarks.",
        how_to_mend="pool_pre_ping=True, or a pool that replaces a broken connection and repeats.",
        not_applicable_when="Never; other pools are unknown until a connection is cut.",
    ),
    fixtures=twins(
        "db.pool_ping",
        must_fail=Stage(repo={"app/db.py": "engine = create_async_engine(url, pool_size=20)\n"}),
        mended=Stage(repo={"app/db.py": "engine = create_async_engine(url, pool_size=20, pool_pre_ping=True)\n"}),
    ),
)

CHECKS = (POOL, POOL_RECYCLE, POOL_PING)

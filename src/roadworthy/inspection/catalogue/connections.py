"""Connections to the database as they are in use: encrypted, and given back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import asyncpg

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import (
    counted,
    failed,
    listed,
    not_applicable,
    observe,
    offered,
    passed,
    unknown,
)
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.http import Burst
from roadworthy.inspection.probes.postgres import APPLICATION_NAME, PostgresProbe, Row

REQUESTS = 40
SETTLE_SECONDS = 2.0
FORGOTTEN_SECONDS = 60
TRAFFIC_MIN = REQUESTS // 4
"""Transactions that the requests must have caused; a few come from the server itself and from whoever looks."""
GROWTH_MAX = 10
"""More sessions than a pool opens for requests that come one after the other."""
TOO_MANY, SERVER_ERROR = 429, 500
UNENCRYPTED_SQL = """
select coalesce(nullif(a.application_name, ''), '(no name)') as application, count(*) as sessions
from pg_stat_activity a join pg_stat_ssl s on s.pid = a.pid
where a.datname = current_database() and a.backend_type = 'client backend' and a.client_addr is not null
  and s.ssl is false and a.pid <> pg_backend_pid() and a.application_name <> $1
group by 1 order by 1 limit 50"""
SESSIONS_SQL = """
select pid, state, coalesce(extract(epoch from clock_timestamp() - state_change), 0)::float8 as unchanged_seconds
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
  and application_name <> $1 and application_name !~* '^(psql|pg_dump|dbeaver|pgadmin|datagrip|intellij|tableplus)'
limit 2000"""
TRANSACTIONS_SQL = """
select (xact_commit + xact_rollback)::bigint from pg_stat_database where datname = current_database()"""


async def _encrypted(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    postgres = offered(probes.postgres, "postgres")
    parts = addresses.parse(postgres.dsn)
    protocol = await postgres.encrypted()
    own = observe("this connection, at the address of the service", protocol or "not encrypted", postgres.vantage)
    if not protocol and (not parts.host or parts.host.startswith("/")) and "host=" not in parts.query:
        return not_applicable("the database is reached by a socket of this machine: nothing to encrypt", own)
    if not protocol:
        return failed(
            "the connection to the database is not encrypted",
            own,
            mend="turn ssl on at the server and ask for it in the address",
            patch="DATABASE_URL=...?sslmode=verify-full",
        )
    rows = await postgres.rows(UNENCRYPTED_SQL, APPLICATION_NAME)
    plain = [f"{row['sessions']} of {row['application']}" for row in rows]
    others = observe("pg_stat_ssl, sessions over the network without encryption", listed(plain), postgres.vantage)
    if plain:
        return failed(
            f"this connection is encrypted ({protocol}), those of others are not: {listed(plain, 4)}",
            own,
            others,
            mend="let every program ask for it, and let the server take nothing else",
            patch="hostssl all all all scram-sha-256    # pg_hba.conf, instead of host",
        )
    return passed(f"the connection to the database is encrypted: {protocol}", own, others)


async def _leak(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http, postgres = offered(probes.http, "http"), offered(probes.postgres, "postgres")
    path = await surface.api_path(http)
    before, moved = await _sessions(postgres), await _transactions(postgres)
    began = asyncio.get_running_loop().time()
    # a route that fails is where a connection is forgotten: every other request asks for what is not there
    burst = await http.burst([path, f"{path.partition('?')[0]}/roadworthy-none"], REQUESTS, name="connections")
    await asyncio.sleep(SETTLE_SECONDS)
    after, done = await _sessions(postgres), await _transactions(postgres) - moved
    spent = asyncio.get_running_loop().time() - began
    stuck = [row for row in after if _open_throughout(row, spent)]
    evidence = _counted((len(before), len(after)), len(stuck), burst, done, postgres.vantage)
    refused = sum(answer.status == TOO_MANY for answer in burst.answers)
    if stuck:
        return failed(
            f"{len(stuck)} sessions stand idle in a transaction, untouched while {len(burst.answers)} requests came",
            evidence,
            mend="end the transaction in every way out of a request; end forgotten ones at the server",
            patch="alter role current_user set idle_in_transaction_session_timeout = '30s';",
        )
    if len(after) - len(before) > GROWTH_MAX:
        return failed(
            f"{len(before)} sessions before {len(burst.answers)} requests one after the other, {len(after)} after them",
            evidence,
            mend="give each connection back in every way out of a request, also when it fails",
        )
    if refused > REQUESTS // 2 or done < TRAFFIC_MIN:
        why = f"{refused} were refused" if refused > REQUESTS // 2 else f"the database saw {done} transactions"
        return unknown(f"of {len(burst.answers)} requests {why}: whether connections leak does not show", evidence)
    return passed(
        f"{len(before)} sessions before {len(burst.answers)} requests, {len(after)} after; none held a transaction",
        evidence,
    )


def _open_throughout(row: Row, seconds: float) -> bool:
    return str(row["state"]).startswith("idle in transaction") and float(row["unchanged_seconds"]) >= seconds


async def _sessions(postgres: PostgresProbe) -> Sequence[Row]:
    postgres.forget()
    rows = await postgres.rows(SESSIONS_SQL, APPLICATION_NAME)
    if any(row["state"] is None for row in rows):
        raise Unobservable(
            "the state of other roles' sessions may not be seen", "grant pg_monitor to the role that inspects"
        )
    return rows


async def _transactions(postgres: PostgresProbe) -> int:
    return int(await postgres.value(TRANSACTIONS_SQL))


def _counted(sessions: tuple[int, int], stuck: int, burst: Burst, done: int, vantage: str) -> Evidence:
    errors = sum(answer.status >= SERVER_ERROR for answer in burst.answers)
    before, after = sessions
    return observe(
        f"pg_stat_activity around {counted(len(burst.answers), 'request')}, half of them for what is not there",
        f"{before} sessions before, {after} after; {stuck} idle in transaction all the while; "
        f"{errors} answers were errors; {done} transactions",
        vantage,
        basis=f"stuck: {bool(stuck)}; grown: {after - before > GROWTH_MAX}",
    )


def _using(*, gives_back: bool) -> Callable[[str], Site]:
    """A site whose every request opens a connection, and forgets it or not."""

    def of(dsn: str) -> Site:
        def site() -> Handler:
            tasks: set[asyncio.Task[None]] = set()

            def answer(asked: Asked) -> Reply:
                if asked.path.startswith("/api/items"):
                    tasks.add(asyncio.get_running_loop().create_task(_use(dsn, gives_back=gives_back)))
                if asked.path == "/openapi.json":
                    return reply({"paths": {"/api/items": {"get": {}}}})
                return reply({"items": [1, 2, 3]}) if asked.path == "/api/items" else reply("not found", 404)

            return answer

        return site

    return of


async def _use(dsn: str, *, gives_back: bool) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "fixture-app"})
    await connection.execute("select pg_stat_force_next_flush()" if gives_back else "begin")
    dropped = asyncio.Event()
    connection.add_termination_listener(lambda _: dropped.set())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0 if gives_back else FORGOTTEN_SECONDS):
            await dropped.wait()  # the fixture drops the database, and its connections with it
    await connection.close()


ENCRYPTED = Check(
    id="db.tls.session",
    requirements=("db.tls",),
    title="The connection to the database is encrypted",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_encrypted,
    server_itself=True,
    documentation=Documentation(
        what="A connection with the service's own address is encrypted, and so is every other program's over the "
        "network.",
        why="A password and every row that is read cross the network in the clear otherwise.",
        how_verified="Connects with the target's DSN and asks the socket for its protocol and cipher; pg_stat_ssl for "
        "sessions of other programs, as far as the role may see them.",
        how_to_mend="ssl = on at the server, sslmode=verify-full in the address, hostssl in pg_hba.conf.",
        not_applicable_when="The database is reached by a socket of the same machine.",
    ),
    fixtures=twins("db.tls", must_fail=Stage(database=Database()), mended=Stage(database=Database(tls=True))),
)

LEAK = Check(
    id="db.leak.sessions",
    requirements=("db.leak",),
    title="No connection leaks, also where requests fail",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres", "http"}),
    run=_leak,
    timeout_seconds=60.0,
    provokes=True,
    documentation=Documentation(
        what=f"After {REQUESTS} requests, half of them for what is not there, there are no more sessions than a pool "
        "opens, and none stands idle in a transaction.",
        why="A connection that one failing route forgets each time is a pool that is empty some hours later.",
        how_verified="Counts the sessions of other programs and their states before and after; the requests must have "
        "reached the database, seen by its transactions.",
        how_to_mend="Close or return connections in a finally block or context manager; set "
        "idle_in_transaction_session_timeout.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.leak",
        must_fail=Stage(database=Database(), database_site=_using(gives_back=False)),
        mended=Stage(database=Database(), database_site=_using(gives_back=True)),
    ),
)

CHECKS = (ENCRYPTED, LEAK)

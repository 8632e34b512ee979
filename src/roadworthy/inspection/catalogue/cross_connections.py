"""Pools against the server: what all processes together may open must fit what the server keeps for them."""

from __future__ import annotations

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, not_applicable, observe, offered, passed, setting_of
from roadworthy.inspection.catalogue.pool import Stated, capacity_of, overflow_of, room_of, size_of
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses

POOLERS = ("pgbouncer", "pgcat", "pooler", "odyssey", "pgpool", "supavisor")
USUAL_OVERFLOW = 10
POOLER_PORTS = frozenset({6432, 6543})
ADDRESSES = ("DATABASE_URL", "DATABASE_DSN", "DB_URL", "SQLALCHEMY_DATABASE_URI", "POSTGRES_URL")


async def _fits(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    postgres = offered(probes.postgres, "postgres")
    pooler = _pooler(probes)
    if pooler is not None:
        return not_applicable("the service connects to a pooler, which bounds what reaches the server", pooler)
    size = await size_of(probes)
    overflow = overflow_of(probes) or _usual(probes, size)
    capacity = await capacity_of(probes, size, overflow)
    if capacity is None:
        why = "how many processes serve is not known" if size is not None else "nothing states a pool's size"
        raise Unobservable(
            f"how many connections all processes may open is not to be seen: {why}",
            "name the pool's size in the environment, inspect where the service runs, or publish the limit",
        )
    room = await room_of(postgres)
    stated = _told(capacity, overflow)
    kept = f"{stated}; the server keeps {room} (max_connections without what is reserved)"
    evidence = observe("pools against max_connections", kept, postgres.vantage)
    if capacity.value > room:
        return failed(
            f"all processes may open {capacity.value:g} connections, the server takes {room}",
            evidence,
            mend="smaller pools, fewer processes, or a pooler in between; raising max_connections costs memory",
            patch=_smaller(size, capacity, room),
        )
    return passed(f"all processes may open {capacity.value:g} connections, the server takes {room}", evidence)


def _smaller(size: Stated | None, capacity: Stated, room: int) -> str | None:
    """A size of the pool that fits with a fifth to spare."""
    if size is None or size.of_all:
        return None
    return f"DATABASE_POOL_SIZE={max(1, int(room * 0.8 * size.value // capacity.value))}"


def _told(capacity: Stated, overflow: Stated | None) -> str:
    more = f", each with {overflow.value:g} more ({overflow.source})" if overflow is not None and overflow.value else ""
    return f"{capacity.value:g} connections at the most: {capacity.source}{more}"


def _usual(probes: Probes, size: Stated | None) -> Stated | None:
    """What SQLAlchemy adds to a pool where nothing is said."""
    if size is None or size.of_all or probes.repo is None:
        return None
    made = probes.repo.calls("create_engine", "create_async_engine")
    return Stated(USUAL_OVERFLOW, "SQLAlchemy's default") if made else None


def _pooler(probes: Probes) -> Evidence | None:
    setting = setting_of(probes, *ADDRESSES)
    address = addresses.parse(setting.value) if setting else addresses.Address()
    named = any(word in address.host for word in POOLERS)
    if setting is None or not (named or address.port in POOLER_PORTS):
        return None
    return observe(setting.name, f"leads to {address.place} ({setting.source})", "effective configuration")


SITE = pages({"/": reply("<h1>Jobs</h1>")})
SERVES = Machine((Program("gunicorn app:app", children=4, listens=True),))
FITS = Check(
    id="cross.connections.fit",
    requirements=("cross.connections",),
    title="All pools together fit the database server",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"postgres"}),
    run=_fits,
    documentation=Documentation(
        what="Processes that serve x (pool size + overflow) is no more than max_connections without the reserved ones.",
        why="Every part looks right alone; under load the last worker gets 'too many clients already', and so does "
        "who wants to see why.",
        how_verified="The pool's size and overflow from variables, calls or metrics; the processes that serve; "
        "max_connections, superuser_reserved_connections and reserved_connections as the server says.",
        how_to_mend="Smaller pools, fewer workers, or a pooler in between.",
        not_applicable_when="The service connects to a pooler.",
    ),
    fixtures=twins(
        "cross.connections",
        must_fail=Stage(
            site=SITE,
            machine=SERVES,
            database=Database(),
            environment={"DATABASE_POOL_SIZE": "20", "DATABASE_MAX_OVERFLOW": "400"},
        ),
        mended=Stage(
            site=SITE,
            machine=SERVES,
            database=Database(),
            environment={"DATABASE_POOL_SIZE": "5", "DATABASE_MAX_OVERFLOW": "2"},
        ),
    ),
)

CHECKS = (FITS,)

"""PostgreSQL and Valkey end without a word, under reads, and come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator

import asyncpg
from tests.drills.drill import Conditions, Drill, Report
from tests.drills.product import Product, product, reads
from tests.drills.traffic import Answer, Connection, Tally, Traffic

from roadworthy.contracts.drills import DrillKind

ROUNDS, QUICK_ROUNDS = 20, 2
RATE = 120.0
AWAY_SECONDS = 1.0
RECOVERY_SECONDS = 5.0
WATCHED_SECONDS = 6.0
SHARED = {"rate_limits": "shared", "cache": "shared"}
# Limits that count everything and refuse nothing.
WIDE = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_PER_MINUTE": "1000000", "RATE_LIMIT_PER_HOUR": "10000000"}
WIDE["RATE_LIMIT_PAGES_PER_MINUTE"] = "1000000"


@contextlib.contextmanager
def beside(traffic: Traffic) -> Iterator[Tally]:
    """The traffic flows in a thread of its own: starting a server stops this one for a while."""
    thread = threading.Thread(target=lambda: asyncio.run(traffic.run()), daemon=True)
    thread.start()
    try:
        yield traffic.tally
    finally:
        traffic.stop()
        thread.join(90)
        assert not thread.is_alive(), "the load does not end"


def run(conditions: Conditions) -> Report:
    rounds = 1 if conditions.planted else QUICK_ROUNDS if conditions.quick else ROUNDS
    report = Report(DrillKind.FAILOVER, f"PostgreSQL stopped -m immediate and started {rounds} times under reads")
    databases = conditions.databases
    with product(conditions.folder, databases.postgres.dsn, databases.valkey.url, settings=WIDE) as there:
        _postgres(conditions, there, rounds, report)
        if not conditions.planted:
            kills = 1 if conditions.quick else 5
            report.further["outage_of_valkey"] = Report(
                DrillKind.FAILOVER, f"Valkey (Redis) killed {kills} times under reads"
            )
            _valkey(conditions, there, kills, report.further["outage_of_valkey"])
    return report


def _postgres(conditions: Conditions, there: Product, rounds: int, report: Report) -> None:
    databases = conditions.databases
    back = []
    with beside(Traffic(there.front, reads(asyncio.run(databases.ids())), RATE)) as tally:
        time.sleep(1)
        for _ in range(rounds):
            if conditions.planted:
                asyncio.run(_lock_out(conditions, locked=True))
            databases.kill_postgres()
            time.sleep(AWAY_SECONDS)
            databases.postgres.start()
            back.append(time.monotonic())
            time.sleep(WATCHED_SECONDS)
            if conditions.planted:
                asyncio.run(_lock_out(conditions, locked=False))
    _judge_postgres(report, tally, back)


async def _lock_out(conditions: Conditions, *, locked: bool) -> None:
    """The defect: the service is not let in again when its database is back."""
    admin = await asyncpg.connect(conditions.databases.postgres.admin_dsn)
    try:
        await admin.execute(f"alter role roadworthy connection limit {0 if locked else -1}")
    finally:
        await admin.close()


def _judge_postgres(report: Report, tally: Tally, back: list[float]) -> None:
    failed = [one for one in tally.answers if one.status >= 500 or one.lost]
    recoveries = [_recovery(failed, at) for at in back]
    undeclared = [one for one in tally.answers if one.lost or not one.declared]
    report.figures |= {
        "requests": len(tally.answers),
        "lost": tally.lost(),
        "error_ratio": round(len(failed) / max(1, len(tally.answers)), 4),
        "p99_ms": round(tally.percentile(0.99)),
    }
    report.printed |= {
        "statuses": tally.statuses(),
        "seconds until the last error after PostgreSQL was back": [round(each, 2) for each in recoveries[:20]],
    }
    report.demand(bool(failed), "nobody noticed that PostgreSQL was away: the drill asked for nothing that needs it")
    report.demand(not undeclared, f"{len(undeclared)} answers are not as declared, e.g. {_said(undeclared)}")
    worst = max(recoveries, default=0.0)
    report.demand(worst <= RECOVERY_SECONDS, f"errors went on for {worst:.1f} s after PostgreSQL was back")


def _recovery(failed: list[Answer], back: float) -> float:
    after = [one.due + one.seconds - back for one in failed if 0 < one.due + one.seconds - back < WATCHED_SECONDS]
    return max(after, default=0.0)


def _said(answers: list[Answer]) -> str:
    return f"{answers[0].request}: {answers[0].lost or answers[0].status} {answers[0].body[:200]!r}" if answers else ""


def _valkey(conditions: Conditions, there: Product, rounds: int, report: Report) -> None:
    databases = conditions.databases
    returned, gone = [], 0
    with beside(Traffic(there.front, reads(asyncio.run(databases.ids())), RATE)) as tally:
        assert _shared_within(there, WATCHED_SECONDS) is not None, "limits were not shared before the drill"
        for _ in range(rounds):
            databases.kill_valkey()
            time.sleep(2 * AWAY_SECONDS)
            gone += _health(there, 1)["rate_limits"] == "local"
            databases.valkey.start()
            returned.append(_shared_within(there, WATCHED_SECONDS))
    bad = [one for one in tally.answers if one.lost or one.status >= 500]
    report.figures |= {
        "requests": len(tally.answers),
        "lost": tally.lost(),
        "error_ratio": round(len(bad) / max(1, len(tally.answers)), 5),
    }
    report.printed |= {
        "statuses while Valkey was killed": tally.statuses(),
        "p99 while Valkey was killed, ms": round(tally.percentile(0.99)),
        "seconds until limits and cache were shared again": [each and round(each, 2) for each in returned],
    }
    report.demand(gone == rounds, "the service did not say that its limits are local without Valkey")
    report.demand(not bad, f"{len(bad)} requests failed while Valkey was away, e.g. {_said(bad)}")
    report.demand(None not in returned, f"limits and cache were not shared again within {WATCHED_SECONDS} s")


def _shared_within(there: Product, seconds: float) -> float | None:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        documents = [_health(there, number) for number in (1, 2)]
        if all(SHARED.items() <= document.items() for document in documents):
            return time.monotonic() - started
        time.sleep(0.1)
    return None


def _health(there: Product, number: int) -> dict[str, object]:
    async def ask() -> Answer:
        connection = Connection(there.instance(number))
        try:
            return await connection.ask(time.monotonic(), "GET", "/health")
        finally:
            connection.close()

    document: dict[str, object] = json.loads(asyncio.run(ask()).body or b"{}")
    return document


DRILL = Drill(
    "outages",
    "PostgreSQL and Valkey end without a word and come back",
    "the service is not let in again when PostgreSQL is back",
    run,
)

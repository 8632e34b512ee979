"""Reloads under load: through the nginx that we ship, and straight at a server beside gunicorn."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from tests.drills.drill import Conditions, Drill, Report
from tests.drills.product import Product, finished, product, reads
from tests.drills.traffic import LATE, REFUSED, UNANSWERED, Connection, Tally, Target, Traffic
from tests.ports import free_ports
from tests.processes import started, wait_until

from roadworthy.contracts.drills import DrillKind

RELOADS, QUICK_RELOADS = 50, 3
STOPS, QUICK_STOPS = 15, 2
RATE = 150.0
CLIENTS = 100
FLOOD_SECONDS = 0.7
GUNICORN = "gunicorn"
UNLIMITED = {"RATE_LIMIT_ENABLED": "false", "LOG_LEVEL": "WARNING"}
RELOAD_TIMEOUT_SECONDS = 120.0

APP = """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
OURS = """
import sys
from app import app
from roadworthy.chassis.edge.wrap import wrap
from roadworthy.chassis.server import serve
serve(lambda: wrap(app), host="127.0.0.1", port=int(sys.argv[1]), processes=2, drain_seconds=10)
"""


def run(conditions: Conditions) -> Report:
    reloads = 1 if conditions.planted else QUICK_RELOADS if conditions.quick else RELOADS
    report = Report(DrillKind.RELOAD, f"{reloads} reloads under load, through nginx with two instances")
    databases = conditions.databases
    with product(conditions.folder, databases.postgres.dsn, databases.valkey.url) as there:
        seconds, tally = asyncio.run(_behind_nginx(conditions, there, reloads))
        if not conditions.planted:
            report.further["stops"] = _stops(conditions, there)
    _judge(report, tally, seconds, reloads)
    return report


def _stops(conditions: Conditions, there: Product) -> Report:
    times = QUICK_STOPS if conditions.quick else STOPS
    report = Report(DrillKind.SHUTDOWN, f"an instance stopped {times} times while {CLIENTS} clients connect and write")
    seen = asyncio.run(_stopped_in_a_flood(there, times))
    report.figures |= {
        "requests": seen["answered"],
        "in_flight": seen["in flight"],
        "lost": seen[UNANSWERED] + seen[LATE],
    }
    report.printed[f"straight at an instance, {times} stops under a flood of new connections"] = dict(seen)
    report.demand(not report.figures["lost"], f"straight at an instance: {dict(seen)}")
    report.demand(seen["answered"] > 0 and seen["in flight"] > 0, f"nothing was under way at any stop: {dict(seen)}")
    for name, command in _servers(conditions).items():
        beside = asyncio.run(_straight(conditions, name, command, times))
        report.printed[f"the same at {name} with an app that does nothing"] = beside
        report.demand(beside["answered"] > 0, f"{name} never answered")
        report.demand(name == GUNICORN or not beside[UNANSWERED], f"straight at {name}: {beside}")
    return report


async def _stopped_in_a_flood(there: Product, times: int) -> Counter[str]:
    """The keeper starts each anew: the clients are refused meanwhile, and come back."""
    seen = _nothing_yet()
    stopped = asyncio.Event()
    clients = [
        asyncio.create_task(_knock(there.instance(1), "/api/jobs", stopped.is_set, seen)) for _ in range(CLIENTS)
    ]
    for _ in range(times):
        await asyncio.sleep(FLOOD_SECONDS)
        instance = there.instances()[0]
        assert instance.pid is not None
        os.kill(instance.pid, signal.SIGTERM)
        await asyncio.sleep(float(there.environment["READINESS_WAIT_SECONDS"]))
        seen["in flight"] += seen["now"]
        deadline = time.monotonic() + RELOAD_TIMEOUT_SECONDS
        while there.instances()[0].pid == instance.pid or not await asyncio.to_thread(there.ready, 2):
            assert time.monotonic() < deadline, there.said()
            await asyncio.sleep(0.1)
    stopped.set()
    await asyncio.wait_for(asyncio.gather(*clients), 60)
    del seen["now"]
    return seen


def _nothing_yet() -> Counter[str]:
    return Counter({"answered": 0, REFUSED: 0, UNANSWERED: 0, LATE: 0, "in flight": 0, "now": 0})


def _judge(report: Report, tally: Tally, seconds: list[float], reloads: int) -> None:
    statuses = tally.statuses()
    lost = tally.lost()
    report.figures |= {
        "requests": len(tally.answers),
        "lost": lost,
        "replicas": 2,
        "p99_ms": round(tally.percentile(0.99), 1),
        "error_ratio": round(sum(n for status, n in statuses.items() if status >= 500) / len(tally.answers), 5),
    }
    report.printed |= {
        "statuses": statuses,
        "refused, unanswered, late": [tally.lost(how) for how in (REFUSED, UNANSWERED, LATE)],
        "slowest answer, ms": round(tally.percentile(1.0)),
        "seconds a reload": [round(each, 1) for each in seconds[:5]],
    }
    report.demand(len(seconds) == reloads, f"{len(seconds)} of {reloads} reloads succeeded")
    report.demand(not lost, f"{lost} requests were refused or got no answer")
    report.demand(not any(status >= 500 for status in statuses), f"answers of 5xx: {statuses}")
    report.demand(statuses.get(200, 0) > 0 and statuses.get(405, 0) > 0, f"too little was asked: {statuses}")


async def _behind_nginx(conditions: Conditions, there: Product, reloads: int) -> tuple[list[float], Tally]:
    ids = await conditions.databases.ids()
    traffic = Traffic(there.front, reads(ids), RATE)
    seconds = []
    async with traffic.flowing() as tally:
        await asyncio.sleep(1)
        for _ in range(reloads):
            began = time.monotonic()
            if conditions.planted:
                await _all_at_once(there)
            elif await finished(there.run("reload"), RELOAD_TIMEOUT_SECONDS) != 0:
                break
            seconds.append(time.monotonic() - began)
    return seconds, tally


async def _all_at_once(there: Product) -> None:
    """The defect: every instance is restarted at the same time."""
    before = {one.pid for one in there.instances()}
    for one in there.instances():
        assert one.pid is not None
        os.kill(one.pid, signal.SIGTERM)
    deadline = time.monotonic() + RELOAD_TIMEOUT_SECONDS
    while before & {one.pid for one in there.instances()} or not await asyncio.to_thread(there.ready, 2):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def _servers(conditions: Conditions) -> dict[str, Sequence[str]]:
    folder = conditions.folder / "straight"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(APP)
    (folder / "ours.py").write_text(OURS)
    gunicorn = [sys.executable, "-m", "gunicorn", "app:app", "-w", "2", "-k", "uvicorn_worker.UvicornWorker"]
    return {"our server": [sys.executable, "ours.py", "PORT"], GUNICORN: [*gunicorn, "-b", "127.0.0.1:PORT"]}


async def _straight(conditions: Conditions, name: str, command: Sequence[str], times: int) -> dict[str, int]:
    """Stops under a flood of new connections: a request each, as fast as they go."""
    folder = conditions.folder / "straight"
    lost = _nothing_yet()
    for _ in range(times):
        port = free_ports(1)
        there = [word.replace("PORT", str(port)) for word in command]
        with started(there, {**os.environ, **UNLIMITED}, folder / f"{name}.log", folder) as process:
            wait_until(partial(_listens_or_ended, port, process), (folder / f"{name}.log").read_text)
            clients = [
                asyncio.create_task(_knock(Target(port, "localhost"), "/", lambda: _ended(process), lost))
                for _ in range(CLIENTS)
            ]
            await asyncio.sleep(FLOOD_SECONDS)
            lost["in flight"] += lost["now"]
            process.send_signal(signal.SIGTERM)
            await finished(process, 30)
            await asyncio.wait_for(asyncio.gather(*clients), 30)
    del lost["now"]
    return dict(lost)


async def _knock(target: Target, path: str, is_over: Callable[[], bool], seen: Counter[str]) -> None:
    """A request on a connection of its own, again and again."""
    while not is_over():
        connection = Connection(target)
        seen["now"] += 1
        answer = await connection.ask(time.monotonic(), "POST", path, b"{}")
        seen["now"] -= 1
        connection.close()
        seen[answer.lost or "answered"] += 1
        if answer.lost == REFUSED:
            await asyncio.sleep(0.02)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _listens_or_ended(port: int, process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None or _listens(port)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


DRILL = Drill(
    "reload",
    "Reloads under load lose no request",
    "every instance is restarted at the same time",
    run,
)

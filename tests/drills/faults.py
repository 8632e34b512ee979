"""Every endpoint of the API while PostgreSQL or Valkey is behind a line that delays, cuts, slices or swallows."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.drills.drill import Conditions, Drill, Report
from tests.drills.faultproxy import FAULTS, NONE, Fault, FaultProxy
from tests.drills.product import Product, product
from tests.drills.traffic import Answer, Connection

from roadworthy.contracts.drills import DrillKind

TIMES, QUICK_TIMES = 20, 2
DEADLINE_SECONDS = 3.0
# The timer that ends requests ticks every 0.05 s; two busy cores add the rest.
GRACE_SECONDS = 0.7
RECOVERY_SECONDS = 5.0
PAGES = ("/", "/jobs", "/companies")
LIMITS = {
    "REQUEST_TIMEOUT_SECONDS": f"{DEADLINE_SECONDS:g}",
    "DATABASE_ACQUIRE_TIMEOUT_SECONDS": "2",
    "DATABASE_STATEMENT_TIMEOUT_SECONDS": "2",
    "DOCS_ENABLED": "true",
    "RATE_LIMIT_ENABLED": "true",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "RATE_LIMIT_PER_HOUR": "10000000",
    "RATE_LIMIT_PAGES_PER_MINUTE": "1000000",
}
DEFECT = {name: "8" for name in LIMITS if name.endswith("TIMEOUT_SECONDS")}


def run(conditions: Conditions) -> Report:
    report = Report(DrillKind.FAULTS, "every endpoint behind a faulty line to PostgreSQL, then to Valkey")
    databases = conditions.databases
    dsn, url = databases.postgres.dsn, databases.valkey.url
    with (
        FaultProxy(("127.0.0.1", databases.postgres.port)) as postgres,
        FaultProxy(("127.0.0.1", databases.valkey.port)) as valkey,
        product(
            conditions.folder,
            dsn.replace(f":{databases.postgres.port}/", f":{postgres.port}/"),
            url.replace(f":{databases.valkey.port}/", f":{valkey.port}/"),
            settings=LIMITS | DEFECT if conditions.planted else LIMITS,
        ) as there,
    ):
        lines = {"PostgreSQL": postgres} if conditions.planted else {"PostgreSQL": postgres, "Valkey": valkey}
        faults = [one for one in FAULTS if one.black_hole] if conditions.planted else FAULTS
        asyncio.run(_every(conditions, there, lines, faults, report))
    return report


async def _every(
    conditions: Conditions, there: Product, lines: dict[str, FaultProxy], faults: Sequence[Fault], report: Report
) -> None:
    ids = await conditions.databases.ids()
    paths = [*await _paths(there), *PAGES]
    report.printed["endpoints"] = len(paths)
    report.demand(len(paths) > len(PAGES) + 3, f"the OpenAPI document names only {paths}")
    wrong = {one.request: one.status for one in await _ask_all(there, paths, ids, 1) if one.status != 200}
    assert not wrong, f"not answered without any fault either: {wrong}"
    times = 1 if conditions.planted else QUICK_TIMES if conditions.quick else TIMES
    slowest, requests = 0.0, 0
    for name, line in lines.items():
        for fault in faults:
            line.set(fault)
            answers = await _ask_all(there, paths, ids, times)
            line.set(NONE)
            slowest = max(slowest, *(one.seconds for one in answers))
            requests += len(answers)
            _judge(report, f"{name}, {fault.name}", answers, required=name == "PostgreSQL")
            if not conditions.planted:
                await _recovers(report, f"{name}, {fault.name}", there, paths, ids)
    report.figures |= {"requests": requests, "p99_ms": round(slowest * 1000)}


async def _paths(there: Product) -> Sequence[str]:
    """A path for each GET of the document; NUMBER and ID are to be filled in, so that no cache knows the answer."""
    answer = await _ask(there, "/docs/openapi.json")
    assert answer.status == 200, f"no OpenAPI document: {answer}"
    listed = json.loads((await _ask(there, "/api/companies")).body)["items"]
    known = {"slug": str(listed[0]["slug"]), "company": str(listed[0]["slug"])}
    operations = {
        template: methods["get"] for template, methods in json.loads(answer.body)["paths"].items() if "get" in methods
    }
    return [_filled(template, known) + _query(operation) for template, operation in operations.items()]


def _filled(template: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], "ID"), template)


def _query(operation: Mapping[str, Any]) -> str:
    asked = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    query = [f"{one['name']}=spa" for one in asked if one.get("required")]
    query += ["limit=NUMBER" for one in asked if one["name"] == "limit"]
    return "?" + "&".join(query) if query else ""


async def _ask(there: Product, path: str) -> Answer:
    connection = Connection(there.front)
    try:
        return await connection.ask(time.monotonic(), "GET", path)
    finally:
        connection.close()


async def _ask_all(there: Product, paths: Sequence[str], ids: Sequence[int], times: int) -> list[Answer]:
    """Each path `times`, with a query that no cache knows, all paths at once."""

    async def one(path: str) -> list[Answer]:
        return [
            await _ask(there, path.replace("NUMBER", str(number)).replace("ID", str(ids[number])))
            for number in range(1, times + 1)
        ]

    return [answer for answers in await asyncio.gather(*map(one, paths)) for answer in answers]


def _judge(report: Report, what: str, answers: Sequence[Answer], *, required: bool) -> None:
    slowest = max(answers, key=lambda one: one.seconds)
    statuses: dict[int, int] = {}
    for one in answers:
        statuses[one.status] = statuses.get(one.status, 0) + 1
    report.printed[what] = f"{dict(sorted(statuses.items()))}, slowest {slowest.seconds * 1000:.0f} ms"
    wrong = [one for one in answers if one.lost or not one.declared or (not required and one.status >= 500)]
    example = _words(wrong[0]) if wrong else ""
    report.demand(not wrong, f"{what}: {len(wrong)} answers not as declared, e.g. {example}")
    late = [one for one in answers if one.seconds > DEADLINE_SECONDS + GRACE_SECONDS]
    report.demand(not late, f"{what}: {len(late)} answers after the deadline, {_words(slowest)}")


def _words(answer: Answer) -> str:
    return f"{answer.request}: {answer.lost or answer.status} in {answer.seconds:.1f} s, {answer.body[:150]!r}"


async def _recovers(report: Report, what: str, there: Product, paths: Sequence[str], ids: Sequence[int]) -> None:
    started = time.monotonic()
    while any(one.status != 200 for one in await _ask_all(there, paths, ids, 1)):
        if time.monotonic() - started > RECOVERY_SECONDS:
            report.demand(False, f"{what}: no recovery within {RECOVERY_SECONDS} s")
            return
        await asyncio.sleep(0.1)


DRILL = Drill(
    "faults",
    "Every endpoint does what is declared while its databases are behind a faulty line",
    "requests have eight seconds, not the three that they are declared to have",
    run,
)

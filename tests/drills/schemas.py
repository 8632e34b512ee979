"""schemathesis makes up requests from the OpenAPI document: no answer of 5xx, none that it does not describe."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.drills.drill import Conditions, Drill, Report
from tests.drills.product import Product, product
from tests.drills.traffic import Answer, Connection
from tests.front import HOST

from roadworthy.contracts.drills import DrillKind

EXAMPLES, QUICK_EXAMPLES = 400, 15
SEED = 42
TIMEOUT_SECONDS = 900
EDGE = ("413", "429", "503")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


def run(conditions: Conditions) -> Report:
    examples = 3 if conditions.planted else QUICK_EXAMPLES if conditions.quick else EXAMPLES
    report = Report(DrillKind.CONTRACT, f"schemathesis, {examples} examples an operation and phase")
    databases = conditions.databases
    settings = {"DOCS_ENABLED": "true"}
    with product(conditions.folder, databases.postgres.dsn, databases.valkey.url, settings=settings) as there:
        document = json.loads(asyncio.run(_get(there, "/docs/openapi.json")).body)
        _judge_document(report, document)
        if conditions.planted:
            _lie(document)
        _run(conditions.folder, there, document, examples, report)
    return report


def _judge_document(report: Report, document: Mapping[str, Any]) -> None:
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "responses" in operation
    }
    silent = [name for name, one in operations.items() if not set(EDGE) <= set(one["responses"])]
    report.printed["operations"] = len(operations)
    report.demand(bool(operations), "the document describes nothing")
    report.demand(not silent, f"these do not say that they may answer {', '.join(EDGE)}: {silent}")


def _lie(document: dict[str, Any]) -> None:
    """The defect: the document promises a field that no answer has."""
    for schema in document["components"]["schemas"].values():
        if "id" in schema.get("properties", {}):
            schema["properties"]["promised"] = {"type": "string"}
            schema["required"] = [*schema.get("required", []), "promised"]


def _run(folder: Path, there: Product, document: Mapping[str, Any], examples: int, report: Report) -> None:
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(file)]
    command += ["--url", f"http://127.0.0.1:{there.port}", "-H", f"Host: {HOST}", "--seed", str(SEED)]
    command += ["--max-examples", str(examples), "--checks", ",".join(CHECKS), "--no-color"]
    command += ["--report", "ndjson", "--report-ndjson-path", str(folder / "events.ndjson")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=folder, check=False)
    (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    statuses = _statuses(folder / "events.ndjson")
    report.figures["requests"] = sum(statuses.values())
    report.printed["statuses"] = dict(sorted(statuses.items()))
    report.demand(done.returncode == 0, f"schemathesis found something:\n{_told(done.stdout + done.stderr)}")
    report.demand(not any(status >= 500 for status in statuses), f"answers of 5xx: {statuses}")
    report.demand(statuses.get(200, 0) > examples, f"too few good requests to tell: {statuses}")


def _statuses(events: Path) -> dict[int, int]:
    """How often each status was answered, counted in whatever event holds answers."""
    found: dict[int, int] = {}

    def look(value: object) -> None:
        if isinstance(value, dict):
            status = value.get("status_code")
            if isinstance(status, int) and "headers" in value:
                found[status] = found.get(status, 0) + 1
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for line in events.read_text().splitlines() if events.exists() else ():
        look(json.loads(line))
    return found


def _told(output: str) -> str:
    start = output.find("FAILURES")
    return output[start : start + 3000] if start >= 0 else output[-3000:]


async def _get(there: Product, path: str) -> Answer:
    connection = Connection(there.instance(1))
    try:
        return await connection.ask(time.monotonic(), "GET", path)
    finally:
        connection.close()


DRILL = Drill(
    "schemas",
    "The API answers as its document says, whatever is asked",
    "the document promises a field that no answer has",
    run,
)

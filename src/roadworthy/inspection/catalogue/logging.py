"""Logs: written where and as the line says, readable by machines, followed by an id, rotated."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.surface import NOWHERE
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.redaction import redact

CANARY = "roadworthy-canary-"
WAIT_SECONDS = 4.0
POLL_SECONDS = 0.1
FRESH_SECONDS = 86_400
LINES_MIN = 5
SHARE_PARSED = 0.95
REQUEST_ID = "X-Request-ID"
ROTATED = re.compile(
    r"\.(?:log\.\d+|log-\d{6,}|\d+\.log|log\.\d{4}-\d\d)(?:\.gz|\.zst)?$|-\d{4}-\d\d-\d\d|[-_]\d{8}\.log$"
)
DOCKER = Path("/var/lib/docker")
LEVEL_NAMES = ("LOG_LEVEL", "LOGLEVEL", "LOGGING_LEVEL")
_TIMES = frozenset({"time", "timestamp", "ts", "@timestamp", "asctime"})
_LEVELS = frozenset({"level", "severity", "levelname", "lvl"})
_WORDS = frozenset({"msg", "message", "event"})


@dataclass(frozen=True, slots=True)
class Written:
    """The line about a request of ours: in which file, and what it says."""

    file: Path
    line: str


async def canary(probes: Probes, headers: dict[str, str] | None = None) -> Written | None:
    """Ask for an address that nobody else asks for, and wait for the line about it; None if none came."""
    http, logs = offered(probes.http, "http"), offered(probes.logs, "logs")
    mark = logs.mark()
    word = f"{CANARY}{secrets.token_hex(6)}"
    await http.get(f"/{word}", headers=headers or {})
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        for one in logs.files():
            added = logs.since(one.path, mark.get(one.path, 0))
            found = next((line for line in added.splitlines() if word in line), None)
            if found is not None:
                return Written(one.path, found.replace(word, f"{CANARY}..."))
        await asyncio.sleep(POLL_SECONDS)
    return None


async def _configured(probes: Probes, requirement: Requirement) -> Verdict:
    evidence: list[Evidence] = []
    problem = _setting_problem(probes, requirement, evidence)
    if not problem:
        problem = _place_problem(probes, requirement, evidence)
    if problem:
        return failed(
            problem, *evidence, mend="configure the log as the line says, or mend the line", patch=_patch(requirement)
        )
    written = await canary(probes)
    logs = offered(probes.logs, "logs")
    text = (
        f"{written.file.name}: {redact(written.line, probes.secrets())[:300]}"
        if written
        else f"no line in {len(logs.files())} files"
    )
    evidence.append(observe("a request, and the line about it", text, logs.vantage, basis=f"written: {bool(written)}"))
    if written is None:
        return failed(
            f"a request left no line in {listed([one.path.name for one in logs.files()], 5)}",
            *evidence,
            mend="log requests, at level INFO or below",
        )
    return passed(f"a request is logged in {written.file.name}", *evidence)


def _setting_problem(probes: Probes, requirement: Requirement, evidence: list[Evidence]) -> str:
    """A variable or a level that the line states, against what is in effect."""
    name, stated = requirement.text("name"), requirement.text("value") or requirement.text("level")
    if not name and not requirement.text("level"):
        return ""
    config = offered(probes.config, "config")
    setting = config.get(*([name] if name else LEVEL_NAMES))
    words = (
        f"{setting.name} is {setting.value} ({setting.source})"
        if setting
        else f"not set; looked at: {config.looked_at}"
    )
    evidence.append(observe(name or LEVEL_NAMES[0], words, config.vantage))
    if setting is None:
        return f"{name or LEVEL_NAMES[0]} is not set"
    if stated and setting.value.lower() != stated.lower():
        return f"{setting.name} is {setting.value}, the line says {stated}"
    return ""


def _place_problem(probes: Probes, requirement: Requirement, evidence: list[Evidence]) -> str:
    """Files that the line names, against those that are there."""
    wanted = [*requirement.names("names"), *(requirement.names("path"))]
    if not wanted:
        return ""
    files = {one.path: one for one in offered(probes.logs, "logs").files()}
    missing = [name for name in wanted if not _there(probes, name, files)]
    text = f"asked for: {listed(wanted)}; there: {listed([path.name for path in files])}"
    evidence.append(observe("log files", text, "log files on this machine", basis=f"missing: {listed(missing)}"))
    return f"there is no log {listed(missing)}; there is {listed([path.name for path in files], 5)}" if missing else ""


def _there(probes: Probes, name: str, files: Collection[Path]) -> bool:
    """A file of this name among the logs; a whole path on this machine, and for a folder something fresh in it."""
    if not name.startswith("/"):
        return any(path.name == Path(name).name for path in files)
    if probes.host is None:
        raise Unobservable(f"{name}: the machine is not offered", "[host] local = true, on the machine that serves")
    fresh = [*probes.host.paths(name.lstrip("/").rstrip("/")), *probes.host.paths(f"{name.strip('/')}/*")]
    return any(time.time() - path.stat().st_mtime < FRESH_SECONDS for path in fresh)


def _patch(requirement: Requirement) -> str | None:
    name = requirement.text("name")
    return f"{name}={requirement.text('value')}" if name else None


async def _structured(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    logs = offered(probes.logs, "logs")
    written = await canary(probes)
    if written is None:
        raise Unobservable(
            "a request of ours left no line: which file is the service's is not known", "[logs] path names it"
        )
    lines = [line for line in logs.tail(written.file).splitlines()[1:] if line.strip()]
    parsed = [line for line in lines if _fields(line)]
    share = len(parsed) / len(lines) if lines else 0.0
    evidence = observe(
        f"the end of {written.file.name}",
        f"{len(parsed)} of {len(lines)} lines are JSON with time, level and message",
        logs.vantage,
        basis=f"over {SHARE_PARSED:.0%}: {share >= SHARE_PARSED}",
    )
    if share >= SHARE_PARSED and len(lines) >= LINES_MIN:
        return passed(f"{written.file.name} holds JSON lines", evidence)
    if len(lines) < LINES_MIN:
        return unknown(
            f"{written.file.name} has only {len(lines)} lines", evidence, mend="use the service, then inspect"
        )
    return failed(
        f"{share:.0%} of the lines in {written.file.name} are JSON with time, level and message",
        evidence,
        mend="write one JSON object a line",
        patch="LOG_FORMAT=json",
    )


def _fields(line: str) -> bool:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and all(set(found) & names for names in (_TIMES, _LEVELS, _WORDS))


async def _followed(probes: Probes, requirement: Requirement) -> Verdict:
    http, logs = offered(probes.http, "http"), offered(probes.logs, "logs")
    header, sent = requirement.text("header", REQUEST_ID), secrets.token_hex(8)
    answer = await http.get("/", headers={header: sent})
    returned = answer.headers.get(header.lower(), "")
    beside = await http.get(NOWHERE, headers={header: sent})
    where = f"every answer ({NOWHERE} as well)" if beside.headers.get(header.lower()) else "the answer"
    written = await canary(probes, {header: sent})
    in_log = bool(written and (sent in written.line or (returned and returned in written.line)))
    same = "the id sent" if returned == sent else "an id of its own" if returned else "no id"
    evidence = [observe(f"GET / with {header}", f"the answer carries {same}", http.vantage)]
    evidence.append(observe("the line about a request", f"holds the id: {in_log}", logs.vantage))
    if not returned:
        return failed(
            f"answers carry no {header}", *evidence, mend="give each request an id, in the answer and in every log line"
        )
    if written is None:
        return unknown(
            "answers carry an id; no log line was seen", *evidence, mend="[logs] path names the service's log"
        )
    if not in_log and returned == sent:
        return failed(
            "answers carry an id, log lines do not", *evidence, mend="put the request id into the log's context"
        )
    if returned != sent and not re.search(r"request.?id|\brid\b|trace", written.line, re.IGNORECASE):
        return failed("log lines carry no request id", *evidence, mend="put the request id into the log's context")
    return passed(f"{header} is in {where}, {same}, and in the log", *evidence)


async def _rotated(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    logs = offered(probes.logs, "logs")
    files = [one.path for one in logs.files() if not ROTATED.search(one.path.name)] or [
        one.path for one in logs.files()
    ]
    siblings = {file: _rotated_siblings(file) for file in files}
    rules = (
        probes.host.files("etc/logrotate.d/*", "etc/logrotate.conf", "etc/docker/daemon.json") if probes.host else {}
    )
    naming = {file: [path for path, text in rules.items() if _names(path, text, file)] for file in files}
    seen, told = _together(siblings), _together(naming)
    evidence = [observe("rotated files beside the log", listed(seen), logs.vantage, basis=str(bool(seen)))]
    evidence.append(
        observe(
            "logrotate and Docker rules that name the log",
            f"{listed(told)}; {len(rules)} looked at",
            "this machine",
            basis=listed(told),
        )
    )
    bare = [file.name for file in files if not siblings[file] and not naming[file]]
    if not bare:
        how = f"rotated files are there: {listed(seen, 3)}" if seen else f"{told[0]} rotates the log"
        return passed(how, *evidence)
    if len(bare) < len(files):
        return unknown(f"nothing is seen to rotate {listed(bare, 3)}", *evidence, mend="name it in a logrotate rule")
    if probes.host is None:
        return unknown(
            "no rotated file is there, and the machine's rules can't be seen", *evidence, mend="[host] local = true"
        )
    rule = f"{files[0]} {{\n    daily\n    rotate 14\n    compress\n    missingok\n    copytruncate\n}}"
    return failed("nothing rotates the log", *evidence, mend="let logrotate do it", patch=rule)


def _together(by_file: Mapping[Path, Sequence[str]]) -> Sequence[str]:
    return sorted({name for names in by_file.values() for name in names})


def _rotated_siblings(file: Path) -> Sequence[str]:
    """Older parts of this very log: their names begin with its own, up to a date in it."""
    stem = re.sub(r"[-_.]\d{4}-?\d\d-?\d\d$", "", file.stem)
    others = (path.name for path in file.parent.iterdir() if path.name != file.name)
    return [name for name in others if re.match(rf"{re.escape(stem)}[-_.]", name) and ROTATED.search(name)]


def _names(path: str, text: str, file: Path) -> bool:
    """Whether a rule is about this log; Docker's only about what Docker itself writes."""
    if not path.endswith("daemon.json"):
        return _covers(text, file)
    try:
        options = json.loads(text).get("log-opts", {})
    except (ValueError, AttributeError, RecursionError):
        return False
    return file.is_relative_to(DOCKER) and isinstance(options, dict) and "max-size" in options


def _covers(text: str, file: Path) -> bool:
    lines = (line.partition("#")[0].replace("{", " ") for line in text.splitlines())
    return any(file.match(word) for line in lines for word in line.split() if word.startswith("/"))


def _logging(line: str) -> Callable[[Path], Site]:
    """A site that writes `line` about every request into a folder, with its path and request id filled in."""

    def make(folder: Path) -> Site:
        def answer(asked: Asked) -> Reply:
            given = asked.headers.get("x-request-id", "")
            with (folder / "app.log").open("a") as log:
                log.write(line.replace("PATH", asked.path).replace("ID", given) + "\n")
            return reply("<h1>Jobs</h1>", x_request_id=given)

        return lambda: answer

    return make


JSON_LINE = '{"time": "2026-01-02T03:04:05Z", "level": "info", "event": "GET PATH", "request_id": "ID"}'
CONFIGURED = Check(
    id="log.conf.written",
    requirements=("log.conf",),
    title="A request is logged, where and as the line says",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset(),
    run=_configured,
    documentation=Documentation(
        what="The variable, level and files that the line names are in effect, and a request leaves a line.",
        why="The log that nobody looked at is empty on the day that it is needed.",
        how_verified="Reads the variables; looks for the files; asks for an address that nobody else asks for, and "
        "waits for the line.",
        how_to_mend="LOG_LEVEL=INFO, LOG_FILE or standard output, an access log.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "log.conf",
        must_fail=Stage(logging_site=_logging("nothing"), logs={"app.log": "started\n"}),
        mended=Stage(logging_site=_logging("GET PATH"), logs={"app.log": "started\n"}),
    ),
)

STRUCTURED = Check(
    id="log.structured.json",
    requirements=("log.structured",),
    title="Logs are JSON lines",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "logs"}),
    run=_structured,
    documentation=Documentation(
        what=f"{SHARE_PARSED:.0%} of the last lines of the service's log are JSON objects with time, level and "
        "message.",
        why="What a machine can read can be searched, counted and alerted on.",
        how_verified="Finds the file by a request of ours, and parses its end.",
        how_to_mend="structlog, pino, slog: one object a line.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "log.structured",
        must_fail=Stage(logging_site=_logging("GET PATH"), logs={"app.log": "GET /\n" * 9}),
        mended=Stage(logging_site=_logging(JSON_LINE), logs={"app.log": f"{JSON_LINE}\n" * 9}),
    ),
)

FOLLOWED = Check(
    id="log.reqid.followed",
    requirements=("log.reqid",),
    title="A request can be followed by its id",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "logs"}),
    run=_followed,
    documentation=Documentation(
        what="The answer carries a request id, and so does the line about the request.",
        why="With it a user's screenshot leads to the line, and the line to all others of that request.",
        how_verified="Sends an id, and looks for it or the service's own in the answer and the log.",
        how_to_mend="Take or make X-Request-ID at the edge; bind it to the log's context.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "log.reqid",
        must_fail=Stage(logging_site=_logging("GET PATH"), logs={"app.log": "started\n"}),
        mended=Stage(logging_site=_logging(JSON_LINE), logs={"app.log": "started\n"}),
    ),
)

ROTATION = Check(
    id="log.rotate.files",
    requirements=("log.rotate",),
    title="Logs are rotated",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"logs"}),
    run=_rotated,
    documentation=Documentation(
        what="Rotated files lie beside the log, or a rule of logrotate or Docker covers it.",
        why="A log without an end fills the disk, and takes the database with it.",
        how_verified="Names of files beside the log; /etc/logrotate.d and Docker's log options.",
        how_to_mend="logrotate, or a handler that rotates.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "log.rotate",
        must_fail=Stage(logs={"app.log": "started\n"}, machine=Machine()),
        mended=Stage(logs={"app.log": "started\n", "app.log.1": "older\n"}, machine=Machine()),
    ),
)

CHECKS = (CONFIGURED, STRUCTURED, FOLLOWED, ROTATION)

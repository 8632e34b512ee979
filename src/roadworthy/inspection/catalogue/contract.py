"""What the service documents of itself, held against how it answers: status codes, bad input, lists in pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import openapi, surface
from roadworthy.inspection.catalogue.answers import TRACES
from roadworthy.inspection.catalogue.declaring import Run, check
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.openapi import Operation
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.items import items
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes.http import Answer, HttpProbe
from roadworthy.inspection.probes.sessions import visit

OPERATIONS_LIMIT = 10
BROKEN, OK, CREATED = 500, 200, 201
WALLS = frozenset({401, 403})
REFUSED_INPUT = frozenset({400, 406, 409, 411, 413, 415, 422})
MISSING = frozenset({404, 410})
JSON = {"content-type": "application/json", "accept": "application/json"}
MALFORMED = b'{"roadworthy": '
UNKNOWN_ID = "00000000-0000-4000-8000-00000000dead"
LIMITS = re.compile(r"^(?:limit|per_?page|page_?size|size|take|first|top|\$top|count|max_?results)$", re.IGNORECASE)
STEPS = re.compile(
    r"^(?:offset|page|cursor|after|before|skip|start|page_?token|continuation|page\[\w+\])$", re.IGNORECASE
)


async def documented(http: HttpProbe) -> Sequence[Operation]:
    """Documented operations but those about the service itself; Unobservable where there is none."""
    found = [one for one in await openapi.operations(http) if not one.meta]
    if not found:
        raise Unobservable(
            "no OpenAPI document is served: which operations there are is not known",
            f"serve one at {surface.DOCUMENTS[0]}, if only for the inspector",
        )
    return found


@dataclass(frozen=True, slots=True)
class Tried:
    """A request that was sent, what it was about, and what came back."""

    what: str
    answer: Answer

    @property
    def words(self) -> str:
        """As evidence quotes it."""
        return f"{self.answer.method} {self.answer.path} ({self.what}): {self.answer.status}"


async def _input(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    writing = [one for one in await documented(http) if one.body is not None and one.method in {"POST", "PUT", "PATCH"}]
    tried: list[Tried] = []
    async with visit(http, apart=True) as stranger:
        for one in writing[:OPERATIONS_LIMIT]:
            path = openapi.PARAMETER.sub(UNKNOWN_ID, one.path)
            tried.append(Tried("half a JSON", await stranger.send(one.method, path, headers=JSON, content=MALFORMED)))
            wrong = json.dumps([{"roadworthy": "probe"}]).encode()
            tried.append(Tried("the wrong shape", await stranger.send(one.method, path, headers=JSON, content=wrong)))
    evidence = observe(
        "malformed bodies to documented operations that write",
        "\n".join(one.words for one in tried) or "none",
        http.vantage,
    )
    broken = [one for one in tried if one.answer.status >= BROKEN or TRACES.search(one.answer.text)]
    if broken:
        return failed(f"{broken[0].words}", evidence, mend="validate bodies against their schema and answer 422")
    taken = [one for one in tried if one.what == "half a JSON" and one.answer.status < surface.REDIRECT]
    if taken:
        return failed(f"{taken[0].words}: taken", evidence, mend="refuse what does not parse")
    refused = [one for one in tried if one.answer.status in REFUSED_INPUT]
    if not refused:
        return unknown(
            f"none of {len(tried)} malformed bodies reached validation", evidence, mend="describe the sign-in as a flow"
        )
    mute = [one for one in refused if len(one.answer.body) <= 2]  # noqa: PLR2004 - {} says nothing
    if mute:
        return failed(f"{mute[0].words}, without a word", evidence, mend="say what is wrong with the body")
    behind = len(tried) - len(refused)
    note = f"; {behind} stopped earlier" if behind else ""
    return passed(f"{len(refused)} malformed bodies are refused in words{note}, none breaks anything", evidence)


async def _statuses(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    known = await documented(http)
    methods = {(one.path, one.method) for one in known}
    tried: list[tuple[Tried, bool]] = []
    async with visit(http, apart=True) as stranger:
        for one in _few(known, lambda op: op.method == "GET" and op.plain):
            answer = await stranger.send("GET", one.path, headers=JSON)
            tried.append((Tried("a list", answer), answer.status < BROKEN and answer.status not in MISSING))
        for one in _few(known, lambda op: op.method == "GET" and not op.plain and not op.secured):
            answer = await stranger.send("GET", openapi.PARAMETER.sub(UNKNOWN_ID, one.path), headers=JSON)
            tried.append((Tried("an unknown id", answer), answer.status in MISSING | REFUSED_INPUT | WALLS))
        for one in _few(known, lambda op: op.method == "GET" and op.secured):
            answer = await stranger.send("GET", openapi.PARAMETER.sub(UNKNOWN_ID, one.path), headers=JSON)
            tried.append((Tried("without credentials", answer), answer.status in WALLS))
        for one in _few(known, lambda op: op.method == "POST" and op.body is not None):
            path = openapi.PARAMETER.sub(UNKNOWN_ID, one.path)
            answer = await stranger.send("POST", path, headers=JSON, content=MALFORMED)
            tried.append((Tried("half a JSON", answer), answer.status in REFUSED_INPUT | WALLS | MISSING))
        nowhere = await stranger.send("GET", surface.NOWHERE, headers=JSON)
        tried.append((Tried("no such page", nowhere), nowhere.status in MISSING | WALLS))
        for path in [one.path for one in known if one.plain and (one.path, "PATCH") not in methods][:1]:
            lost = await stranger.send("PATCH", path, headers=JSON)
            tried.append((Tried("another method", lost), surface.BAD <= lost.status < BROKEN))
    evidence = observe("documented operations", "\n".join(one.words for one, _ in tried), http.vantage)
    wrong = [one for one, good in tried if not good]
    if wrong:
        return failed(
            f"{wrong[0].words}",
            evidence,
            mend="answer 404 for what is not there, 401 without credentials, 422 for bad input",
        )
    kinds = {one.what for one, _ in tried}
    if not {"a list", "half a JSON"} & kinds:
        return unknown(f"only {listed(sorted(kinds))} could be tried", evidence)
    return passed(f"{counted(len(tried), 'request')} of {len(kinds)} kinds bring the status that fits", evidence)


def _few(known: Sequence[Operation], fits: Callable[[Operation], bool]) -> Sequence[Operation]:
    return [one for one in known if fits(one)][:3]


async def _pages(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    lists = [one for one in await documented(http) if one.method == "GET" and one.plain and _listing(one)]
    bare = [one.path for one in lists if not any(map(LIMITS.match, one.query)) and not any(map(STEPS.match, one.query))]
    evidence = [
        observe(
            "documented lists",
            f"{listed([one.path for one in lists])}; without a limit, page or cursor: {listed(bare)}",
            http.vantage,
        )
    ]
    if bare:
        return failed(
            f"{bare[0]} gives its whole list at once",
            *evidence,
            mend="take limit and offset, or a cursor, and cap the limit",
        )
    if not lists:
        raise Unobservable("no documented operation gives a list", "describe the answers in the OpenAPI document")
    counted = []
    for one in lists[:OPERATIONS_LIMIT]:
        name = next((name for name in one.query if LIMITS.match(name)), "")
        answer = await http.get(f"{one.path}?{name}=1", headers={"accept": "application/json"}) if name else None
        length = _length(answer.json()) if answer and answer.status == OK else None
        counted += [(one.path, length)] if length is not None else []
    evidence.append(
        observe("each asked for one entry", listed([f"{path}: {length}" for path, length in counted]), http.vantage)
    )
    ignoring = [path for path, length in counted if length > 1]
    if ignoring:
        return failed(f"{ignoring[0]} ignores its limit", *evidence, mend="cut the list at the limit")
    if not counted:
        return unknown(f"{len(lists)} lists document a limit; none could be read to see it work", *evidence)
    return passed(
        f"all {len(lists)} lists document a limit or a cursor; {len(counted)} were asked and keep it", *evidence
    )


def _listing(one: Operation) -> bool:
    if one.answer.get("type") == "array":
        return True
    properties = one.answer.get("properties")
    inner = properties.values() if isinstance(properties, dict) else ()
    return any(isinstance(value, dict) and value.get("type") == "array" for value in inner) and any(
        STEPS.match(name) or LIMITS.match(name) or name in {"total", "items", "results", "data", "next"}
        for name in properties or ()
    )


def _length(body: object) -> int | None:
    if isinstance(body, list):
        return len(body)
    if isinstance(body, dict):
        lists = [value for value in body.values() if isinstance(value, list)]
        return max(map(len, lists)) if len(lists) == 1 else None
    return None


def declared(  # noqa: PLR0917 - the same parts, five times
    requirement: str,
    name: str,
    title: str,
    run: Run,
    severity: Severity,
    documentation: Documentation,
    stages: tuple[Stage, Stage],
    *,
    provokes: bool = False,
) -> Check:
    """A check of an answer over HTTP, with its two stages: the careless one and the mended one."""
    return check(
        requirement,
        name,
        title,
        run,
        documentation,
        severity=severity,
        must_fail=stages[0],
        mended=stages[1],
        provokes=provokes,
        seconds=70.0,
    )


CHECKS = (
    declared(
        "sec.input",
        "malformed",
        "Bad input is refused in words, and breaks nothing",
        _input,
        Severity.HIGH,
        Documentation(
            what="Documented operations that write refuse half a JSON and a body of the wrong shape with a 4xx that "
            "says why.",
            why="Input that is not looked at ends as a 500, or in the database.",
            how_verified=f"Sends two malformed bodies to up to {OPERATIONS_LIMIT} operations of the OpenAPI document "
            f"that take one; what can't be parsed can't be written. Operations behind a sign-in stop earlier and "
            f"count for nothing.",
            how_to_mend="Validate against the schema where the request comes in: pydantic, msgspec, zod, joi, strong "
            "parameters.",
            not_applicable_when="Never.",
        ),
        (Stage(site=items(validates=False)), Stage(site=items())),
        provokes=True,
    ),
    declared(
        "srv.status",
        "fitting",
        "Answers carry the status that fits",
        _statuses,
        Severity.MEDIUM,
        Documentation(
            what="Lists answer, unknown ids and pages are 404, missing credentials 401, malformed bodies 4xx, "
            "unknown methods 4xx.",
            why="Clients, caches and alerts decide by the status; a 200 that says error is invisible to all of them.",
            how_verified="Asks up to three documented operations of each kind, and a page and a method that "
            "don't exist.",
            how_to_mend="Raise the framework's HTTP errors; no catch-all that answers 200.",
            not_applicable_when="Never.",
        ),
        (Stage(site=items(lost=200)), Stage(site=items())),
        provokes=True,
    ),
    declared(
        "srv.pagination",
        "documented",
        "Lists come in pages",
        _pages,
        Severity.MEDIUM,
        Documentation(
            what="Every documented list takes a limit, page or cursor, and one that is asked for one entry gives one.",
            why="A list without an end is fast until the day that it isn't.",
            how_verified="Reads parameters and answers of the OpenAPI document, and asks up to ten lists for one "
            "entry.",
            how_to_mend="limit and offset, or a cursor, with a default and a cap.",
            not_applicable_when="Never.",
        ),
        (Stage(site=items(obeys=False)), Stage(site=items())),
    ),
)

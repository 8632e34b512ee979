"""Endpoints that documents promise, asked: reading only, without parameters, once each."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses, yaml_files
from roadworthy.inspection.probes.http import Answer
from roadworthy.inspection.probes.repo import RepoProbe

ASKED_MAX = 12
"""Of fifty requests a checklist; others need theirs."""
DOCUMENTS = ("openapi.json", "openapi.yaml", "openapi.yml", "swagger.json", "swagger.yaml", "swagger.yml")
PROSE = ("README.md", "README.rst", "docs/api.md", "docs/API.md", "docs/api/*.md", "API.md")
STATED = re.compile(r"(?:^|[`*|\s])GET[`*|\s]+`?(/[\w./~-]*)(?![\w./{<:$-])")
"""As tables and lists write it; what goes on with a brace, a colon or a dollar has a parameter."""
ELSEWHERE = re.compile(r"logout|signout|delete|callback|webhook|\.\.|/(?:ws|stream|events|sse)(?:/|$)|export|download")
"""Reading these may change something, or never ends."""
NOT_THERE, NOT_ALLOWED, SERVER_ERROR, OK = 404, 405, 500, 200
GONE = 410
NOT_OURS = frozenset({"test", "tests", "fixtures", "examples", "example"})
DEPTH_MAX = 2
"""READMEs further down are of parts, or of what others wrote."""


@dataclass(frozen=True, slots=True)
class Promise:
    """An address that a document promises."""

    path: str
    source: str

    def __str__(self) -> str:
        return f"{self.path} ({self.source})"


async def _answer(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http, repo = offered(probes.http, "http"), offered(probes.repo, "repo")
    own = await surface.document(http)
    promised = await asyncio.to_thread(promises, repo, own or {})
    if not promised:
        raise Unobservable(
            f"no document of {len(repo.files)} files promises an endpoint that can be read without parameters",
            "keep the OpenAPI document in the tree, or list the endpoints in the README: GET /api/jobs",
        )
    nowhere = await http.get(surface.NOWHERE)
    answers = [(promise, await http.get(promise.path)) for promise in promised[:ASKED_MAX]]
    told = [f"GET {promise.path}: {answer.status}" for promise, answer in answers]
    evidence = observe(
        f"{len(answers)} of {len(promised)} endpoints that documents promise", "\n".join(told), http.vantage
    )
    missing = [promise for promise, answer in answers if _missing(answer, nowhere)]
    broken = [promise for promise, answer in answers if answer.status >= SERVER_ERROR]
    if missing or broken:
        words = [f"{promise} is not there" for promise in missing] + [f"{promise} breaks" for promise in broken]
        return failed(listed(words, 4), evidence, mend="mend the route, or the document that promises it")
    unsure = [promise for promise, answer in answers if _like_everything(answer, nowhere)]
    if unsure:
        return unknown(f"{listed(unsure, 3)} answers just as a made-up address does", evidence)
    return passed(f"{len(answers)} of {len(promised)} documented endpoints were asked, and each is there", evidence)


def _missing(answer: Answer, nowhere: Answer) -> bool:
    if nowhere.status in {401, 403}:  # a wall in front of everything hides what is missing
        return False
    return answer.status in {NOT_THERE, GONE, NOT_ALLOWED}


def _like_everything(answer: Answer, nowhere: Answer) -> bool:
    """A page that answers everything alike, and a wall before everything, say nothing about one address."""
    return answer.status == nowhere.status and (answer.body == nowhere.body or answer.status != OK)


def promises(repo: RepoProbe, own: Mapping[str, Any]) -> Sequence[Promise]:
    """Addresses that can be read without parameters, each once.

    From OpenAPI documents and READMEs of the tree, and from the document `own` that the service serves.
    """
    found: dict[str, Promise] = {}
    for promise in (*_specified(repo), *_written(repo), *_paths(own, "its own document")):
        if len(promise.path) > 1 and not ELSEWHERE.search(promise.path):
            found.setdefault(promise.path.rstrip("/"), promise)
    return list(found.values())


def _specified(repo: RepoProbe) -> Iterator[Promise]:
    for path in repo.find(*DOCUMENTS, aside=True):
        if not NOT_OURS & set(path.split("/")):
            yield from _paths(_document(path, repo.read(path)), path)


def _paths(document: Mapping[str, Any], source: str) -> Iterator[Promise]:
    paths, base = document.get("paths"), _base(document)
    for address, item in paths.items() if isinstance(paths, dict) else ():
        if isinstance(item, dict) and "{" not in str(address) and _plain(item.get("get"), item):
            yield Promise(base + str(address), source)


def _plain(operation: object, item: Mapping[str, Any]) -> bool:
    """Whether it can be read, and nothing must be given for that."""
    if not isinstance(operation, dict) or operation.get("deprecated"):
        return False
    parts = [part for part in (item.get("parameters"), operation.get("parameters")) if isinstance(part, list)]
    return not any(isinstance(one, dict) and (one.get("required") or "$ref" in one) for part in parts for one in part)


def _document(path: str, text: str) -> Mapping[str, Any]:
    if path.endswith(".json"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    try:
        return yaml_files.document(text)
    except yaml_files.NotYaml:
        return {}


def _base(document: Mapping[str, Any]) -> str:
    if isinstance(document.get("basePath"), str):
        return str(document["basePath"]).rstrip("/")
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    url = str(first.get("url", "")) if isinstance(first, dict) else ""
    return "" if "{" in url else addresses.parse(url).path.rstrip("/")


def _written(repo: RepoProbe) -> Iterator[Promise]:
    for path in repo.find(*PROSE):
        *folders, _ = path.split("/")
        if len(folders) <= DEPTH_MAX and not NOT_OURS & set(folders):
            for number, line in enumerate(repo.read(path).splitlines(), start=1):
                yield from (Promise(address, f"{path}:{number}") for address in STATED.findall(line))


README = (
    "# Shop\n\n| Endpoint | What |\n|---|---|\n| `GET /api/items` | the items |\n| `GET /api/orders` | the orders |\n"
)
ITEMS = reply({"items": [1, 2, 3]})
ANSWER = Check(
    id="cross.endpoints.answer",
    requirements=("cross.endpoints",),
    title="Endpoints that documents promise are there",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "repo"}),
    run=_answer,
    timeout_seconds=60.0,
    documentation=Documentation(
        what="Each endpoint that the OpenAPI document or the README of the tree, or the document that the service "
        "serves, promises for reading answers, or refuses for want of credentials.",
        why="A document that promises what is gone costs every newcomer an afternoon, and hides what was lost by "
        "accident.",
        how_verified=f"At most {ASKED_MAX} GET requests to documented addresses without required parameters; addresses "
        "that end a session, stream or download are left out. A page that answers everything alike is unknown.",
        how_to_mend="Mend the route or the document; generate one from the other.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cross.endpoints",
        must_fail=Stage(repo={"README.md": README}, site=pages({"/api/items": ITEMS})),
        mended=Stage(repo={"README.md": README}, site=pages({"/api/items": ITEMS, "/api/orders": reply({}, 401)})),
    ),
)

CHECKS = (ANSWER,)

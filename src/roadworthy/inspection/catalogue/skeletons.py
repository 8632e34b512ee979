"""A scenario to begin with, written from a line and from what the service documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from roadworthy.inspection.catalogue import openapi, surface, wording
from roadworthy.inspection.catalogue.openapi import Operation
from roadworthy.inspection.probes.http import HttpProbe

STEPS_LIMIT = 4
ORDER = ("POST", "PUT", "PATCH", "GET", "DELETE")
_LOGIN = 'save = {token = "$.access_token"}'


async def scenario(http: HttpProbe | None, subject: str) -> str:
    """`[[flows]]` to paste into target.toml, as far as the line and the OpenAPI document tell."""
    document = await surface.document(http) if http else None
    wanted = wording.significant(subject)
    found = _steps(list(openapi.read(document)), wanted) if document else []
    steps = [_written(document or {}, one) for one in found] or [
        '{get = "/the/route", expect = 200, contains = "words that only the right answer holds"}'
    ]
    lines = ",\n".join(f"  {step}" for step in steps)
    return f"[[flows]]\nname = {json.dumps(subject[:60])}\nsteps = [\n{lines},\n]"


def _steps(known: Sequence[Operation], wanted: Sequence[str]) -> list[Operation]:
    """For each word the plainest operation that its path names; a login first where any needs one."""
    chosen: list[Operation] = []
    for word in wanted:
        fit = [one for one in known if _names(one, word) and not one.meta]
        best = min(fit, key=lambda one: (not one.plain, ORDER.index(one.method), len(one.path)), default=None)
        chosen += [best] if best and best not in chosen else []
    login = next((one for one in known if one.method == "POST" and _names(one, "login")), None)
    if login and login not in chosen and any(one.secured for one in chosen):
        chosen.insert(0, login)
    return sorted(chosen, key=lambda one: not _names(one, "registration"))[:STEPS_LIMIT]


def _names(operation: Operation, word: str) -> bool:
    words = operation.path.replace("-", " ").replace("_", " ").replace("/", " ")
    spoken = wording.significant(words)
    tokens = ("token",) if word == "login" else ()
    return any(wording.same(word, other) for other in (*spoken,)) or bool(set(tokens) & set(spoken))


def _written(document: Mapping[str, Any], operation: Operation) -> str:
    path = openapi.PARAMETER.sub("1", operation.path)
    parts = [f"{operation.method.lower()} = {json.dumps(path)}"]
    if operation.body is not None:
        parts.append(f"json = {inline(openapi.example(document, operation.body))}")
    if operation.secured:
        parts.append('bearer = "{token}"')
    good = next((status for status in operation.statuses if status.startswith("2")), "200")
    parts.append(f"expect = {good if good.isdigit() else 200}")
    if operation.method == "POST" and _names(operation, "login"):
        parts.append(_LOGIN)
    return f"{{{', '.join(parts)}}}"


def inline(value: Any) -> str:
    """A value as TOML writes it within a line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {inline(one)}" for name, one in value.items() if one is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(one) for one in value if one is not None) + "]"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)

"""Walks the flows of target.toml over the public address: in order, each once, within limits, values never shown."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.observation import bounded
from roadworthy.inspection.probes.http import Answer, HttpProbe
from roadworthy.inspection.probes.sessions import Visit, visit
from roadworthy.inspection.redaction import is_secret_name
from roadworthy.inspection.scenario import Flow, Step

FLOW_SECONDS = 60.0
UPLOAD_LIMIT_BYTES = 10 * 1024 * 1024
SAID_CHARACTERS = 200
NOWHERE = "/roadworthy-does-this-page-exist"
LONG_ENOUGH_TO_BE_A_SECRET = 20
_BLANK = re.compile(r"(\$?)\{([A-Za-z_]\w*)\}")
"""${NAME} from the environment, {name} from an earlier step."""
_PATH_PART = re.compile(r"\.([\w-]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Trodden:
    """A step that was walked: the request as written, what came back, and what was wrong with it, if anything.

    `cookies` are names and flags of those that the answer set, never their values; `said` is how its body begins.
    """

    step: Step
    status: int
    seconds: float
    problem: str = ""
    sent_path: str = ""
    sent_headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[tuple[str, Mapping[str, str]], ...] = ()
    said: str = ""

    @property
    def words(self) -> str:
        """As evidence quotes it, without its duration."""
        return f"{self.step.method} {self.step.path}: {self.problem or self.status}"


@dataclass(frozen=True, slots=True)
class Walk:
    """A flow that was walked: its steps as far as it went, what was saved on the way."""

    flow: Flow
    trodden: tuple[Trodden, ...]
    saved: Mapping[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Of the first step that went wrong; empty if none did."""
        return next((one.words for one in self.trodden if one.problem), "")


class FlowsProbe:
    """The flows that the target describes. Each is walked once, one after the other, by a visitor of its own."""

    def __init__(self, http: HttpProbe, flows: Sequence[Flow]) -> None:
        """Take the service's address and the flows."""
        self.flows = tuple(flows)
        self._http = http
        self._one_at_a_time = asyncio.Lock()
        self._walks: dict[str, Walk] = {}
        self._secrets: set[str] = set()

    @property
    def vantage(self) -> str:
        """From where it was seen."""
        return self._http.vantage

    def secrets(self) -> frozenset[str]:
        """Values that came from the environment, and tokens that were saved on the way."""
        return frozenset(self._secrets)

    async def walk(self, flow: Flow) -> Walk:
        """Walk `flow`, or say what came of it when it was walked."""
        async with self._one_at_a_time:
            if flow.name not in self._walks:
                self._walks[flow.name] = await self._walk(flow)
            return self._walks[flow.name]

    async def tread(self, visitor: Visit, step: Step, known: dict[str, str]) -> Trodden:
        """One step by itself, once; what it saves comes into `known`, which begins as `fresh` gives it."""
        try:
            return await self._once(visitor, step, known)
        except Unobservable as hidden:
            return Trodden(step, 0, 0.0, hidden.problem)

    @staticmethod
    def fresh() -> dict[str, str]:
        """What every walk knows before its first step."""
        return {"random": secrets.token_hex(6), "unix": str(int(time.time()))}

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def _walk(self, flow: Flow) -> Walk:
        known = self.fresh()
        trodden: list[Trodden] = []
        ends = time.monotonic() + FLOW_SECONDS
        async with visit(self._http) as visitor:
            for step in flow.steps:
                if any(one.problem for one in trodden) and not step.always:
                    continue
                trodden.append(await self._tread(visitor, step, known, ends))
        return Walk(flow, tuple(trodden), {k: v for k, v in known.items() if k not in {"random", "unix"}})

    async def _tread(self, visitor: Visit, step: Step, known: dict[str, str], ends: float) -> Trodden:
        began = time.monotonic()
        deadline = min(ends, began + step.within_seconds)
        while True:
            try:
                one = await self._once(visitor, step, known)
            except Unobservable as hidden:
                one = Trodden(step, 0, time.monotonic() - began, hidden.problem)
            if not one.problem or time.monotonic() + 1 > deadline:
                return one
            await asyncio.sleep(1)

    async def _once(self, visitor: Visit, step: Step, known: dict[str, str]) -> Trodden:
        headers, content = self._content(step, known)
        path = self._filled(step.path, known)
        answer = await visitor.send(step.method, path, headers=headers, content=content)
        problem = self._wrong(step, answer, known) or await self._hollow(step, answer)
        for name, how in () if problem else step.save.items():
            value = kept(how, answer, visitor.cookies)
            if value is None:
                problem = f"answers {answer.status} without {how}, to be saved as {name}"
                break
            known[name] = value
            if is_secret_name(name) or len(value) >= LONG_ENOUGH_TO_BE_A_SECRET:
                self._secrets.add(value)
        return Trodden(
            step,
            answer.status,
            answer.seconds,
            problem,
            path,
            headers,
            tuple(set_cookies(answer)),
            answer.text[:SAID_CHARACTERS],
        )

    def _wrong(self, step: Step, answer: Answer, known: Mapping[str, str]) -> str:
        said = f": {bounded(' '.join(answer.text.split()), SAID_CHARACTERS)}" if answer.body else ""
        wanted = step.statuses
        if answer.status not in wanted if wanted else not 200 <= answer.status < 300:  # noqa: PLR2004 - any 2xx
            words = " or ".join(map(str, wanted)) or "2xx"
            return f"{answer.status} instead of {words}{said}"
        text = self._filled(step.contains, known)
        return f"{answer.status} without {step.contains!r}{said}" if text and text not in answer.text else ""

    async def _hollow(self, step: Step, answer: Answer) -> str:
        """Whether a made-up address answers the same: a page for everything shows nothing."""
        if step.method != "GET" or answer.status != 200 or step.contains:  # noqa: PLR2004 - a page or data
            return ""
        nowhere = await self._http.get(NOWHERE, named=True)
        same = nowhere.status == answer.status and nowhere.body == answer.body
        return "answers like an address that does not exist" if same else ""

    def _content(self, step: Step, known: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        headers = {name.lower(): self._filled(value, known) for name, value in step.headers.items()}
        if step.bearer:
            headers["authorization"] = f"Bearer {self._filled(step.bearer, known)}"
        if step.json is not None:
            headers.setdefault("content-type", "application/json")
            return headers, json.dumps(self._filled_in(step.json, known)).encode()
        if step.form is not None:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
            return headers, urlencode(self._filled_in(step.form, known)).encode()
        return self._multipart(step, headers) if step.file else (headers, b"")

    def _multipart(self, step: Step, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
        file = step.file
        if file is None:
            raise AssertionError("only a step with a file is sent as one")
        try:
            with file.path.open("rb") as opened:
                content = opened.read(UPLOAD_LIMIT_BYTES)
        except OSError as error:
            raise Unobservable(f"{file.path}: {error.strerror}", "file.path counts from target.toml") from error
        return multipart(headers, file.field, file.path.name, file.type, content)

    def _filled_in(self, value: Any, known: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            return {name: self._filled_in(inner, known) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled_in(inner, known) for inner in value]
        return self._filled(value, known) if isinstance(value, str) else value

    def _filled(self, text: str, known: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            return self._variable(match[2]) if match[1] else _saved(match[2], known)

        return _BLANK.sub(value, text)

    def _variable(self, name: str) -> str:
        value = os.environ.get(name)
        if value is None:
            raise Unobservable(f"${{{name}}} is not in the environment", f"export {name}=...")
        self._secrets.add(value)
        return value


def _saved(name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise Unobservable(f"no step before it saved {name}", f'save = {{{name} = "$.{name}"}}')
    return known[name]


def multipart(
    headers: dict[str, str], name: str, file_name: str, kind: str, content: bytes
) -> tuple[dict[str, str], bytes]:
    """One file as multipart form data."""
    boundary = f"roadworthy{secrets.token_hex(12)}"
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    head = f"--{boundary}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n"
    sent = {**headers, "content-type": f"multipart/form-data; boundary={boundary}"}
    return sent, head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


def kept(how: str, answer: Answer, cookies: Mapping[str, str]) -> str | None:
    """The value that `how` names in an answer; None where it is not there."""
    kind, _, name = how.partition(":")
    if kind == "header":
        return answer.headers.get(name.lower())
    if kind == "cookie":
        return cookies.get(name)
    if kind in {"input", "meta"}:
        reader = _Values()
        reader.feed(answer.text)
        return reader.found.get((kind, name))
    return _in_json(how, answer.json())


def set_cookies(answer: Answer) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Names and flags (in lower case) of the cookies that an answer sets; several stand in one joined header."""
    for part in re.split(r",\s*(?=[^;,=\s]+=)", answer.headers.get("set-cookie", "")):
        name, equals, rest = part.partition("=")
        if equals and name.strip():
            flags = (one.strip().partition("=") for one in rest.split(";")[1:])
            yield name.strip(), {flag.lower(): value.lower() for flag, _, value in flags}


def _in_json(how: str, node: object) -> str | None:
    for key, index in _PATH_PART.findall(how):
        if key and isinstance(node, dict):
            node = node.get(key)
        elif index and isinstance(node, list) and int(index) < len(node):
            node = node[int(index)]
        else:
            return None
    return str(node) if isinstance(node, str | int | float) and not isinstance(node, bool) else None


class _Values(HTMLParser):
    """Values of a page's inputs and meta elements by their name."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[tuple[str, str], str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        value = given.get("value" if tag == "input" else "content")
        if tag in {"input", "meta"} and given.get("name") and value is not None:
            self.found.setdefault((tag, given["name"] or ""), value)

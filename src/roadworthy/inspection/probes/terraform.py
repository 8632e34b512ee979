"""What Terraform files declare: blocks with their labels and the values that stand there as they are.

Nothing is evaluated. What an expression makes is `Computed`, and a block made by count, for_each or dynamic is
doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadworthy.inspection.probes.production import PRODUCTION, is_elsewhere
from roadworthy.inspection.probes.repo import RepoProbe

WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
DEPTH_LIMIT = 40
TOKENS_LIMIT = 200_000
FILES_LIMIT = 500
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<comment>\#[^\n]*|//[^\n]*|/\*.{0,20000}?\*/)|(?P<line>\n)"""
    r"""|(?P<heredoc><<-?(?P<mark>\w+)\n)|(?P<text>"(?:\\.|[^"\\\n]){0,20000}")"""
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>[^\s\w])""",
    re.DOTALL,
)


class Computed(str):
    """What an expression makes: its text, by which other blocks can be told."""

    __slots__ = ()


class NotTerraform(ValueError):
    """It can't be read."""


@dataclass(frozen=True, slots=True)
class Block:
    """`resource "aws_db_instance" "main" { ... }`: its kind, labels, own values and inner blocks; where it stands."""

    kind: str
    labels: tuple[str, ...]
    path: str
    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    @property
    def type(self) -> str:
        """The type of a resource; the source of a module."""
        return str(self.values.get("source", "")) if self.kind == "module" else (self.labels or ("",))[0]

    @property
    def where(self) -> str:
        """As reports name it."""
        return f"{'.'.join(self.labels) or self.kind} ({self.path}:{self.line})"

    @property
    def doubtful(self) -> bool:
        """Whether it may be made not at all."""
        count = self.values.get("count", 1)
        return isinstance(count, Computed) or count == 0 or "for_each" in self.values

    def inner(self, kind: str) -> Sequence[Block]:
        """Blocks of a kind inside it."""
        return [one for one in self.blocks if one.kind == kind]


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything that production's files declare. `unread`: files that can't be read."""

    blocks: tuple[Block, ...] = ()
    unread: tuple[str, ...] = ()

    def resources(self, *types: str) -> Sequence[Block]:
        """Resources of these types."""
        return [one for one in self.blocks if one.kind == "resource" and one.type in types]

    def modules(self, source: re.Pattern[str]) -> Sequence[Block]:
        """Modules whose source matches: what is called rds takes what an instance takes."""
        return [one for one in self.blocks if one.kind == "module" and source.search(one.type)]


def read(repo: RepoProbe) -> Declared:
    """The blocks of files but those of tests, examples and other environments; variables as production sets them."""
    blocks: list[Block] = []
    unread: list[str] = []
    for path in repo.find("*.tf")[:FILES_LIMIT]:
        if _left_out(path):
            continue
        try:
            blocks += parse(repo.read(path), path)
        except NotTerraform as problem:
            unread.append(f"{path} ({problem})")
    given = _variables(repo)
    return Declared(tuple(_resolved(one, given) for one in blocks), tuple(unread))


def parse(text: str, path: str) -> Sequence[Block]:
    """The blocks of a file.

    Raises:
        NotTerraform: brackets that don't close, or more of it than is read.
    """
    reader = _Reader(list(_tokens(text)), path)
    _, blocks = reader.body(end="", depth=0)
    return blocks


def _left_out(path: str) -> bool:
    folders = {folder.lower() for folder in path.split("/")[:-1]}
    return ".terraform" in folders or is_elsewhere(path)


def _variables(repo: RepoProbe) -> Mapping[str, Any]:
    """What production's files of variables set."""
    found: dict[str, Any] = {}
    paths = [path for path in repo.find("*.tfvars") if not _left_out(path)]
    for path in sorted(paths, key=lambda one: bool(PRODUCTION.search(one))):
        try:
            values, _ = _Reader(list(_tokens(repo.read(path))), path).body(end="", depth=0)
        except NotTerraform:
            continue
        found |= values
    return found


def _resolved(block: Block, given: Mapping[str, Any]) -> Block:
    values = {name: _value_of(value, given) for name, value in block.values.items()}
    inner = tuple(_resolved(one, given) for one in block.blocks)
    return Block(block.kind, block.labels, block.path, block.line, values, inner)


def _value_of(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, _Reference):
        return given.get(value.name, Computed(f"var.{value.name}"))
    return [_value_of(one, given) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class _Reference:
    """`var.name`, alone: what production gives it, if that is written down."""

    name: str


@dataclass(frozen=True, slots=True)
class _Token:
    sort: str
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    place, line, count = 0, 1, 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or count > TOKENS_LIMIT:
            raise NotTerraform(f"line {line} is not read")
        sort, end = str(match.lastgroup if match.lastgroup != "mark" else "heredoc"), match.end()
        if sort == "heredoc":
            closing = re.compile(rf"^[ \t]*{re.escape(match['mark'])}[ \t]*$", re.MULTILINE).search(text, end)
            if closing is None:
                raise NotTerraform(f"the text that begins in line {line} has no end")
            end = closing.end()
        if sort not in {"space", "comment"}:
            yield _Token(sort, match[0], line)
            count += 1
        line += text.count("\n", place, end)
        place = end


class _Reader:
    """Goes through tokens once."""

    def __init__(self, tokens: Sequence[_Token], path: str) -> None:
        self._tokens = tokens
        self._path = path
        self._at = 0

    def body(self, *, end: str, depth: int) -> tuple[dict[str, Any], list[Block]]:
        """Values and blocks up to `end`."""
        if depth > DEPTH_LIMIT:
            raise NotTerraform("nested too deep")
        values: dict[str, Any] = {}
        blocks: list[Block] = []
        while (token := self._next()) is not None and token.text != end:
            if token.sort == "line" or token.text == ",":
                continue
            if token.sort not in {"name", "text"}:
                raise NotTerraform(f"line {token.line} begins with {token.text[:20]!r}")
            self._statement(token, values, blocks, depth)
        if token is None and end:
            raise NotTerraform(f"{end} is missing")
        return values, blocks

    def _statement(self, name: _Token, values: dict[str, Any], blocks: list[Block], depth: int) -> None:
        labels: list[str] = []
        while (token := self._next()) is not None:
            if token.text in {"=", ":"} and not labels:
                values[_plain(name)] = self._value(depth)
                return
            if token.text == "{":
                inner, more = self.body(end="}", depth=depth + 1)
                kind = labels[0] if name.text == "dynamic" and labels else name.text
                if name.text == "dynamic":
                    inner["for_each"] = Computed("dynamic")
                blocks.append(Block(kind, tuple(labels), self._path, name.line, inner, tuple(more)))
                return
            if token.sort not in {"name", "text"}:
                break
            labels.append(_plain(token))
        raise NotTerraform(f"line {name.line} is not read")

    def _value(self, depth: int) -> Any:
        """An expression: what stands there alone, else `Computed`."""
        first = self._at
        token = self._next()
        if token is None:
            raise NotTerraform("a value is missing")
        value = self._single(token, depth)
        if self._ends():
            return value
        reference = [one.text for one in self._tokens[first : first + 3]]
        self._skip(depth)
        used = self._tokens[first : self._at]
        if reference[:2] == ["var", "."] and len([one for one in used if one.sort != "line"]) == 3:  # noqa: PLR2004 - var . name
            return _Reference(reference[2])
        return Computed("".join(one.text for one in used if one.sort != "line")[:200])

    def _single(self, token: _Token, depth: int) -> Any:
        if token.text == "[":
            return self._row(depth)
        if token.text == "{":
            return self.body(end="}", depth=depth + 1)[0]
        if token.sort == "text":
            return Computed(_plain(token)) if "${" in token.text or "%{" in token.text else _plain(token)
        if token.sort == "number":
            return float(token.text) if "." in token.text else int(token.text)
        return WORDS[token.text] if token.text in WORDS else Computed(token.text)

    def _row(self, depth: int) -> list[Any]:
        if depth > DEPTH_LIMIT:
            raise NotTerraform("nested too deep")
        found: list[Any] = []
        while (token := self._peek()) is not None and token.text != "]":
            if token.sort == "line" or token.text == ",":
                self._at += 1
            else:
                found.append(self._value(depth + 1))
        if token is None:
            raise NotTerraform("] is missing")
        self._at += 1
        return found

    def _ends(self) -> bool:
        token = self._peek()
        return token is None or token.sort == "line" or token.text in {",", "]", "}", ")"}

    def _skip(self, depth: int) -> None:
        """Past the rest of an expression, brackets and all."""
        opened = 0
        while (token := self._peek()) is not None:
            if opened == 0 and self._ends():
                return
            opened += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
            self._at += 1
            if opened > DEPTH_LIMIT + depth:
                raise NotTerraform("nested too deep")

    def _next(self) -> _Token | None:
        token = self._peek()
        self._at += 1
        return token

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None


def _plain(token: _Token) -> str:
    return token.text[1:-1] if token.sort == "text" else token.text

"""Reads an nginx configuration as nginx does: blocks, directives, includes. No pattern is matched against raw text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.bounded import read_bytes

FILE_LIMIT_BYTES = 256 * 1024
FILES_LIMIT = 200
DIRECTIVES_LIMIT = 20_000
INCLUDES_DEPTH = 8
_TOKEN = re.compile(
    r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{[^{}]{0,200}\}|\\.|[^\s{};"'#\\])(?:\$\{[^{}]{0,200}\}|\\.|[^\s{};])*"""
)


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive: its words without quotes, and the blocks around it, outermost first ("http", "server")."""

    name: str
    words: tuple[str, ...]
    blocks: tuple[str, ...]
    file: str

    @property
    def text(self) -> str:
        """As one line."""
        return " ".join((self.name, *self.words))


class NginxProbe:
    """The configuration of an nginx, from its main file or a folder of site files, includes followed."""

    def __init__(self, path: Path) -> None:
        """Take the main file (nginx.conf, or the output of `nginx -T`) or a folder of *.conf files."""
        self.path = path
        self._directives: tuple[Directive, ...] | None = None

    @property
    def vantage(self) -> str:
        """From where it was seen."""
        return f"nginx configuration {self.path.name}"

    @property
    def directives(self) -> Sequence[Directive]:
        """Every directive in effect.

        Raises:
            Unobservable: nothing there can be read.
        """
        if self._directives is None:
            files = sorted(self.path.glob("*"))[:FILES_LIMIT] if self.path.is_dir() else [self.path]
            budget = [FILES_LIMIT]
            found = [one for file in files if file.is_file() for one in _load(file, (), 0, budget)]
            if not found:
                raise Unobservable(f"no nginx directive in {self.path}", '[nginx] config = "/etc/nginx/nginx.conf"')
            self._directives = tuple(found[:DIRECTIVES_LIMIT])
        return self._directives

    def named(self, name: str, *, within: str = "") -> Sequence[Directive]:
        """Directives of this name, those inside a `within` block ("upstream", "location /uploads") only if given."""
        return [
            one
            for one in self.directives
            if one.name == name and (not within or any(block.startswith(within) for block in one.blocks))
        ]

    async def aclose(self) -> None:
        """Nothing is held open."""


def _load(file: Path, blocks: tuple[str, ...], depth: int, budget: list[int]) -> Iterator[Directive]:
    if budget[0] <= 0 or depth > INCLUDES_DEPTH:
        return
    budget[0] -= 1
    try:
        text = read_bytes(file, FILE_LIMIT_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    for directive in parse(text, file.name, blocks):
        if directive.name != "include" or not directive.words:
            yield directive
            continue
        pattern = Path(directive.words[0])
        base, rest = (Path("/"), pattern.relative_to("/")) if pattern.is_absolute() else (file.parent, pattern)
        for included in sorted(base.glob(str(rest)))[:FILES_LIMIT]:
            yield from _load(included, directive.blocks, depth + 1, budget)


def parse(text: str, file: str = "", outer: tuple[str, ...] = ()) -> Iterator[Directive]:
    """Directives of `text` in order; a block is a directive too, and stands in `blocks` of what it holds."""
    blocks = list(outer)
    words: list[str] = []
    for part in _TOKEN.findall(text):
        if part.startswith("#"):
            continue
        if part in {";", "{"} and words:
            yield Directive(words[0], tuple(words[1:]), tuple(blocks), file)
        if part == "{":
            blocks.append(" ".join(words))
        elif part == "}" and len(blocks) > len(outer):
            blocks.pop()
        if part in {";", "{", "}"}:
            words = []
        else:
            words.append(part[1:-1] if part[0] in "\"'" and part[-1] == part[0] else part)

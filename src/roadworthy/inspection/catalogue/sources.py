"""The team's own production code as text without its comments, and what libraries it really uses."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import packages, syntax
from roadworthy.inspection.probes.frameworks import BLOCK_COMMENT
from roadworthy.inspection.probes.repo import Match, RepoProbe

LANGUAGES: Mapping[str, str] = {
    "py": "python",
    "rb": "ruby",
    "go": "go",
    "java": "java",
    "kt": "java",
    "cs": "csharp",
    "php": "php",
    **dict.fromkeys(("js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte"), "javascript"),
}
GLOBS = tuple(f"*.{ending}" for ending in LANGUAGES)
FILES_LIMIT = 6_000
STRINGS = frozenset({tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)})
KEPT_TREES_CHARACTERS = 600_000
"""A tree takes forty times its text: those of a service of 2 MB held 80 MB."""
NOT_PRODUCTION = re.compile(
    r"(?:^|/)(?:migrations?|alembic|seeds?|scripts?|tools?|mocks?|__mocks__|stories|e2e|cypress|locust\w*|load[-_]?tests?"
    r"|static|public|dist|build|generated|third_party|conftest\.py|setup\.py|noxfile\.py|gulpfile\.\w+|[\w.-]+\.config\.\w+"
    r"|[\w.-]+\.(?:min|bundle)\.js|[\w.-]+\.d\.ts|[\w.-]+_test\.(?:go|py)|[\w.-]+_spec\.rb|[\w.-]+\.(?:spec|stories)\.\w+)(?:/|$)",
    re.IGNORECASE,
)
"""Files that don't serve requests: generated, vendored by hand, tools, and tests that stand beside the code."""
_QUOTED = re.compile(r"\"[^\"\n]*\s[^\"\n]*\"|'[^'\n]*\s[^'\n]*'")
"""Strings with a blank in them, as texts have one and names of modules none."""
_BLOCK = re.compile(r"/\*.*?\*/|<!--.*?-->", re.DOTALL)
_SLASHES = re.compile(r"(?<![:\"'`\w])//[^\n]*")
_HASH = re.compile(r"(?m)(?:^|(?<=\s))#(?!\{)[^\n]*")


@dataclass(frozen=True)
class Source:
    """One file of code: `text` keeps its lines where they were, its comments are blank.

    `kept`: its tree stays in memory once it was read.
    """

    path: str
    language: str
    text: str
    kept: bool = True

    @property
    def tree(self) -> ast.AST | None:
        """Python's syntax tree; None where it is none."""
        return self._tree if self.kept else self._parsed()

    @cached_property
    def _tree(self) -> ast.AST | None:
        return self._parsed()

    def _parsed(self) -> ast.AST | None:
        return syntax.module(self.text) if self.language == "python" else None

    @cached_property
    def bare(self) -> str:
        """The text without its strings, line by line where it was: what a string speaks of is not done."""
        if self.language == "python":
            return _without_strings(self.text)
        return _QUOTED.sub(lambda found: found[0][0] + " " * (len(found[0]) - 2) + found[0][0], self.text)

    def places(self, pattern: re.Pattern[str], *, bare: bool = False) -> Iterator[Match]:
        """Where `pattern` matches, over lines too; `bare`: outside of strings, in languages that tell."""
        if bare and not pattern.search(self.text):  # taking strings out costs more than looking
            return
        for found in pattern.finditer(self.bare if bare else self.text):
            yield self.at(found.start(), found[0])

    def at(self, offset: int, words: str = "") -> Match:
        """The line of an offset."""
        line = self.text.count("\n", 0, offset) + 1
        return Match(self.path, line, " ".join((words or self.text[offset : offset + 120]).split())[:120])


def code(repo: RepoProbe) -> Sequence[Source]:
    """The production code of the tree, for `RepoProbe.facts`: read and stripped once."""
    paths = [path for path in repo.find(*GLOBS, aside=False) if not NOT_PRODUCTION.search(path)]
    if len(paths) > FILES_LIMIT:  # what was not looked at must not count as absent
        raise Unobservable(f"the source tree holds over {FILES_LIMIT} files of code", "[repository] path names a part")
    found = [_source(path, repo.read(path)) for path in paths]
    sizes = accumulate(len(one.text) for one in found)
    return [replace(one, kept=size <= KEPT_TREES_CHARACTERS) for one, size in zip(found, sizes, strict=True)]


def dependencies(repo: RepoProbe) -> Mapping[str, str]:
    """What the manifests name, for `RepoProbe.facts`."""
    return packages.dependencies(repo)


def imports(names: Sequence[str]) -> re.Pattern[str]:
    """How code of any language brings in one of these libraries."""
    either = "|".join(re.escape(name) for name in names)
    return re.compile(
        rf"^[ \t]*(?:from|import)[ \t]+(?:{either})\b"  # Python, Java
        rf"|(?:require\(|\bfrom|\bimport)[ \t]*\(?[\"'](?:{either})(?:/[\w./-]*)?[\"']"  # JavaScript
        rf"|^[ \t]*require[ \t]+[\"'](?:{either})[\"']"  # Ruby
        rf"|^[ \t]*(?:import[ \t]+)?(?:[\w.]+[ \t]+)?\"(?:{either})(?:/v\d+)?(?:/[\w./-]*)?\"",  # Go
        re.MULTILINE,
    )


def quoted(places: Sequence[Match], limit: int = 8) -> str:
    """Places as evidence quotes them."""
    lines = [f"{one.path}:{one.line} {one.text}" for one in places[:limit]]
    return "\n".join([*lines, f"and {len(places) - limit} more"] if len(places) > limit else lines) or "none"


def blank(text: str, language: str) -> str:
    """`text` with its comments turned to blanks, line by line where it was."""

    def away(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    if language in {"python", "ruby"}:
        return _python(text) if language == "python" else _HASH.sub(away, BLOCK_COMMENT.sub(away, text))
    closed = max(text.rfind("*/"), text.rfind("-->"))  # an opening after the last end would search to the end, each
    bare = _BLOCK.sub(away, text[: closed + 3]) + text[closed + 3 :] if closed >= 0 else text
    return _SLASHES.sub(away, bare)


def _without_strings(text: str) -> str:
    lines = text.splitlines(keepends=True)
    try:
        tokens = [one for one in tokenize.generate_tokens(io.StringIO(text).readline) if one.type in STRINGS]
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        return text
    for one in reversed(tokens):
        (first, start), (last, end) = one.start, one.end
        for number in range(first - 1, last):
            line = lines[number]
            left, right = (start if number == first - 1 else 0), (end if number == last - 1 else len(line.rstrip("\n")))
            lines[number] = line[:left] + " " * (right - left) + line[right:]
    return "".join(lines)


def _source(path: str, text: str) -> Source:
    language = LANGUAGES[path.rpartition(".")[2].lower()]
    return Source(path, language, blank(text, language))


def _python(text: str) -> str:
    """Comments only where a line begins with them or blanks stand before: a # inside a string mostly has none."""
    return re.sub(r"(?m)(?:^[ \t]*|(?<=[ \t]{2}))#[^\n]*", lambda found: " " * len(found[0]), text)

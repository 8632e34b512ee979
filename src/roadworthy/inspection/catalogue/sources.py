"""The team's own production code as text without its comments, and what libraries it really uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roadworthy.inspection.probes import packages, syntax
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
FILES_LIMIT = 3_000
NOT_PRODUCTION = re.compile(
    r"(?:^|/)(?:migrations?|alembic|seeds?|scripts?|tools?|mocks?|__mocks__|stories|e2e|cypress|locust\w*|load[-_]?tests?"
    r"|static|public|dist|build|generated|third_party|conftest\.py|setup\.py|noxfile\.py|gulpfile\.\w+|[\w.-]+\.config\.\w+"
    r"|[\w.-]+\.(?:min|bundle)\.js|[\w.-]+\.d\.ts|[\w.-]+_test\.(?:go|py)|[\w.-]+_spec\.rb|[\w.-]+\.(?:spec|stories)\.\w+)(?:/|$)",
    re.IGNORECASE,
)
"""Files that don't serve requests: generated, vendored by hand, tools, and tests that stand beside the code."""
_BLOCK = re.compile(r"/\*.*?\*/|<!--.*?-->", re.DOTALL)
_SLASHES = re.compile(r"(?<![:\"'`\w])//[^\n]*")
_HASH = re.compile(r"(?m)(?:^|(?<=\s))#(?!\{)[^\n]*")


@dataclass(frozen=True)
class Source:
    """One file of code: `text` keeps its lines where they were, its comments are blank."""

    path: str
    language: str
    text: str

    @cached_property
    def tree(self) -> ast.AST | None:
        """Python's syntax tree; None where it is none."""
        return syntax.module(self.text) if self.language == "python" else None

    def places(self, pattern: re.Pattern[str]) -> Iterator[Match]:
        """Where `pattern` matches, over lines too."""
        for found in pattern.finditer(self.text):
            yield self.at(found.start(), found[0])

    def at(self, offset: int, words: str = "") -> Match:
        """The line of an offset."""
        line = self.text.count("\n", 0, offset) + 1
        return Match(self.path, line, " ".join((words or self.text[offset : offset + 120]).split())[:120])


def code(repo: RepoProbe) -> Sequence[Source]:
    """The production code of the tree, for `RepoProbe.facts`: read and stripped once."""
    paths = [path for path in repo.find(*GLOBS, aside=False) if not NOT_PRODUCTION.search(path)]
    return [_source(path, repo.read(path)) for path in paths[:FILES_LIMIT]]


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
        return _python(text) if language == "python" else _HASH.sub(away, text)
    return _SLASHES.sub(away, _BLOCK.sub(away, text))


def _source(path: str, text: str) -> Source:
    language = LANGUAGES[path.rpartition(".")[2].lower()]
    return Source(path, language, blank(text, language))


def _python(text: str) -> str:
    """Comments only where a line begins with them or blanks stand before: a # inside a string mostly has none."""
    return re.sub(r"(?m)(?:^[ \t]*|(?<=[ \t]{2}))#[^\n]*", lambda found: " " * len(found[0]), text)

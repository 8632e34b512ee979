"""The team's own production code as text without its comments, and what libraries it really uses."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import comments, packages, syntax
from roadworthy.inspection.probes.production import NOT_SERVING
from roadworthy.inspection.probes.repo import FILE_LIMIT_BYTES, Match, RepoProbe
from roadworthy.inspection.redaction import unsaid

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
KEPT_TREES_CHARACTERS = 600_000
"""A tree takes forty times its text: those of a service of 2 MB held 80 MB."""


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
        return comments.unquoted(self.text, self.language)

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
    paths = [path for path in repo.find(*GLOBS, aside=False) if not NOT_SERVING.search(path)]
    if len(paths) > FILES_LIMIT:  # what was not looked at must not count as absent
        raise Unobservable(f"the source tree holds over {FILES_LIMIT} files of code", "[repository] path names a part")
    found = [_source(path, repo.read(path)) for path in paths]
    sizes = accumulate(len(one.text) for one in found)
    return [replace(one, kept=size <= KEPT_TREES_CHARACTERS) for one, size in zip(found, sizes, strict=True)]


async def everywhere(code: Sequence[Source], pattern: re.Pattern[str]) -> Sequence[Match]:
    """Where `pattern` matches in all of the code: searched in a thread, as requests are timed meanwhile."""
    return await asyncio.to_thread(lambda: [place for one in code for place in one.places(pattern)])


async def seen_whole(repo: RepoProbe) -> None:
    """Nothing where all of the code was read.

    Raises:
        Unobservable: some of it was not: what was not looked at does not count as absent.
    """
    if unread := await repo.facts(_unread):
        raise Unobservable(
            f"{unread} was not read: what is not found may stand there", "[repository] path names a part"
        )


def _unread(repo: RepoProbe) -> str:
    paths = [path for path in repo.find(*GLOBS, aside=False) if not NOT_SERVING.search(path)]
    if len(paths) > FILES_LIMIT:
        return f"the code after {FILES_LIMIT} files"
    large = next((path for path in paths if repo.size_bytes(path) > FILE_LIMIT_BYTES), "")
    return f"the end of {large}" if large else ""


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
    lines = [f"{one.path}:{one.line} {unsaid(one.text)}" for one in places[:limit]]
    return "\n".join([*lines, f"and {len(places) - limit} more"] if len(places) > limit else lines) or "none"


def _source(path: str, text: str) -> Source:
    language = LANGUAGES[path.rpartition(".")[2].lower()]
    return Source(path, language, comments.blank(text, language))

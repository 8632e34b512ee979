"""Looks into the source tree: bounded, never out of it, and not into what others wrote."""

from __future__ import annotations

import ast
import asyncio
import fnmatch
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import syntax
from roadworthy.inspection.probes.bounded import read_bytes

Facts = TypeVar("Facts")

ENTRIES_LIMIT = 100_000
FILE_LIMIT_BYTES = 256 * 1024
TOTAL_LIMIT_BYTES = 64 * 1024 * 1024
RUN_CHARACTERS = 500
_RUNS = " \n\t\r-_=#*/\\.,:;'\"`([{<|a1x"
OTHERS = frozenset(
    {".git", ".hg", "node_modules", ".venv", "venv", "env", "vendor", "bower_components", "site-packages"}
    | {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".next", "target", "coverage"}
    | {".roadworthy", ".cache"}
)
TOOLS_MARKS: Mapping[str, Sequence[str]] = {
    "env": ("pyvenv.cfg", "conda-meta", "bin/activate"),
    "target": ("CACHEDIR.TAG", "classes", "maven-status", "debug", "release", "surefire-reports"),
    "coverage": ("lcov.info", "index.html", "coverage-final.json", "clover.xml", ".resultset.json", ".last_run.json"),
}
"""What tools leave in folders whose names teams use as well: without it the folder is the team's."""
ASIDE = frozenset(
    {"test", "tests", "spec", "specs", "__tests__", "fixtures", "examples", "example", "benchmarks", "docs"}
)
"""Folders whose code does not run in production: left out where code is evidence."""
_OF_TESTS = re.compile(r"^test_|^(?:tests|conftest)\.py$|\.(?:test|spec)\.|_(?:test\.go|spec\.rb|test\.rb)$")


@dataclass(frozen=True, slots=True)
class Match:
    """A line of a file that matched. `path` counts from the root of the tree."""

    path: str
    line: int
    text: str


class RepoProbe:
    """The source tree. `files` are paths from its root, sorted, links out of it left out."""

    def __init__(self, root: Path, own: frozenset[Path] = frozenset()) -> None:
        """Take the folder that holds the service's source, and files that the inspection itself reads or writes."""
        self.root = root
        self._own = own
        self._files: tuple[str, ...] | None = None
        self._refusal: Unobservable | None = None
        self._found: dict[tuple[tuple[str, ...], bool], Sequence[str]] = {}
        self._facts: dict[Callable[[RepoProbe], object], object] = {}
        self._reading = threading.RLock()

    @property
    def vantage(self) -> str:
        """From where things were seen."""
        return f"source tree {self.root.name or self.root}"

    @property
    def files(self) -> Sequence[str]:
        """Every file of the team's own.

        Raises:
            Unobservable: no folder, or one too large: what was not looked at must not count as absent.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._files is None:
            try:
                self._files = tuple(sorted(self._walk()))
            except Unobservable as refusal:
                self._refusal = refusal
                raise
        return self._files

    def without_own(self, paths: Iterable[str]) -> Sequence[str]:
        """Those of `paths` that are not the inspection's own: what it writes says nothing about the team's work."""
        root = self.root.resolve()
        return [path for path in paths if root / path not in self._own]

    def find(self, *patterns: str, aside: bool = True) -> Sequence[str]:
        """Files whose name or path matches a glob ("*.py", "deploy/*.conf"); `aside` false: without tests and docs."""
        if (patterns, aside) not in self._found:
            globs = re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
            self._found[patterns, aside] = [
                path
                for path in self.files
                if (globs.match(path.rpartition("/")[2]) or globs.match(path)) and (aside or not is_aside(path))
            ]
        return self._found[patterns, aside]

    def read(self, path: str, limit_bytes: int = FILE_LIMIT_BYTES) -> str:
        """Text of one file, bounded; empty where it can't be read."""
        try:
            return _calmed(read_bytes(self.root / path, limit_bytes).decode("utf-8", "replace").replace("\r\n", "\n"))
        except (OSError, ValueError):
            return ""

    def size_bytes(self, path: str) -> int:
        """How large a file is; 0 where it can't be seen."""
        try:
            return (self.root / path).stat().st_size
        except OSError:
            return 0

    async def facts(self, read: Callable[[RepoProbe], Facts]) -> Facts:
        """What `read` makes of the tree: once, in a thread, for all checks that ask."""
        return await asyncio.to_thread(self.known, read)

    def known(self, read: Callable[[RepoProbe], Facts]) -> Facts:
        """As `facts`, for those who are in a thread already."""
        with self._reading:
            if read not in self._facts:
                self._facts[read] = read(self)
            return cast("Facts", self._facts[read])

    def existing(self, *paths: str) -> Sequence[str]:
        """Those of `paths` that are files of the tree; results of tools stand in folders that `files` leaves out."""
        root = self.root.resolve()
        found = (path for path in paths if (self.root / path).is_file())
        return [path for path in found if (self.root / path).resolve().is_relative_to(root)]

    def changed_at(self, path: str) -> datetime:
        """When a file was last written; Unobservable where it can't be seen."""
        try:
            return datetime.fromtimestamp((self.root / path).stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError) as error:
            raise Unobservable(f"{path} can't be looked at: {error}") from error

    def grep(self, pattern: re.Pattern[str], *globs: str, aside: bool = False, limit: int = 20) -> Sequence[Match]:
        """Lines that match in files that match, at most `limit`."""
        found: list[Match] = []
        for path, text in self._texts(globs, aside=aside):
            for number, line in enumerate(text.splitlines(), start=1):
                if pattern.search(line):
                    found.append(Match(path, number, line.strip()[:200]))
                    if len(found) >= limit:
                        return found
        return found

    def calls(self, *names: str) -> Sequence[tuple[Match, ast.Call]]:
        """Calls of functions of these names in the team's Python code: syntax, so no comment or string is mistaken."""
        found: list[tuple[Match, ast.Call]] = []
        for path, text in self._texts(("*.py",), aside=False):
            if not any(name in text for name in names):
                continue
            calls = (node for node in _syntax(text) if isinstance(node, ast.Call) and _called(node) in names)
            found.extend((Match(path, call.lineno, ast.unparse(call)[:200]), call) for call in calls)
        return found

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _texts(self, globs: Sequence[str], *, aside: bool) -> Iterator[tuple[str, str]]:
        read = 0
        for path in self.find(*globs, aside=aside):
            text = self.read(path)
            read += len(text)
            if read > TOTAL_LIMIT_BYTES:
                raise Unobservable(
                    f"{' and '.join(globs[:3])} hold over {TOTAL_LIMIT_BYTES} bytes", "[repository] path names a part"
                )
            yield path, text

    def _walk(self) -> Iterator[str]:
        """Ordinary files, folder by folder: no links (they may lead out, or round), pipes, sockets or devices."""
        if not self.root.is_dir():
            raise Unobservable(f"{self.root} is not a folder", "[repository] path names the root of the source")
        ahead, visited = [""], 0
        while ahead:
            folder = ahead.pop()
            entries = list(islice(_entries(self.root / folder), ENTRIES_LIMIT + 1))
            visited += 1 + len(entries)
            if visited > ENTRIES_LIMIT:
                raise Unobservable(
                    f"the source tree holds over {ENTRIES_LIMIT} entries", "[repository] path names a part"
                )
            ahead += [f"{folder}{one.name}/" for one in entries if _is_folder(one) and not _of_others(one)]
            yield from (f"{folder}{one.name}" for one in entries if one.is_file(follow_symlinks=False))


def _calmed(text: str) -> str:
    """`text` without runs that no file needs, and that patterns take the square of their length for."""
    for character in _RUNS:
        if character * RUN_CHARACTERS in text:
            text = re.sub(f"{re.escape(character)}{{{RUN_CHARACTERS},}}", character * RUN_CHARACTERS, text)
    return text


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _of_others(entry: os.DirEntry[str]) -> bool:
    """Whether tools made a folder or others wrote it: by its name, and where teams use the name, by its marks."""
    if entry.name not in OTHERS:
        return False
    marks = TOOLS_MARKS.get(entry.name)
    return marks is None or any((Path(entry.path) / mark).exists() for mark in marks)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def is_aside(path: str) -> bool:
    """Whether a file belongs to tests, examples, benchmarks or documents."""
    *folders, name = path.split("/")
    return bool(ASIDE & {folder.lower() for folder in folders}) or bool(_OF_TESTS.search(name))


def keyword(call: ast.Call, name: str) -> object | None:
    """The literal value of a keyword argument; None where it is missing or computed."""
    for argument in call.keywords:
        if argument.arg == name:
            try:
                return ast.literal_eval(argument.value)  # type: ignore[no-any-return]  # any literal there is
            except ValueError:
                return None
    return None


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _syntax(text: str) -> Iterator[ast.AST]:
    tree = syntax.module(text)
    if tree is not None:
        yield from ast.walk(tree)

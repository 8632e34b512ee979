"""What a source tree says that it depends on, by the manifests of its languages."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from roadworthy.inspection.probes import comments
from roadworthy.inspection.probes.repo import RepoProbe

MANIFESTS = (
    *("requirements*.txt", "requirements/*.txt", "*/requirements/*.txt", "pyproject.toml", "Pipfile"),
    *("package.json", "composer.json", "Gemfile", "go.mod", "Cargo.toml", "pom.xml", "build.gradle*", "*.csproj"),
)
ASIDE_GROUPS = re.compile(r"\b(?:dev|develop\w*|tests?|testing|docs?|lint\w*|types?|bench\w*)\b", re.IGNORECASE)
"""Groups of dependencies that don't reach production."""
NODES_LIMIT = 5_000
_REQUIREMENT = re.compile(r"^[ \t]*([A-Za-z0-9][\w.-]*)", re.MULTILINE)
_OTHERS = re.compile(
    r"^[ \t]*gem\s+[\"']([\w.-]+)|<artifactId>([\w.-]+)<|Include=\"([\w.-]+)\""
    r"|^[ \t]*(?:require\s+)?([\w.-]+(?:/[\w.-]+)+)\s+v\d"
    r"|^[ \t]*(?:implementation|api|runtimeOnly)\W+[\w.-]+:([\w.-]+)",
    re.MULTILINE,
)


def dependencies(repo: RepoProbe) -> Mapping[str, str]:
    """Name of each dependency that reaches production, as `normal` writes it -> the manifest that names it."""
    found: dict[str, str] = {}
    for path in repo.find(*MANIFESTS, aside=False):
        if not ASIDE_GROUPS.search(re.sub(r"[_.-]", " ", path.rpartition("/")[2].partition(".")[0])):
            for name in _names(path, repo.read(path)):
                found.setdefault(normal(name), path)
    return found


def manifests(repo: RepoProbe) -> int:
    """How many manifests the tree has."""
    return len(repo.find(*MANIFESTS, aside=False))


def normal(name: str) -> str:
    """One spelling of a package's name: lower case, with - for _ and ."""
    return re.sub(r"[_.]+", "-", name.strip().lower())


def _names(path: str, text: str) -> Iterator[str]:
    file = path.rpartition("/")[2]
    if file.endswith(".json"):
        yield from _of_json(text)
    elif file in {"pyproject.toml", "Pipfile", "Cargo.toml"}:
        yield from _of_toml(text)
    elif file.endswith(".txt"):
        yield from _REQUIREMENT.findall(re.sub(r"#.*", "", text))
    else:
        for groups in _OTHERS.findall(
            re.sub(r"^[ \t]*(?:#|//).*", "", comments.without(text, comments.XML), flags=re.MULTILINE)
        ):
            name = next(filter(None, groups))
            yield name
            yield name.rpartition("/")[2]


def _of_json(text: str) -> Iterator[str]:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return
    for key in ("dependencies", "optionalDependencies", "peerDependencies", "require"):
        part = package.get(key) if isinstance(package, dict) else None
        if isinstance(part, dict):
            yield from part
            yield from (name.rpartition("/")[2] for name in part if not name.startswith("@"))


def _of_toml(text: str) -> Iterator[str]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    project = _table(document, "project")
    poetry = _table(document, "tool", "poetry")
    groups = {**_table(project, "optional-dependencies"), **_table(document, "dependency-groups")}
    lists = [project.get("dependencies"), *(part for name, part in groups.items() if not ASIDE_GROUPS.search(name))]
    for part in lists:
        yield from _required(part if isinstance(part, list) else [])
    for table in (_table(poetry, "dependencies"), _table(document, "packages"), _table(document, "dependencies")):
        yield from table


def _required(lines: Iterable[object]) -> Iterator[str]:
    for line in lines:
        match = _REQUIREMENT.match(line) if isinstance(line, str) else None
        if match:
            yield match[1]


def _table(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        part = document.get(name)
        document = part if isinstance(part, dict) else {}
    return document

"""What a source tree says of the service in it: its stack, its files, the services that it expects beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.packages import dependencies
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.variables import variables_of

ENV_FILES = (".env", ".env.production", ".env.prod", ".env.local", ".env.staging", ".env.development")
EXAMPLES = re.compile(r"\.env[.\w-]*\.?(?:example|sample|template|dist)$|(?:^|/)env\.(?:example|sample)$")
COMPOSE = ("docker-compose*.y*ml", "compose*.y*ml")
CHECKLISTS = re.compile(r"checklist|production[-_ ]?read|go[-_ ]?live|launch", re.IGNORECASE)
LOG_FOLDERS = ("logs", "log", "var/log", "storage/logs")
WORKLOAD = re.compile(r"^kind:\s*(?:Deployment|StatefulSet)\b", re.MULTILINE)
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Stack:
    """A framework, the file that shows it, and the port that it usually listens on."""

    name: str
    because: str
    port: int


FRAMEWORKS: Mapping[str, tuple[str, int]] = {
    "django": ("Django", 8000),
    "fastapi": ("FastAPI", 8000),
    "litestar": ("Litestar", 8000),
    "flask": ("Flask", 5000),
    "starlette": ("Starlette", 8000),
    "@nestjs/core": ("NestJS", 3000),
    "next": ("Next.js", 3000),
    "express": ("Express", 3000),
    "fastify": ("Fastify", 3000),
    "koa": ("Koa", 3000),
    "rails": ("Rails", 3000),
    "sinatra": ("Sinatra", 4567),
    "spring-boot-starter-web": ("Spring Boot", 8080),
    "laravel/framework": ("Laravel", 8000),
    "axum": ("Axum", 3000),
    "actix-web": ("Actix", 8080),
    "gin": ("Gin", 8080),
    "echo": ("Echo", 8080),
    "fiber": ("Fiber", 3000),
    "chi": ("chi", 8080),
}
"""Name of a dependency -> the framework and its usual port."""
LANGUAGES: Mapping[str, tuple[str, int]] = {
    "manage.py": ("Django", 8000),
    "config/application.rb": ("Rails", 3000),
    "Gemfile": ("Ruby", 3000),
    "go.mod": ("Go", 8080),
    "Cargo.toml": ("Rust", 8080),
    "pom.xml": ("Java", 8080),
    "build.gradle": ("Java", 8080),
    "mix.exs": ("Elixir", 4000),
    "composer.json": ("PHP", 8000),
    "package.json": ("Node", 3000),
    "pyproject.toml": ("Python", 8000),
    "requirements.txt": ("Python", 8000),
    "Procfile": ("a Procfile", 5000),
    "Dockerfile": ("a Dockerfile", 8080),
}
"""A file that marks a service's source -> its language, where no framework is named."""


@dataclass(frozen=True, slots=True)
class Published:
    """A service of a compose file: the ports of this machine that lead to it, as (here, inside)."""

    name: str
    image: str
    ports: tuple[tuple[int, int], ...]
    file: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What was found; paths count from `root`. `variables` are values: they are looked at, never written."""

    root: Path
    stack: Stack | None = None
    env_file: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[str] = ()
    compose: Sequence[Published] = ()
    nginx: Sequence[str] = ()
    kubernetes: Sequence[str] = ()
    checklists: Sequence[str] = ()
    logs: str = ""

    def published(self, port: int, *images: str) -> Published | None:
        """The compose service that has one of these words in its image, or that offers `port` inside."""
        named = [one for one in self.compose if any(image in one.image for image in images)]
        offering = [one for one in self.compose if any(inside == port for _, inside in one.ports)]
        return next(iter(named or offering), None)


def is_service(root: Path) -> bool:
    """Whether a folder looks like the root of a service's source."""
    return any((root / name).is_file() for name in LANGUAGES)


def read(root: Path) -> Tree:
    """Look through the tree at `root`.

    Raises:
        Unobservable: there is no such folder, or it is too large to walk.
    """
    repo = RepoProbe(root)
    files = repo.files
    env_file = _env_file(files)
    return Tree(
        root=root,
        stack=_stack(repo),
        env_file=env_file,
        variables=variables_of(root / env_file) if env_file else {},
        examples=[path for path in files if EXAMPLES.search(path)][:SHOWN],
        compose=list(_compose(repo)),
        nginx=_nginx(repo),
        kubernetes=_kubernetes(repo),
        checklists=_checklists(files),
        logs=next((name for name in LOG_FOLDERS if any((root / name).glob("*.log"))), ""),
    )


def _stack(repo: RepoProbe) -> Stack | None:
    named = dependencies(repo)
    for dependency, (name, port) in FRAMEWORKS.items():
        if dependency in named:
            return Stack(name, f"{named[dependency]} names {dependency}", port)
    for path, (name, port) in LANGUAGES.items():
        found = [one for one in repo.files if one == path or one.endswith(f"/{path}")]
        if found:
            return Stack(name, f"{min(found, key=len)} is there", port)
    return None


def _env_file(files: Sequence[str]) -> str:
    """The env file nearest to the root; an example is none."""
    found = [path for path in files if path.rpartition("/")[2] in ENV_FILES]
    return min(found, key=lambda path: (path.count("/"), ENV_FILES.index(path.rpartition("/")[2])), default="")


def _nginx(repo: RepoProbe) -> Sequence[str]:
    conf = repo.find("nginx*.conf", "*/nginx/*", "*.nginx", "sites-available/*", aside=False)
    return [path for path in conf if re.search(r"\bserver\s*\{", repo.read(path))][:SHOWN]


def _kubernetes(repo: RepoProbe) -> Sequence[str]:
    manifests = repo.find("*.yaml", "*.yml", aside=False)[:500]
    return [path for path in manifests if WORKLOAD.search(repo.read(path))][:SHOWN]


def _checklists(files: Sequence[str]) -> Sequence[str]:
    named = [path for path in files if path.lower().endswith((".md", ".markdown")) and CHECKLISTS.search(path)]
    return sorted(named, key=lambda path: ("checklist" not in path.lower(), path.count("/"), path))[:SHOWN]


def _compose(repo: RepoProbe) -> Iterator[Published]:
    for path in repo.find(*COMPOSE)[:SHOWN]:
        try:
            services = yaml_files.table(yaml_files.document(repo.read(path)).get("services"))
        except yaml_files.NotYaml:
            continue
        for name, service in services.items():
            found = yaml_files.table(service)
            ports = tuple(pair for one in yaml_files.rows(found.get("ports")) if (pair := _port(one)))
            yield Published(name, str(found.get("image", "")), ports, path)


def _port(said: Any) -> tuple[int, int] | None:
    """`"127.0.0.1:5433:5432"`, `"${PORT:-8000}:8000"` or the long form, as (5433, 5432); None where none is fixed."""
    if isinstance(said, dict):
        said = f"{said.get('published', '')}:{said.get('target', '')}"
    plain = re.sub(r"\$\{\w+:?-(\d+)\}", r"\1", str(said)).partition("/")[0]
    match = re.search(r"(?:^|:)(\d{1,5}):(\d{1,5})$", plain)
    return (int(match[1]), int(match[2])) if match else None

"""What Dockerfiles and compose files say: how images are built, and which are run with what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.production import PRODUCTION, is_elsewhere
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, table

DOCKERFILES = ("Dockerfile", "Dockerfile.*", "*.Dockerfile", "Containerfile")
COMPOSE = ("docker-compose*.yml", "docker-compose*.yaml", "compose*.yml", "compose*.yaml")
_CONTINUED = re.compile(r"\\[ \t]*\n")
_HEREDOC = re.compile(r"<<-?['\"]?(\w+)")
_INSTRUCTION = re.compile(r"^[ \t]*([A-Za-z]+)\s+(.*)$")


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A stage of a Dockerfile: what it starts from, its name, and its instructions in order."""

    base: str
    name: str
    instructions: tuple[tuple[str, str], ...]

    def last(self, word: str) -> str | None:
        """The last instruction of this word; None where there is none."""
        return next((rest for one, rest in reversed(self.instructions) if one == word), None)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile of production: its stages, the last one being what runs. `arguments` are defaults of ARG."""

    path: str
    stages: tuple[BuildStage, ...]

    @property
    def final(self) -> BuildStage:
        """What runs."""
        return self.stages[-1]

    def lineage(self) -> Sequence[BuildStage]:
        """The final stage and those of this file that it stands on, the nearest first."""
        chain, by_name = [self.final], {one.name: one for one in self.stages if one.name}
        while chain[-1].base.lower() in by_name and len(chain) < len(self.stages):
            chain.append(by_name[chain[-1].base.lower()])
        return chain


@dataclass(frozen=True, slots=True)
class ComposeService:
    """A service of a compose file of production, files laid over each other already."""

    name: str
    path: str
    declared: Mapping[str, Any]

    @property
    def image(self) -> str:
        """The image that it runs; empty where it is built here."""
        return str(self.declared.get("image") or "")

    @property
    def built(self) -> bool:
        """Whether it is built from the tree."""
        return self.declared.get("build") is not None


def dockerfiles(repo: RepoProbe) -> tuple[Dockerfile, ...]:
    """Dockerfiles that production may be built by: without those of tests, development and examples."""
    read = ((path, _stages(repo.read(path))) for path in repo.find(*DOCKERFILES) if not is_elsewhere(path))
    return tuple(Dockerfile(path, stages) for path, stages in read if stages)


def compose(repo: RepoProbe) -> tuple[ComposeService, ...]:
    """Services of the compose files that production may run: its own where one is called so, else the plain one."""
    paths = [path for path in repo.find(*COMPOSE) if not is_elsewhere(path)]
    found: dict[tuple[str, str], ComposeService] = {}
    for path in sorted(paths, key=lambda one: (bool(PRODUCTION.search(PurePosixPath(one).name)), one)):
        try:
            services = table(yaml_files.document(repo.read(path)).get("services"))
        except NotYaml:
            continue
        folder = path.rpartition("/")[0]
        for name, told in services.items():
            before = found.get((folder, name))
            declared = {**(before.declared if before else {}), **table(told)}
            found[folder, name] = ComposeService(name, path, declared)
    return tuple(found.values())


def production_only(repo: RepoProbe) -> bool:
    """Whether a compose file is called production's."""
    return any(PRODUCTION.search(PurePosixPath(path).name) for path in repo.find(*COMPOSE))


def limits(service: ComposeService) -> Mapping[str, Any]:
    """What it may use: `memory` and `cpus`, by either way of writing."""
    told = table(at(service.declared, "deploy", "resources", "limits"))
    return {
        "memory": told.get("memory") or service.declared.get("mem_limit"),
        "cpus": told.get("cpus") or service.declared.get("cpus"),
    }


def _stages(text: str) -> tuple[BuildStage, ...]:
    arguments: dict[str, str] = {}
    stages: list[BuildStage] = []
    lines = [line for line in _without_heredocs(text) if not line.lstrip().startswith("#")]
    for line in _CONTINUED.sub(" ", "\n".join(lines)).splitlines():
        match = _INSTRUCTION.match(line)
        if match is None:
            continue
        word, rest = match[1].upper(), match[2].strip()
        if word == "ARG" and not stages:
            name, _, value = rest.partition("=")
            arguments[name.strip()] = value.strip().strip("\"'")
        elif word == "FROM":
            stages.append(_from(rest, arguments))
        elif stages:
            last = stages[-1]
            stages[-1] = BuildStage(last.base, last.name, (*last.instructions, (word, rest)))
    return tuple(stages)


def _without_heredocs(text: str) -> Iterator[str]:
    """Lines of a Dockerfile; what stands in a heredoc is a script, not an instruction."""
    until = ""
    for line in text.splitlines():
        if until:
            until = "" if line.strip() == until else until
            continue
        opened = _HEREDOC.search(line)
        until = opened[1] if opened else ""
        yield line.partition("<<")[0] if opened else line


def _from(rest: str, arguments: Mapping[str, str]) -> BuildStage:
    words = [word for word in rest.split() if not word.startswith("--")]
    base = re.sub(
        r"\$\{?(\w+)(?::-([^}]*))?\}?", lambda m: arguments.get(m[1]) or m[2] or m[0], words[0] if words else ""
    )
    named = words[2].lower() if len(words) > 2 and words[1].upper() == "AS" else ""  # noqa: PLR2004 - image AS name
    return BuildStage(base, named, ())

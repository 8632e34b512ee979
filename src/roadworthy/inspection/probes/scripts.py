"""What a command of a pipeline comes to: scripts of package.json, targets of a Makefile, shell scripts of the tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from roadworthy.inspection.probes import workflows
from roadworthy.inspection.probes.jobs import Job, Step, script
from roadworthy.inspection.probes.repo import RepoProbe

DEPTH_LIMIT = 4
STEPS_LIMIT = 2_000
TEXT_LIMIT_CHARACTERS = 60_000
LINE_LIMIT_CHARACTERS = 2_000
ALL_LIMIT_CHARACTERS = 2_000_000
"""Patterns are searched in these texts by every check of pipelines."""
_PACKAGE = re.compile(
    r"\b(?:npm|yarn|pnpm|bun)\s+(?:--?[\w-]+(?:[= ](?!run\b|test\b)[\w./@-]+)?\s+)*(?:run(?:-script)?\s+)?([\w:.-]+)"
)
_MAKE = re.compile(r"\b(?:make|just|task)\s+(?:-\w+\s+\S+\s+)*([\w.-]+)")
_SHELL = re.compile(
    r"(?:\b(?:bash|sh|source)\s+(?:-\w+\s+)*|(?:^|[\s;&|])\./|(?:^|[\s;&|])(?=(?:bin|scripts?|ci)/))([\w./-]+)"
)
_TOX = re.compile(r"\b(?:tox|nox)\b")
_TARGET = re.compile(r"^([\w.-]+(?: [\w.-]+)*)\s*:(?!=)([^\n]*)\n((?:[\t ]+[^\n]*\n|\s*\n)*)", re.MULTILINE)
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile", "justfile")


@dataclass(frozen=True, slots=True)
class Ran:
    """A step of a job, with everything that it comes to in `text`."""

    job: Job
    step: Step
    text: str

    @property
    def stops(self) -> bool:
        """Whether its failure stops the pipeline."""
        return not self.job.tolerated and not self.step.tolerated


def steps(repo: RepoProbe) -> tuple[Ran, ...]:
    """Every step of every job that `repo` defines."""
    jobs = repo.known(workflows.read).jobs
    found: list[Ran] = []
    size = 0
    for job, step in islice(((one, step) for one in jobs for step in one.steps), STEPS_LIMIT):
        found.append(Ran(job, step, expanded(repo, step.text)))
        size += len(found[-1].text)
        if size > ALL_LIMIT_CHARACTERS:
            break
    return tuple(found)


def expanded(repo: RepoProbe, text: str) -> str:
    """`text`, followed by what it runs of the tree's own; an own script that says nothing adds nothing."""
    parts = [text]
    seen: set[str] = set()
    for _ in range(DEPTH_LIMIT):
        found = {name: part for name, part in _called(repo, parts[-1]) if name not in seen}
        if not found:
            break
        seen |= set(found)
        parts.append("\n".join(found.values())[:TEXT_LIMIT_CHARACTERS])
    lines = "\n".join(parts)[:TEXT_LIMIT_CHARACTERS].splitlines()
    return "\n".join(line[:LINE_LIMIT_CHARACTERS] for line in lines)


def of_package(repo: RepoProbe) -> Mapping[str, tuple[str, ...]]:
    """Scripts of every package.json of the tree: name -> commands."""
    found: dict[str, tuple[str, ...]] = {}
    for path in repo.find("package.json", aside=False):
        try:
            package = json.loads(repo.read(path))
        except (ValueError, RecursionError):
            continue
        told = package.get("scripts") if isinstance(package, dict) else None
        for name, command in told.items() if isinstance(told, dict) else ():
            found[str(name)] = (*found.get(str(name), ()), str(command))
    return found


def targets(repo: RepoProbe) -> Mapping[str, str]:
    """Targets of the Makefile (or justfile) at the root: name -> its commands and the targets that it needs."""
    text = next((repo.read(name) for name in _MAKEFILES if name in repo.files), "")
    found: dict[str, str] = {}
    for match in _TARGET.finditer(text + "\n"):
        needs = " ".join(f"make {name};" for name in re.findall(r"[\w.-]+", match[2].partition("#")[0]))
        body = "\n".join(line.strip().lstrip("@-") for line in match[3].splitlines())
        for name in match[1].split():
            found[name] = script(f"{needs}\n{body}")
    return found


def _called(repo: RepoProbe, text: str) -> Iterator[tuple[str, str]]:
    own = repo.known(of_package)
    for match in _PACKAGE.finditer(text):
        name = {"t": "test", "tst": "test"}.get(match[1], match[1])
        for command in own.get(name, ()):
            yield f"script {name} {command}", command
    made = repo.known(targets)
    for match in _MAKE.finditer(text):
        if match[1] in made:
            yield f"target {match[1]}", made[match[1]]
    for match in _SHELL.finditer(text):
        path = match[1].removeprefix("./")
        if path in repo.files:
            yield path, script(repo.read(path))
    if _TOX.search(text):
        for path in repo.find("tox.ini", "noxfile.py"):
            yield path, script(repo.read(path))

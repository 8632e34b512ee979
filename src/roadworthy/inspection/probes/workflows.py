"""What continuous integration does: the jobs of every system that is read here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from roadworthy.inspection.probes import other_pipelines, yaml_files
from roadworthy.inspection.probes.jobs import (
    HAND,
    PULL,
    PUSH,
    RELEASE,
    REUSE_DEPTH,
    SCHEDULE,
    TAG,
    UNSEEN,
    Integration,
    Job,
    Step,
    doubtful,
    lets_fail,
    never,
    script,
    true,
)
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, rows, table, texts

JOBS_LIMIT = 1_000
OTHER_SYSTEMS = (
    *("azure-pipelines.yml", "bitbucket-pipelines.yml", ".travis.yml", ".drone.yml", "appveyor.yml"),
    *(".buildkite/pipeline.yml", ".woodpecker.yml", ".semaphore/semaphore.yml", "cloudbuild.yaml"),
)
"""Found, they say that something runs which is not read here."""
_BRANCH = re.compile(r"github\.ref(?:_name)?\s*==\s*'(?:refs/heads/)?([^']+)'")


def read(repo: RepoProbe) -> Integration:
    """Everything that `repo` says about its continuous integration."""
    jobs: list[Job] = []
    broken: list[str] = []
    files: list[str] = []
    for path, parse in _sources(repo):
        files.append(path)
        try:
            jobs += parse(repo, path)
        except NotYaml as problem:
            broken.append(f"{path} can't be read: {problem}")
    others = tuple(path for path in repo.files if path in OTHER_SYSTEMS)
    return Integration(tuple(jobs[:JOBS_LIMIT]), tuple(broken), others, tuple(files))


def _sources(repo: RepoProbe) -> Iterator[tuple[str, Any]]:
    for path in repo.files[:]:
        if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", path):
            yield path, _github
        elif path in {".gitlab-ci.yml", ".gitlab-ci.yaml"}:
            yield path, other_pipelines.gitlab
        elif path in {".circleci/config.yml", ".circleci/config.yaml"}:
            yield path, other_pipelines.circle
        elif path == "Jenkinsfile":
            yield path, other_pipelines.jenkins


def _github(repo: RepoProbe, path: str) -> list[Job]:
    document = yaml_files.document(repo.read(path))
    on = document.get("on", document.get("true"))
    triggers, branches = _github_triggers(on)
    called_only = triggers <= {UNSEEN}
    caller = _Caller(triggers, branches, paths=_github_paths(on))
    return [] if called_only else list(_github_jobs(repo, path, document, caller))


def _github_paths(on: Any) -> tuple[str, ...]:
    """Paths whose change alone starts the workflow; none where some change of any path does."""
    told = [table(table(on).get(event)) for event in ("push", "pull_request") if isinstance(on, dict) and event in on]
    return tuple(texts(told[0].get("paths"))) if told and all(one.get("paths") for one in told) else ()


def _github_triggers(on: Any) -> tuple[frozenset[str], tuple[str, ...]]:
    events = {str(name): None for name in rows(on)} if not isinstance(on, dict) else table(on)
    found: set[str] = set()
    branches: list[str] = []
    for event, told in events.items():
        if event == "push":
            detail = table(told)
            only_tags = ("tags" in detail or "tags-ignore" in detail) and "branches" not in detail
            found.add(TAG if only_tags else PUSH)
            branches += texts(detail.get("branches"))
        elif event in {"pull_request", "pull_request_target", "merge_group"}:
            found.add(PULL)
        else:
            kinds = {"schedule": SCHEDULE, "release": RELEASE, "workflow_call": UNSEEN}
            found.add(kinds.get(event, PUSH if event == "workflow_run" else HAND))
    return frozenset(found), tuple(branches)


@dataclass(frozen=True, slots=True)
class _Caller:
    """What a called workflow inherits."""

    triggers: frozenset[str]
    branches: tuple[str, ...]
    depth: int = 0
    tolerated: bool = False
    paths: tuple[str, ...] = ()


def _github_jobs(repo: RepoProbe, path: str, document: Mapping[str, Any], caller: _Caller) -> Iterator[Job]:
    for name, told in table(document.get("jobs")).items():
        job = table(told)
        condition, called = str(job.get("if") or ""), str(job.get("uses") or "")
        if never(job.get("if")):
            continue
        now = replace(
            caller,
            triggers=_narrowed(caller.triggers, condition),
            branches=tuple(_BRANCH.findall(condition)) or caller.branches,
            tolerated=caller.tolerated or true(job.get("continue-on-error")),
        )
        local = called.removeprefix("./") if called.startswith("./") else ""
        if local and local in repo.files and caller.depth < REUSE_DEPTH:
            inner = yaml_files.document(repo.read(local))
            yield from _github_jobs(repo, local, inner, replace(now, depth=caller.depth + 1))
        else:
            yield _github_job(repo, path, name, job, now)


def _github_job(repo: RepoProbe, path: str, name: str, job: Mapping[str, Any], now: _Caller) -> Job:
    environment, called = job.get("environment"), str(job.get("uses") or "")
    return Job(
        *("GitHub Actions", path, name, now.triggers, tuple(_github_steps(repo, job.get("steps"), now.depth))),
        tolerated=now.tolerated,
        unread=(called,) if called else (),
        environment=str(at(environment, "name") or (environment if isinstance(environment, str) else "")),
        branches=now.branches,
        paths=now.paths,
        image=str(at(job, "container", "image") or ""),
    )


def _github_steps(repo: RepoProbe, told: Any, depth: int) -> Iterator[Step]:
    for one in rows(told):
        step = table(one)
        if never(step.get("if")):
            continue
        uses = str(step.get("uses") or "")
        tolerated = true(step.get("continue-on-error")) or doubtful(step.get("if"))
        if uses.startswith("./") and depth < REUSE_DEPTH:
            yield from (
                replace(inner, tolerated=inner.tolerated or tolerated) for inner in _composite(repo, uses, depth)
            )
            continue
        given = {name: str(value) for name, value in table(step.get("with")).items()}
        run = script(str(step.get("run") or ""))
        yield Step(run, uses, tolerated or lets_fail(run), given)


def _composite(repo: RepoProbe, uses: str, depth: int) -> Iterator[Step]:
    folder = uses.removeprefix("./").rstrip("/")
    for name in (f"{folder}/action.yml", f"{folder}/action.yaml"):
        if name in repo.files:
            yield from _github_steps(repo, at(yaml_files.document(repo.read(name)), "runs", "steps"), depth + 1)
            return
    yield Step(uses=uses)


def _narrowed(triggers: frozenset[str], condition: str) -> frozenset[str]:
    """What is left of `triggers` under the job's own condition, where that speaks of the event."""
    events = {"push": PUSH, "pull_request": PULL, "schedule": SCHEDULE, "release": RELEASE, "workflow_dispatch": HAND}
    if doubtful(condition):
        return frozenset({UNSEEN})
    named = re.findall(r"github\.event_name\s*==\s*'(\w+)'", condition)
    if named and condition.count("||") == len(named) - 1:
        return triggers & frozenset(events.get(name, UNSEEN) for name in named)
    if re.search(r"startsWith\(\s*github\.ref\s*,\s*'refs/tags", condition):
        return frozenset({TAG}) if triggers & {PUSH, TAG} else frozenset()
    return triggers

"""Jobs of GitLab CI and CircleCI, and of a Jenkinsfile as far as it can be read without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.jobs import (
    HAND,
    PULL,
    PUSH,
    REUSE_DEPTH,
    SCHEDULE,
    TAG,
    UNSEEN,
    Job,
    Step,
    lets_fail,
    script,
)
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import at, rows, table, texts

_RESERVED = frozenset(
    {"stages", "variables", "include", "default", "workflow", "image", "services", "cache", "before_script"}
    | {"after_script", "spec", "pages:deploy"}
)
JENKINS_LIMIT_BYTES = 32 * 1024
"""Read by patterns that look for an end: what has none costs its square."""
_SLASHED = re.compile(r"/\*.*?\*/|(?m:^[ \t]*//.*$)|(?m:(?<=[\s;])//.*$)", re.DOTALL)
_SHELL = re.compile(
    r"\b(?:sh|bat|powershell)\b\s*\(?\s*(?:script:\s*)?"
    r"(?:'''(.*?)'''|\"\"\"(.*?)\"\"\"|'([^'\n]*)'|\"([^\"\n]*)\")",
    re.DOTALL,
)


def gitlab(repo: RepoProbe, path: str) -> list[Job]:
    """The jobs of `.gitlab-ci.yml` with what it includes from the tree. Raises NotYaml."""
    document, unread = _included(repo, path, 0)
    if _no_pipeline(document):
        return []
    default = table(document.get("default")) or document
    shared = texts(default.get("before_script"))
    jobs = []
    for name, told in document.items():
        if name in _RESERVED or name.startswith(".") or not isinstance(told, dict):
            continue
        job = _extended(document, table(told), 0)
        if job.get("script") is None and job.get("trigger") is None:
            continue
        jobs.append(_gitlab_job(path, name, job, shared, unread))
    return jobs


def _gitlab_job(path: str, name: str, job: Mapping[str, Any], shared: Sequence[str], unread: tuple[str, ...]) -> Job:
    before = texts(job.get("before_script")) if "before_script" in job else shared
    lines = [*before, *texts(job.get("script"))]
    steps = tuple(Step(run=script(line), tolerated=lets_fail(line)) for line in lines)
    opaque = ("a reference",) if any(yaml_files.UNREAD in line for line in lines) or job.get("trigger") else ()
    triggers, branches = _gitlab_triggers(job)
    environment = job.get("environment")
    return Job(
        "GitLab CI", path, name, triggers, steps,
        tolerated=bool(job.get("allow_failure")),
        unread=(*unread, *opaque),
        environment=str(at(environment, "name") or (environment if isinstance(environment, str) else "")),
        branches=branches,
        image=str(at(job, "image", "name") or (job.get("image") if isinstance(job.get("image"), str) else "") or ""),
    )  # fmt: skip


def _included(repo: RepoProbe, path: str, depth: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The file with what it includes from the tree, and what it includes from elsewhere."""
    document = dict(yaml_files.document(repo.read(path)))
    merged: dict[str, Any] = {}
    unread: list[str] = []
    for one in rows(document.pop("include", None)):
        local = one if isinstance(one, str) and "://" not in one else str(at(one, "local") or "")
        wanted = local.lstrip("/")
        if wanted in repo.files and depth < REUSE_DEPTH:
            inner, more = _included(repo, wanted, depth + 1)
            merged |= inner
            unread += more
        else:
            unread.append(local or str(at(one, "template") or at(one, "project") or at(one, "component") or one)[:100])
    return {**merged, **document}, tuple(unread)


def _extended(document: Mapping[str, Any], job: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    whole: dict[str, Any] = {}
    for parent in texts(job.get("extends")) if depth < REUSE_DEPTH else ():
        whole |= _extended(document, table(document.get(parent)), depth + 1)
    return {**whole, **job}


def _no_pipeline(document: Mapping[str, Any]) -> bool:
    rules = [table(rule) for rule in rows(at(document, "workflow", "rules"))]
    return bool(rules) and all(rule.get("when") == "never" for rule in rules)


def _gitlab_triggers(job: Mapping[str, Any]) -> tuple[frozenset[str], tuple[str, ...]]:
    if "rules" in job:
        rules = [table(rule) for rule in rows(job["rules"])]
        runs = [rule for rule in rules if rule.get("when") not in {"never", "manual"}]
        conditions = [str(rule.get("if") or "") for rule in runs]
        found = frozenset().union(*(_gitlab_rule(condition) for condition in conditions))
        if not runs:
            found = frozenset({HAND}) if any(rule.get("when") == "manual" for rule in rules) else frozenset()
        named = tuple(re.findall(r"\$CI_COMMIT_BRANCH\s*==\s*[\"']([^\"']+)", " ".join(conditions)))
        return (frozenset({HAND}) if job.get("when") == "manual" else found), named
    if job.get("when") == "manual":
        return frozenset({HAND}), ()
    only = texts(at(job, "only", "refs") or job.get("only"))
    kinds = {"tags": TAG, "merge_requests": PULL, "schedules": SCHEDULE, "web": HAND, "triggers": HAND, "api": HAND}
    triggers = frozenset(kinds.get(name, PUSH) for name in only) or frozenset({PUSH})
    return triggers, tuple(name for name in only if name not in kinds)


def _gitlab_rule(condition: str) -> frozenset[str]:
    if re.search(r"\$CI_PIPELINE_SOURCE\s*==\s*[\"']schedule", condition):
        return frozenset({SCHEDULE})
    if "merge_request" in condition.lower():
        return frozenset({PULL})
    if "$CI_COMMIT_TAG" in condition and "CI_COMMIT_BRANCH" not in condition:
        return frozenset({TAG})
    return frozenset({PUSH})


def circle(repo: RepoProbe, path: str) -> list[Job]:
    """The jobs that the workflows of CircleCI run. Raises NotYaml."""
    document = yaml_files.document(repo.read(path))
    jobs = table(document.get("jobs"))
    found = []
    for flow, told in table(document.get("workflows")).items():
        flow_told = table(told)
        triggers = frozenset(
            {SCHEDULE} if any("schedule" in table(one) for one in rows(flow_told.get("triggers"))) else {PUSH}
        )
        for entry in rows(flow_told.get("jobs")):
            name, options = (entry, {}) if isinstance(entry, str) else next(iter(table(entry).items()), ("", {}))
            if at(options, "type") == "approval" or not name:
                continue
            branches = tuple(texts(at(options, "filters", "branches", "only")))
            told_job = table(jobs.get(name))
            steps = tuple(_circle_steps(document, told_job.get("steps")))
            unread = () if told_job else (f"orb job {name}",)
            found.append(Job("CircleCI", path, f"{flow}/{name}", triggers, steps, unread=unread, branches=branches))
    if not found and "build" in jobs:
        found.append(
            Job(
                "CircleCI", path, "build", frozenset({PUSH}), tuple(_circle_steps(document, at(jobs, "build", "steps")))
            )
        )
    return found


def _circle_steps(document: Mapping[str, Any], told: Any, depth: int = 0) -> Iterator[Step]:
    for one in rows(told):
        if isinstance(one, str):
            command = at(document, "commands", one, "steps")
            yield from (
                _circle_steps(document, script, depth + 1) if command and depth < REUSE_DEPTH else [Step(uses=one)]
            )
            continue
        for name, value in table(one).items():
            command = at(document, "commands", name, "steps")
            if name == "run":
                run = script(str(at(value, "command") or (value if isinstance(value, str) else "")))
                yield Step(run=run, tolerated=lets_fail(run))
            elif command and depth < REUSE_DEPTH:
                yield from _circle_steps(document, script, depth + 1)
            else:
                yield Step(uses=name, given={key: str(inner) for key, inner in table(value).items()})


def jenkins(repo: RepoProbe, path: str) -> list[Job]:
    """One job with every shell command of a Jenkinsfile: which stage runs when, only Jenkins knows."""
    text = _SLASHED.sub("", repo.read(path, JENKINS_LIMIT_BYTES))
    commands = [next((part for part in groups if part), "") for groups in _SHELL.findall(text)]
    steps = tuple(Step(run=script(command), tolerated=lets_fail(command)) for command in commands if command)
    return [Job("Jenkins", path, "pipeline", frozenset({UNSEEN}), steps)]

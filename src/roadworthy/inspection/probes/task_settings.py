"""How a source tree sets up its background tasks: retries, time limits, priorities, by library."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from roadworthy.inspection.probes import packages
from roadworthy.inspection.probes.repo import Match, RepoProbe, keyword

LIBRARIES = ("celery", "dramatiq", "rq", "django-rq", "arq", "huey", "bullmq", "bull", "bee-queue", "sidekiq", "resque",
             "delayed-job", "good-job", "solid-queue", "asynq", "pg-boss", "agenda", "apscheduler", "procrastinate",
             "pgqueuer", "node-cron", "node-resque", "taskiq")  # fmt: skip
RETRIES_ITSELF = {"dramatiq": 20.0, "sidekiq": 25.0, "asynq": 25.0}
"""Libraries that retry unless told not to, and how often."""
KEEPS_DEAD = frozenset({"dramatiq", "sidekiq", "rq", "django-rq", "bullmq", "bull", "asynq", "resque", "pg-boss"})
"""Libraries that keep what failed for good where it can be looked at."""
ENDS_ITSELF = {"dramatiq": 600.0, "rq": 180.0, "django-rq": 360.0, "arq": 300.0, "asynq": 1800.0}
"""Libraries that end a task by themselves, after so many seconds."""
SCRIPTS = ("*.js", "*.mjs", "*.cjs", "*.ts")
QUEUE_FILE = re.compile(r"""['"](?:bullmq|bull|bee-queue|pg-boss|agenda|@nestjs/bullm?q?)['"]""")
_SETTING = re.compile(
    r"""(?P<name>(?:CELERY_)?TASK_(?:SOFT_)?TIME_LIMIT|(?:CELERYD?_)?TASK_(?:SOFT_)?TIME_LIMIT|task_(?:soft_)?time_limit"""
    r"""|task_queue_max_priority|CELERY_TASK_QUEUE_MAX_PRIORITY|DEFAULT_TIMEOUT)['"]?\s*[=:]\s*"""
    r"""(?P<value>\d[\d_]*(?:\s*\*\s*\d+)*)"""
)
_SCRIPT_RETRY = re.compile(r"\b(?:attempts|retryLimit|maxAttempts)\s*:\s*(\d+)")
_SCRIPT_PRIORITY = re.compile(r"\bpriority\s*:\s*(?!\s*(?:undefined|null|0\b))[\w.]+")
_SCRIPT_TIMEOUT = re.compile(r"\b(?:timeout|expireInSeconds|lockDuration)\s*:\s*(\d[\d_]*(?:\s*\*\s*\d+)*)")
_RUBY = re.compile(
    r"\bsidekiq_options\b.{0,300}?\bretry:\s{0,9}(\d{1,9}|true|false)|\bretry_on\b.{0,300}?attempts:\s{0,9}(\d{1,9})"
)
_RUBY_QUEUES = re.compile(r"^[ \t]*-\s*\[\s*[\w-]+\s*,\s*\d+\s*\]")


class Sets(StrEnum):
    """What a setting is about."""

    RETRY = "retry"
    TIMEOUT = "timeout"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in the tree; `value` in attempts or seconds, None where it is computed or none is needed."""

    about: Sets
    value: float | None
    where: Match
    every: bool = False
    """Whether it holds for all tasks rather than for one."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What the tree says. `declared` counts tasks that are declared one by one, `retried` those that say how often."""

    libraries: Sequence[str]
    dependencies: int
    settings: Sequence[Setting]
    declared: int
    retried: int

    def about(self, what: Sets) -> Sequence[Setting]:
        """Settings about one thing."""
        return [one for one in self.settings if one.about is what]


def read(repo: RepoProbe) -> Tasks:
    """What `repo` says about its background tasks; code of tests and examples does not count."""
    known = packages.dependencies(repo)
    found = [name for name in LIBRARIES if packages.normal(name) in known]
    if not found:
        return Tasks((), len(known), (), 0, 0)
    declared = repo.calls("task", "shared_task", "actor", "periodic_task")
    settings = [*_declarations(declared), *_calls(repo), *_assigned(repo), *_scripts(repo), *_ruby(repo)]
    retried = sum(_retries(call) is not None for _, call in declared)
    return Tasks(tuple(found), len(known), tuple(settings), len(declared), retried)


def _declarations(declared: Sequence[tuple[Match, ast.Call]]) -> Iterator[Setting]:
    for match, call in declared:
        retries = _retries(call)
        if retries is not None:
            yield Setting(Sets.RETRY, retries if retries >= 0 else None, match)
        for name, scale in (("time_limit", 0.001 if "actor" in match.text else 1.0), ("soft_time_limit", 1.0)):
            limit = _number(keyword(call, name))
            if limit is not None:
                yield Setting(Sets.TIMEOUT, limit * scale, match)
        if keyword(call, "priority") is not None:
            yield Setting(Sets.PRIORITY, None, match)


def _retries(call: ast.Call) -> float | None:
    """Attempts that a declaration gives: -1 where it retries without a number, None where it does not."""
    for name in ("max_retries", "retries"):
        number = _number(keyword(call, name))
        if number is not None:
            return number or None
    if keyword(call, "autoretry_for") == ():
        return None
    kwargs = keyword(call, "retry_kwargs")
    if isinstance(kwargs, dict) and _number(kwargs.get("max_retries")):
        return _number(kwargs.get("max_retries"))
    # Celery's own number where it is not given: 3; the tuple of exceptions is no literal, so its name decides
    return 3.0 if any(argument.arg == "autoretry_for" for argument in call.keywords) else None


def _calls(repo: RepoProbe) -> Iterator[Setting]:
    for match, call in repo.calls("Retry", "enqueue", "enqueue_in", "enqueue_at", "Queue", "apply_async"):
        most = _number(keyword(call, "max"))
        if match.text.startswith(("Retry(", "rq.Retry(")) and most:
            yield Setting(Sets.RETRY, most, match)
        for name in ("job_timeout", "default_timeout"):
            limit = _number(keyword(call, name))
            if limit:
                yield Setting(Sets.TIMEOUT, limit, match, every=name == "default_timeout")
        if _number(keyword(call, "priority")) is not None:
            yield Setting(Sets.PRIORITY, None, match)


def _assigned(repo: RepoProbe) -> Iterator[Setting]:
    for match in repo.grep(_SETTING, "*.py", limit=40):
        for found in () if match.text.lstrip().startswith("#") else _SETTING.finditer(match.text):
            about = Sets.PRIORITY if "priority" in found["name"].lower() else Sets.TIMEOUT
            yield Setting(about, _product(found["value"]), match, every=True)


def _scripts(repo: RepoProbe) -> Iterator[Setting]:
    for path in repo.find(*SCRIPTS, aside=False):
        text = repo.read(path)
        if not QUEUE_FILE.search(text):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith(("//", "*", "/*")):
                continue
            match = Match(path, number, line.strip()[:200])
            if found := _SCRIPT_RETRY.search(line):
                yield Setting(Sets.RETRY, float(found[1]), match, every="defaultJobOptions" in text)
            if found := _SCRIPT_TIMEOUT.search(line):
                yield Setting(Sets.TIMEOUT, _product(found[1]) / 1000, match, every="defaultJobOptions" in text)
            if _SCRIPT_PRIORITY.search(line):
                yield Setting(Sets.PRIORITY, None, match)


def _ruby(repo: RepoProbe) -> Iterator[Setting]:
    for match in repo.grep(_RUBY, "*.rb", limit=60):
        found = _RUBY.search(match.text)
        number = (found[1] or found[2]) if found else None
        if number and number != "false" and not match.text.startswith("#"):
            yield Setting(Sets.RETRY, float(number) if number.isdigit() else None, match)
    for match in repo.grep(_RUBY_QUEUES, "*sidekiq*.yml", limit=5):
        yield Setting(Sets.PRIORITY, None, match, every=True)


def _product(text: str) -> float:
    result = 1.0
    for part in text.split("*"):
        result *= float(part.strip().replace("_", ""))
    return result


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

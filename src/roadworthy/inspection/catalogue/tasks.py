"""Background tasks: retried, ended in time, urgent ones first, measured."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.declaring import Run, of_tree
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement, Strength
from roadworthy.inspection.probes import exposition, task_settings
from roadworthy.inspection.probes.http import Answer
from roadworthy.inspection.probes.task_settings import ENDS_ITSELF, KEEPS_DEAD, RETRIES_ITSELF, Sets, Setting, Tasks
from roadworthy.inspection.redaction import unsaid

MORE_THAN_SET = re.compile(r"monitor|alert|tested|replay|dashboard|documented|validate", re.IGNORECASE)
QUEUE = re.compile(
    r"celery|(?:^|_)rq_|sidekiq|bull|dramatiq|resque|(?:^|_)arq_|huey|good_job|solid_queue|asynq|tasks?(?:_|\.|$)|queue",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"pool|(?:^|_)db_|pg_|sql|http|request|tcp|listen|conn|thread|event_loop|asyncio|puma|gunicorn|uwsgi|nginx|nodejs|process_|go_",
    re.IGNORECASE,
)
"""What else waits in a queue: connections, requests, threads."""
JOBS = re.compile(r"(?:^|[_./])jobs?(?:[_./]|$)", re.IGNORECASE)
"""On a job board these are vacancies: only what vacancies never do makes a queue of them."""
DEPTH = re.compile(
    r"waiting|pending|queued|active|failed|depth|length|backlog|size|ready|delayed|messages|in_progress|lag",
    re.IGNORECASE,
)
QUEUED = re.compile(
    r"waiting|pending|queued|failed|depth|backlog|delayed|in_progress|retr(?:y|ies)|dead", re.IGNORECASE
)
TIME = re.compile(r"duration|seconds|latency|time|_ms$", re.IGNORECASE)
NODES_LIMIT = 500
DEAD = re.compile(r"\bdead\b|dead-?letter|\bdlq\b|poison", re.IGNORECASE)
ALSO_RETRIED = re.compile(r"\bretr(?:y|ies|ied)\b|\battempts?\b|\bback-?off", re.IGNORECASE)


async def _tasks(probes: Probes, *, subject: str) -> tuple[Tasks, Evidence]:
    repo = offered(probes.repo, "repo")
    found = await asyncio.to_thread(task_settings.read, repo)
    if not found.libraries:
        raise Unobservable(
            f"no library for background tasks that is known is among {found.dependencies} dependencies",
            "name the library in the line, or show its settings",
        )
    if MORE_THAN_SET.search(subject):
        raise Unobservable("the line asks more than that it is set up", "ask for the setting in a line of its own")
    shown = (
        "\n".join(f"{one.where.path}:{one.where.line}: {unsaid(one.where.text)}" for one in found.settings[:12])
        or "no setting"
    )
    return found, observe(f"settings of {listed(found.libraries)}", shown, repo.vantage)


async def _retried(probes: Probes, requirement: Requirement) -> Verdict:
    subject, wanted = requirement.text("subject"), requirement.number("attempts")
    found, evidence = await _tasks(probes, subject=subject)
    settings = found.about(Sets.RETRY)
    if DEAD.search(subject) and not set(found.libraries) & KEEPS_DEAD:
        return unknown(
            f"{found.libraries[0]} keeps no dead letters by itself; whether the broker does was not seen", evidence
        )
    itself = next((name for name in found.libraries if name in RETRIES_ITSELF), "")
    if not settings and itself and wanted in {None, RETRIES_ITSELF[itself]}:
        return passed(f"{itself} retries {RETRIES_ITSELF[itself]:g} times unless told otherwise", evidence)
    if DEAD.search(subject) and not settings and not ALSO_RETRIED.search(subject):
        return unknown(
            f"{listed(set(found.libraries) & KEEPS_DEAD)} keeps what failed; whether anybody looks there was not seen",
            evidence,
            mend="attest to who looks at failed tasks, or alert on their number",
        )
    if not settings:
        return failed(f"no task is retried: {found.libraries[0]} tries once unless told otherwise", evidence,
                      mend="give tasks a number of attempts and a growing pause",
                      patch="@app.task(autoretry_for=(OSError,), max_retries=3, retry_backoff=True)")  # fmt: skip
    everywhere = bool(itself) or any(one.every for one in settings)
    if found.declared > found.retried > 0 and not everywhere:
        words = f"{found.retried} of {found.declared} tasks are retried; which of the others should be is yours to say"
        return unknown(words, evidence, mend="a base class with retries for all")
    return _of_that_value(settings, wanted, "attempts", evidence)


async def _ended(probes: Probes, requirement: Requirement) -> Verdict:
    found, evidence = await _tasks(probes, subject=requirement.text("subject"))
    settings, wanted = found.about(Sets.TIMEOUT), requirement.number("seconds")
    itself = next((name for name in found.libraries if name in ENDS_ITSELF), "")
    if not settings and itself and wanted in {None, ENDS_ITSELF[itself]}:
        return passed(f"{itself} ends a task after {ENDS_ITSELF[itself]:g} seconds unless told otherwise", evidence)
    if not settings:
        return failed(f"nothing ends a task: no time limit is set for {listed(found.libraries)}", evidence,
                      mend="a hard limit for all tasks", patch="task_time_limit = 300")  # fmt: skip
    return _of_that_value(settings, wanted, "seconds", evidence)


def _of_that_value(settings: Sequence[Setting], wanted: float | None, unit: str, evidence: Evidence) -> Verdict:
    fitting = [one for one in settings if wanted is None or one.value == wanted]
    if fitting:
        said = f"{fitting[0].value:g} {unit}" if fitting[0].value is not None else "set"
        return passed(f"{said} at {fitting[0].where.path}:{fitting[0].where.line}", evidence)
    values = listed(sorted({f"{one.value:g}" for one in settings if one.value is not None}))
    if values == "none":
        return unknown(f"it is set, but computed: whether to {wanted:g} {unit} was not seen", evidence)
    return failed(f"{values} {unit} are set, the line says {wanted:g}", evidence, mend="mend the setting, or the line")


async def _urgent(probes: Probes, requirement: Requirement) -> Verdict:
    found, evidence = await _tasks(probes, subject=requirement.text("subject"))
    settings = found.about(Sets.PRIORITY)
    if not settings:
        return failed(f"no task has a priority, and no queue of {listed(found.libraries)} a weight", evidence,
                      mend="a priority for urgent tasks, or a queue of their own that workers drain first")  # fmt: skip
    return passed(
        f"set at {settings[0].where.path}:{settings[0].where.line}: {unsaid(settings[0].where.text)[:80]}", evidence
    )


async def _measured(probes: Probes, requirement: Requirement) -> Verdict:
    http, subject = offered(probes.http, "http"), requirement.text("subject")
    if re.search(r"\balert|tested\b|dashboard", subject, re.IGNORECASE):
        raise Unobservable("the line asks for more than figures of the queue", "ask for them in a line of its own")
    path = requirement.text("path")
    answer = await surface.real(http, path) if path.startswith("/") else (await surface.metrics(probes, requirement))[0]
    names = _figures(answer, path)
    timed = bool(re.search(r"processing time|duration|how long|latenc", subject, re.IGNORECASE))
    wanted = TIME if timed else DEPTH
    fitting = [name for name in names if wanted.search(name)]
    shown = f"{answer.status}; figures about the queue: {listed(names, 20)}"
    evidence = observe(f"GET {answer.path}", shown, http.vantage, basis=f"{answer.status} {listed(names, 100)}")
    what = "how long tasks take" if timed else "how many tasks wait, run or failed"
    if not fitting:
        return failed(
            f"{answer.path} does not tell {what}",
            evidence,
            mend="publish waiting, running and failed tasks, and their time",
        )
    return passed(f"{answer.path} tells {listed(fitting, 5)}", evidence)


def _figures(answer: Answer, path: str) -> Sequence[str]:
    """Names of figures that are about a queue: of series, or of numbers in JSON at an address that the line names."""
    body = answer.json() if "json" in answer.content_type else None
    if body is not None:
        names = dict.fromkeys(_numbers(body, ""))
        return [name for name in names if _of_a_queue(f"{path.replace('/', '.')}.{name}", name)]
    return [name for name in exposition.parse(answer.text).names if _of_a_queue(name, name)]


def _of_a_queue(whole: str, name: str) -> bool:
    """Whether a figure is about a queue; `whole` is its name with the address that it stands at."""
    if OTHERS.search(name):
        return False
    if QUEUE.search(whole):
        return True
    return bool(JOBS.search(whole)) and bool(QUEUED.search(name) or TIME.search(name))


def _numbers(value: object, name: str) -> Iterator[str]:
    """Dotted names of the numbers in a document, at most `NODES_LIMIT` of its nodes."""
    waiting: list[tuple[str, object]] = [(name, value)]
    for _ in range(NODES_LIMIT):
        if not waiting:
            return
        at, node = waiting.pop()
        if isinstance(node, dict):
            waiting += [(f"{at}.{key}".strip("."), inner) for key, inner in node.items()]
        elif isinstance(node, list):
            waiting += [(at, inner) for inner in node[:20]]
        elif isinstance(node, int | float) and not isinstance(node, bool):
            yield at


REQUIRES = {"requirements.txt": "celery==5.4\n"}
BARE = {**REQUIRES, "app/tasks.py": "@app.task()\ndef send(to): ...\n"}
SET = {
    **REQUIRES,
    "app/celery.py": "app.conf.update(task_time_limit=300, task_queue_max_priority=10)\n",
    "app/tasks.py": "@app.task(autoretry_for=(OSError,), max_retries=3)\ndef send(to): ...\n",
}


def _check(requirement: str, title: str, run: Run, asked: dict[str, Param], text: Sequence[str]) -> Check:
    what, why, mend = text
    page = Documentation(
        what=what,
        why=why,
        how_verified="Declarations, calls and settings of Celery, Dramatiq, RQ, BullMQ, Sidekiq and others in the "
        "team's code, and what the library does unless told otherwise. Tests and comments don't count.",
        how_to_mend=mend,
        not_applicable_when="Never.",
    )
    return of_tree(f"{requirement}.source", title, run, Severity.MEDIUM, page, BARE, SET, params=asked)


METRICS = Check(
    id="jobs.metrics.figures",
    requirements=("jobs.metrics",),
    title="The queue is measured",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_measured,
    documentation=Documentation(
        what="The address that the line names, or /metrics, tells how many tasks wait, run or failed; a line about "
        "time wants theirs.",
        why="A queue that grows is an outage that has not been noticed.",
        how_verified="Asks it, and reads names of series or of numbers in JSON.",
        how_to_mend="Publish waiting, running and failed tasks by queue, and a histogram of their time.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "jobs.metrics",
        {"path": "/api/jobs/metrics"},
        must_fail=Stage(site=pages({"/api/jobs/metrics": reply({"service": "shop", "uptime": 12})})),
        mended=Stage(site=pages({"/api/jobs/metrics": reply({"waiting": 3, "active": 1, "failed": 0})})),
    ),
)

CHECKS = (
    METRICS,
    _check(
        "jobs.retry",
        "Failed tasks are retried",
        _retried,
        {"attempts": 3},
        (
            "Tasks are retried, as often as the line says.",
            "A mail server that was away for a second loses mails for good.",
            "autoretry_for and max_retries; attempts and backoff; a growing pause.",
        ),
    ),
    _check(
        "jobs.timeout",
        "Tasks end in time",
        _ended,
        {"seconds": 300},
        (
            "A time limit ends tasks, after as long as the line says.",
            "One task that hangs holds a worker for ever.",
            "task_time_limit, time_limit, job_timeout.",
        ),
    ),
    _check(
        "jobs.priority",
        "Urgent tasks go first",
        _urgent,
        {},
        (
            "Tasks have priorities, or queues have weights.",
            "A password mail waits behind ten thousand newsletters.",
            "A priority, or a queue that workers drain first.",
        ),
    ),
)

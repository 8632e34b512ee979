"""Which tool's task worker a process is: by the program that runs and its subcommand, never by words in between."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.inspection.probes.host import INTERPRETERS, Process

DJANGO = {
    "qcluster": "django-q",
    "rqworker": "rq",
    "db_worker": "django-tasks",
    "process_tasks": "background-tasks",
    "run_huey": "huey",
}
LARAVEL = {"queue:work": "laravel", "queue:listen": "laravel", "horizon": "laravel"}
RAKE = {"jobs:work": "delayed_job", "resque:work": "resque"}
SUBCOMMANDS: Mapping[str, Mapping[str, str]] = {
    "celery": {"worker": "celery"},
    "rq": {"worker": "rq", "worker-pool": "rq"},
    "procrastinate": {"worker": "procrastinate"},
    "roadworthy": {"worker": "roadworthy"},
    "taskiq": {"worker": "taskiq"},
    "pgq": {"run": "pgq"},
    "manage": DJANGO,
    "django-admin": DJANGO,
    "artisan": LARAVEL,
    "rake": RAKE,
    "rails": RAKE,
}
"""Programs that do other things too: which subcommand of theirs is whose worker."""
ALONE: Mapping[str, str] = {
    **{name: name for name in ("dramatiq", "sidekiq", "good_job", "delayed_job", "graphile-worker", "arq", "saq")},
    "huey_consumer": "huey",
    "sidekiqswarm": "sidekiq",
    "resque-pool": "resque",
    "rqworker": "rq",
    "dramatiq-gevent": "dramatiq",
}
"""Programs that are workers whatever they are started with."""
NODE_SCRIPTS: Mapping[str, str] = {
    **dict.fromkeys(("worker", "workers", "queue-worker", "task-worker", "job-worker"), "node"),
    "bull-worker": "bullmq",
    "bullmq-worker": "bullmq",
    "bull.worker": "bullmq",
    "bullmq.worker": "bullmq",
    "graphile-worker": "graphile-worker",
}
TITLES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^\[celeryd: "), "celery"),
    (re.compile(r"^sidekiq \d[\w.]* \S+ \["), "sidekiq"),
    (re.compile(r"^resque-\d[\w.]*: "), "resque"),
    (re.compile(r"^solid-queue-worker\b"), "solid_queue"),
)
"""What workers write over their own command line."""
FLAGS = frozenset({"-q", "--quiet", "-C", "--no-color", "--skip-checks", "-u", "-O", "-B", "-E", "-s", "-S", "-I"})
"""Options without a value; of any other the next word is taken for its value."""


def worker_tool(process: Process) -> str:
    """The tool whose worker this is ("celery"); empty for all other programs."""
    if not process.argv:
        return ""
    title = next((tool for pattern, tool in TITLES if pattern.search(process.argv[0])), "")
    if title:
        return title
    interpreter, program, rest = _program(process.argv)
    if program in ALONE:
        return ALONE[program]
    if interpreter.startswith(("node", "bun", "deno")):
        return NODE_SCRIPTS.get(program, "")
    return SUBCOMMANDS.get(program, {}).get(_subcommand(rest), "")


def _program(argv: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """Interpreter (or nothing), the program or script or module that runs, and what follows it."""
    first = _name(argv[0])
    if not INTERPRETERS.match(first):
        return "", first, argv[1:]
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        if argv[at] == "-m":
            return first, "".join(argv[at + 1 : at + 2]).partition(".")[0].lower(), argv[at + 2 :]
        if argv[at] in {"-c", "-e"}:
            return first, "", ()
        at += 2 if argv[at] in {"-X", "-W", "-r", "--require", "--import", "-d"} else 1
    rest = argv[at:]
    if [_name(word) for word in rest[:2]] == ["bundle", "exec"]:
        rest = rest[2:]
    return first, _name(rest[0]) if rest else "", rest[1:]


def _subcommand(words: Sequence[str]) -> str:
    """The first word that is neither an option nor an option's value."""
    before = ""
    for word in words:
        value = before.startswith("-") and "=" not in before and before not in FLAGS
        if not word.startswith("-") and not value:
            return word
        before = word
    return ""


def _name(word: str) -> str:
    return re.sub(r"\.(?:py|[cm]?[jt]s|rb)$", "", Path(word).name.lower())

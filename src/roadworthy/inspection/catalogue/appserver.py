"""The process that serves: which server it is, how many workers, as whom; and the workers behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import (
    counted,
    failed,
    listed,
    not_applicable,
    observe,
    offered,
    passed,
    unknown,
)
from roadworthy.inspection.catalogue.service import behind
from roadworthy.inspection.catalogue.workers import worker_tool
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import INTERPRETERS, HostProbe, Process, programs
from roadworthy.inspection.redaction import redact_command

SERVERS = (
    *(
        "gunicorn",
        "uvicorn",
        "hypercorn",
        "granian",
        "daphne",
        "waitress-serve",
        "uwsgi",
        "puma",
        "unicorn",
        "passenger",
    ),
    *(
        "php-fpm",
        "apache2",
        "httpd",
        "java",
        "dotnet",
        "beam.smp",
        "pm2",
    ),
)
RUNTIMES = ("node", "nodejs", "deno", "bun")
"""They serve by themselves; what they run decides."""
DEVELOPMENT = re.compile(
    r"\brunserver\b|--reload\b|\bflask\b.{0,300}\brun\b|\bfastapi dev\b|nodemon|ts-node|tsx watch|next dev|\bvite\b"
    r"|webpack-dev-server|webpack serve|npm run dev|react-scripts start|http\.server|php -S|--debug\b|\bwatchmedo\b"
    r"|rails s(?:erver)?\b(?!.{0,300}production)"
)
QUEUE_KEYS = re.compile(rb"celery|_kombu|^rq:|^bull|sidekiq|^queues?\b|dramatiq|^arq:|huey", re.IGNORECASE)
RABBIT = re.compile(r"(?:^|/)rabbit(?:mq|@|$)")
"""An argument of RabbitMQ; other Erlang programs run under the same name."""
BROKERS = frozenset({"redis", "valkey", "rabbitmq"})


def serving(probes: Probes) -> tuple[HostProbe, Sequence[Process]]:
    """Processes of the service that answers, oldest first; those behind it where a proxy listens.

    Raises:
        Unobservable: the service is elsewhere, or its process may not be seen or not be told for certain.
    """
    host, http = offered(probes.host, "host"), offered(probes.http, "http")
    return host, behind(probes, host, http.port)


def server_name(host: HostProbe, chain: Sequence[Process]) -> str:
    """The name of the server program: by command line, or by the libraries that the process has loaded."""
    for process in chain:
        known = [name for name in programs(process) if name in SERVERS]
        if known:
            return known[0]
    for process in chain:
        loaded = [name for name in SERVERS if name in host.libraries(process.pid)]
        if loaded:
            return loaded[0]
    return next((name for process in chain for name in programs(process) if name in RUNTIMES), "")


def _told(probes: Probes, process: Process, limit: int) -> str:
    """A command line without its secrets, then cut: half a secret would no longer be known as one."""
    return redact_command(process.argv or (f"[{process.name}]",), probes.secrets())[:limit]


async def _production(probes: Probes, requirement: Requirement) -> Verdict:
    host, found = serving(probes)
    chain = [*found, *host.ancestors(found[0])[:3]]
    name = server_name(host, chain)
    evidence = observe(
        "process on the port",
        "\n".join(_told(probes, one, 200) for one in found[:4]),
        host.vantage,
        basis=f"{name} {found[0].name}",
    )
    wanted = requirement.text("server").lower()
    toy = next((_told(probes, one, 120) for one in chain if DEVELOPMENT.search(one.command)), "")
    if toy:
        return failed(f"a development server answers: {toy}", evidence, mend="start it with a production server")
    if not name:
        raise Unobservable(
            f"{_told(probes, found[0], 80)} serves: not a server known here", "name the server in the line"
        )
    if wanted and wanted != name:
        return failed(
            f"{name} serves, a production server, but the line names {wanted}",
            evidence,
            mend=f"serve with {wanted}, or write {name} into the line",
        )
    workers = requirement.number("workers")
    if workers is not None and len(workers_of(host, found)) != workers:
        return failed(
            f"{name} runs {counted(len(workers_of(host, found)), 'worker')}, the line says {workers:g}",
            evidence,
            mend=f"start {workers:g} workers",
        )
    return passed(f"{name} serves", evidence)


def workers_of(host: HostProbe, found: Sequence[Process]) -> Sequence[Process]:
    """Processes that take requests: listeners that are nobody's parent among them, or the children of the only one."""
    parents = {process.parent for process in found}
    leaves = [process for process in found if process.pid not in parents]
    if len(found) > 1:
        return leaves
    children = [
        one for one in host.processes() if one.parent == found[0].pid and set(programs(one)) & set(programs(found[0]))
    ]
    return children or found


async def _workers(probes: Probes, requirement: Requirement) -> Verdict:
    host, found = serving(probes)
    workers, cores = workers_of(host, found), host.cores()
    evidence = observe(
        "processes that take requests",
        f"{len(workers)} of {listed({_told(probes, one, 80) for one in workers}, 3)}; {cores} cores",
        host.vantage,
        basis=f"{counted(len(workers), 'worker')}, {cores} cores",
    )
    if (
        len(workers) == 1
        and not INTERPRETERS.match(programs(workers[0])[-1])
        and not INTERPRETERS.match(workers[0].name)
    ):
        threads = host.threads(workers[0].pid)
        if threads > 1:
            return not_applicable(f"one process with {threads} threads serves; it needs no workers", evidence)
    server, name = requirement.text("server").lower(), server_name(host, found)
    if server and name and server != name:
        return failed(f"{name} serves, the line names {server}", evidence, mend=f"write {name} into the line")
    wanted, words = _wanted(requirement, cores)
    if len(workers) < wanted or (words and len(workers) != wanted):
        return failed(
            f"{counted(len(workers), 'worker')} on {counted(cores, 'core')}, the line says {words or 'several'}",
            evidence,
            mend=f"start {wanted} workers, or write the number that you measured into the line",
            patch=f"WORKERS={wanted}",
        )
    return passed(f"{counted(len(workers), 'worker')} on {counted(cores, 'core')}", evidence)


def _wanted(requirement: Requirement, cores: int) -> tuple[int, str]:
    """How many, and how the line puts it; no words where it only says several."""
    workers, per_core = requirement.number("workers"), requirement.number("per_core")
    if workers is not None:
        return int(workers), f"{workers:g}"
    if per_core is not None:
        extra = requirement.number("extra") or 0
        return int(per_core * cores + extra), f"{per_core:g} x {cores} + {extra:g} = {per_core * cores + extra:g}"
    return min(2, cores), ""


TOP_FOLDERS = 3
"""/, /home and /home/me: what stands below them is shared by strangers."""


async def _task_workers(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    tools = [tool.lower() for tool in requirement.names("tool")]
    if set(tools) & BROKERS:
        return await _queue(probes, tools)
    everything = host.processes()
    workers = [one for one in everything if worker_tool(one)]
    named = [one for one in workers if not tools or worker_tool(one) in tools]
    text = "\n".join(_told(probes, one, 160) for one in workers[:6]) or "none"
    evidence = observe(
        "task workers among the processes",
        f"{text}\n{counted(len(everything), 'process', 'processes')} looked at",
        host.vantage,
        basis=", ".join(sorted({_told(probes, one, 60) for one in workers})),
    )
    own = [one for one in named if not _neighbour(probes, one)]
    if named and not own:
        return unknown(
            f"{_told(probes, named[0], 80)} works in {host.folder(named[0].pid)}, the service elsewhere: whose is it?",
            evidence, mend="start the worker in the service's folder, or attest to it",
        )  # fmt: skip
    named = own
    if named:
        return passed(
            f"{counted(len(named), 'task worker process', 'task worker processes')}: {_told(probes, named[0], 80)}",
            evidence,
        )
    others = [one for one in workers if not _neighbour(probes, one)]
    if others:
        return _of_another_tool(probes, tools, others[0], evidence)
    seen = f"no task worker among {counted(len(everything), 'process', 'processes')}"
    if host.contained:
        return unknown(
            f"{seen}; this is a container, and workers may run in another",
            evidence,
            mend="inspect the worker's container",
        )
    return failed(seen, evidence, mend="start a task worker beside the web server")


def _of_another_tool(probes: Probes, tools: Sequence[str], other: Process, evidence: Evidence) -> Verdict:
    words = f"{listed(tools)} does not run; another worker does: {_told(probes, other, 80)}"
    if not _told_apart(probes, other):
        return unknown(f"{words}, and whose that is does not show", evidence, mend="offer the service: [http] url")
    return failed(words, evidence, mend="write what you use into the line")


def _neighbour(probes: Probes, worker: Process) -> bool:
    """Whether it works in a folder that has nothing to do with those of the processes that serve."""
    with if_seen():
        host, found = serving(probes)
        homes = {host.folder(one.pid) for one in found} - {"", "/"}
        own = host.folder(worker.pid)
        return own not in {"", "/"} and bool(homes) and not any(_related(Path(own), Path(home)) for home in homes)
    return False


def _told_apart(probes: Probes, worker: Process) -> bool:
    """Whether folders show that a worker belongs to the service that answers."""
    with if_seen():
        host, found = serving(probes)
        return bool(host.folder(worker.pid)) and any(host.folder(one.pid) not in {"", "/"} for one in found)
    return False


def _related(one: Path, other: Path) -> bool:
    shared = [a for a, b in zip(one.parts, other.parts, strict=False) if a == b]
    return one.is_relative_to(other) or other.is_relative_to(one) or len(shared) > TOP_FOLDERS


async def _queue(probes: Probes, tools: Sequence[str]) -> Verdict:
    host = offered(probes.host, "host")
    nodes = host.running("rabbitmq-server", "beam.smp") if "rabbitmq" in tools else ()
    brokers = [one for one in nodes if any(RABBIT.search(word) for word in one.argv)]
    keys = await probes.redis.keys() if probes.redis else None
    queues = [key for key in keys or () if QUEUE_KEYS.search(key)]
    known = "unknown" if keys is None else str(len(keys))
    nodes_seen = counted(len(brokers), "RabbitMQ process", "RabbitMQ processes")
    text = f"{known} keys in Redis, {len(queues)} of a task queue; {nodes_seen}"
    evidence = observe(
        "task queues", text, "Redis and this machine", basis=f"queues: {bool(queues)}, rabbitmq: {bool(brokers)}"
    )
    if queues or brokers:
        return passed(f"tasks queue in {'RabbitMQ' if brokers else 'Redis'}", evidence)
    if keys is None and set(tools) != {"rabbitmq"}:
        raise Unobservable(
            "Redis is not offered, or holds too many keys to look through", '[redis] url = "redis://..."'
        )
    return failed(
        f"no task queue in {listed(tools)}", evidence, mend="queue tasks there, or write into the line where they queue"
    )


async def _user(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host, found = serving(probes)
    users = sorted({one.user_id for one in workers_of(host, found)})
    evidence: Evidence = observe("user of the processes that serve", f"user ids {listed(users)}", host.vantage)
    if 0 in users:
        return failed(
            "the service runs as root",
            evidence,
            mend="give it a user of its own",
            patch="[Service]\nUser=app\nGroup=app",
        )
    return passed(f"the service runs as user {listed(users)}", evidence)


def _machine(command: str, children: int = 0, user_id: int = 1000) -> Machine:
    return Machine((Program(command, children=children, listens=True, user_id=user_id),))


PRODUCTION = Check(
    id="srv.prodserver.process",
    requirements=("srv.prodserver",),
    title="A production server listens on the port",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "host"}),
    run=_production,
    documentation=Documentation(
        what="The process on the service's port is a production server, the one that the line names if it names one.",
        why="Development servers reload, show tracebacks, and take one request at a time.",
        how_verified="Finds who holds the listening socket in /proc, reads command lines of it and its parents, and "
        "the libraries it loaded.",
        how_to_mend="gunicorn, uvicorn --workers, granian, puma, node without nodemon: started by systemd or a "
        "container.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.prodserver",
        {"server": "gunicorn"},
        must_fail=Stage(site=pages({}), machine=_machine("python manage.py runserver 0.0.0.0:8000")),
        mended=Stage(
            site=pages({}), machine=_machine("/app/.venv/bin/python /app/.venv/bin/gunicorn app.main:app -w 2", 2)
        ),
    ),
)

WORKERS = Check(
    id="srv.workers.count",
    requirements=("srv.workers",),
    title="The service runs in as many processes as the line says",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "host"}),
    run=_workers,
    documentation=Documentation(
        what="As many processes take requests as the line says: a number, or a formula of cores.",
        why="One Python, Ruby or Node process uses one core, however many there are.",
        how_verified="Counts processes that hold the listening socket and are nobody's parent among them; cores by "
        "affinity and cgroup quota.",
        how_to_mend="Set the number of workers; measure, since the formula is for blocking servers.",
        not_applicable_when="A program that is no interpreter serves with threads.",
    ),
    fixtures=twins(
        "srv.workers",
        {"workers": 4},
        must_fail=Stage(site=pages({}), machine=_machine("gunicorn app.main:app", 2)),
        mended=Stage(site=pages({}), machine=_machine("gunicorn app.main:app", 4)),
    ),
)

TASKS = Check(
    id="srv.async.workers",
    requirements=("srv.async",),
    title="Heavy work runs in task workers",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_task_workers,
    documentation=Documentation(
        what="A task worker runs beside the web server: the tool that the line names, or any. For a broker: queues "
        "are in it.",
        why="Mail, exports and imports inside a request hold a connection for seconds, and die with it.",
        how_verified="Command lines of all processes; names of keys in Redis that queues use.",
        how_to_mend="Start the worker as a service of its own.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.async",
        {"tool": "celery"},
        must_fail=Stage(machine=Machine((Program("gunicorn app:app", children=2),))),
        mended=Stage(
            machine=Machine(
                (Program("gunicorn app:app", children=2), Program("/venv/bin/celery -A app worker", children=2))
            )
        ),
    ),
)

NOT_ROOT = Check(
    id="sec.nonroot.user",
    requirements=("sec.nonroot",),
    title="The service does not run as root",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "host"}),
    run=_user,
    documentation=Documentation(
        what="No process that takes requests belongs to user 0.",
        why="A hole in the service is then a hole in the machine.",
        how_verified="/proc/PID/status of the processes on the port.",
        how_to_mend="User= in the unit, USER in the Dockerfile, runAsNonRoot in the pod.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.nonroot",
        must_fail=Stage(site=pages({}), machine=_machine("gunicorn app:app", 2, user_id=0)),
        mended=Stage(site=pages({}), machine=_machine("gunicorn app:app", 2)),
    ),
)

CHECKS = (PRODUCTION, WORKERS, TASKS, NOT_ROOT)

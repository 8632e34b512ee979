"""How files start the service: which server, with how many processes, with what pool of connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import Run, Tree, of_tree
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import comments, frameworks, images, manifests, scripts
from roadworthy.inspection.probes.frameworks import Told
from roadworthy.inspection.probes.production import ELSEWHERE, NOT_SERVING
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import at, table, texts

SERVERS = re.compile(
    r"\b(gunicorn|uvicorn|hypercorn|daphne|granian|waitress-serve|uwsgi|puma|unicorn|passenger|falcon|pm2(?:-runtime)?"
    r"|fastapi run|(?:bin/)?rails s(?:erver)?|bundle exec rackup|next start|nest start(?! --watch)|node|bun|deno"
    r"|java|php-fpm|frankenphp)\b"
)
DEVELOPMENT = re.compile(
    r"\brunserver(?:_plus)?\b|\bflask\b.{0,300}\brun\b|\bfastapi dev\b|--reload\b|\bnodemon\b|\bts-node(?:-dev)?\b"
    r"|\btsx watch\b|\bnext dev\b"
    r"|\bvite(?: dev)?(?: --|$)|\bnest start --watch|\bnpm (?:run )?dev\b|\byarn dev\b|\bwebpack(?:-dev-server| serve)"
    r"|rails s(?:erver)?\b.{0,300}(?:-e|--environment)[ =]dev|\bphp artisan serve|\bphp -S\b|\bgo run\b"
    r"|\bspring-boot:run\b|\bair\b"
)
COUNTS = (
    re.compile(r"\bgunicorn\b.{0,500}?(?:\s-w\s{0,3}|--workers[= ])(\d{1,9})"),
    re.compile(r"\b(?:uvicorn|fastapi run|hypercorn|granian|daphne)\b.{0,500}?(?:--workers[= ]|\s-w\s)(\d{1,9})"),
    re.compile(r"\buwsgi\b.{0,500}?(?:--processes[= ]|\s-p\s)(\d{1,9})"),
    re.compile(r"\bpuma\b.{0,500}?(?:\s-w\s|--workers[= ])(\d{1,9})"),
    re.compile(r"\bpm2(?:-runtime)?\b.{0,500}?\s-i\s(\d{1,9}|max)"),
    re.compile(r"\bWEB_CONCURRENCY=(\d+)"),
)
FILES: Mapping[str, re.Pattern[str]] = {
    "gunicorn.conf.py": re.compile(r"^workers\s*=\s*(.+)$", re.MULTILINE),
    "gunicorn_conf.py": re.compile(r"^workers\s*=\s*(.+)$", re.MULTILINE),
    "gunicorn.py": re.compile(r"^workers\s*=\s*(.+)$", re.MULTILINE),
    "puma.rb": re.compile(r"^[ \t]*workers\s*\(?\s*(.+?)\)?\s*$", re.MULTILINE),
    "ecosystem.config.js": re.compile(r"\binstances\s*:\s*[\"']?([\w-]+)"),
    "ecosystem.config.cjs": re.compile(r"\binstances\s*:\s*[\"']?([\w-]+)"),
}
PER_CORE = re.compile(r"cpu_count|Etc\.nprocessors|os\.cpus|^max$|^0$|^-1$|auto", re.IGNORECASE)
POOLS: Mapping[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "Node": (
        ("*.js", "*.ts", "*.cjs", "*.mjs"),
        re.compile(
            r"new (?:pg\.)?Pool\(\s*\{[^}]{0,400}?\bmax\s*:\s*(\d+)|\bpool\s*:\s*\{[^}]{0,400}?\bmax\s*:\s*(\d+)",
            re.DOTALL,
        ),
    ),
    "Go": (("*.go",), re.compile(r"\.SetMaxOpenConns\(\s*(\d+)\s*\)|\bMaxConns\s*[:=]=?\s*(\d+)")),
    "Prisma": (("schema.prisma", ".env.production"), re.compile(r"connection_limit=(\d+)")),
}


@dataclass(frozen=True, slots=True)
class Start:
    """A command that starts the service in production, and the file that says so."""

    where: str
    command: str


def commands(repo: RepoProbe) -> tuple[Start, ...]:
    """Every command by which files start the service: Procfile, images, compose, workloads and units."""
    return tuple(one for one in _commands(repo) if one.command.strip())


def _commands(repo: RepoProbe) -> Iterator[Start]:
    for where, command in (*_procfile(repo), *_images(repo), *_workloads(repo), *_units(repo)):
        yield Start(where, scripts.expanded(repo, command))


def _procfile(repo: RepoProbe) -> Iterator[tuple[str, str]]:
    for path in repo.find("Procfile", aside=False):
        for line in repo.read(path).splitlines():
            name, _, command = line.partition(":")
            if name.strip() == "web":
                yield path, command


def _images(repo: RepoProbe) -> Iterator[tuple[str, str]]:
    for file in repo.known(images.dockerfiles):
        entry, given = file.final.last("ENTRYPOINT"), file.final.last("CMD")
        yield file.path, _words(" ".join(filter(None, (entry, given if _hands_on(repo, entry) else ""))))
    for service in repo.known(images.compose):
        if service.built:
            yield f"{service.path} {service.name}", " ".join(texts(service.declared.get("command")))


def _hands_on(repo: RepoProbe, entry: str | None) -> bool:
    """Whether what CMD says is run: not where a script of the tree is the ENTRYPOINT and ignores its arguments."""
    words = _words(entry or "").split()
    paths = repo.find(*(one.rpartition("/")[2] for one in words if one.endswith(".sh")), aside=False)
    texts_of = [repo.read(path) for path in paths]
    return not texts_of or any(re.search(r"\$[@*1]|\$\{[@*1]", text) for text in texts_of)


def _workloads(repo: RepoProbe) -> Iterator[tuple[str, str]]:
    for one in repo.known(manifests.read).workloads:
        for container in one.serving:
            yield (
                one.where,
                " ".join([*texts(at(container.declared, "command")), *texts(at(container.declared, "args"))]),
            )


def _units(repo: RepoProbe) -> Iterator[tuple[str, str]]:
    for path in repo.find("*.service", aside=False):
        for match in re.finditer(r"^ExecStart=(.+)$", repo.read(path), re.MULTILINE):
            yield path, match[1]


def _words(command: str) -> str:
    """`["gunicorn", "app"]` as a shell would say it."""
    return re.sub(r"[\[\]\",']+", " ", command) if command.lstrip().startswith("[") or '"]' in command else command


async def _server(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    found = await repo.facts(commands)
    wanted = requirement.text("server").lower()
    starting = [one for one in found if SERVERS.search(one.command) or DEVELOPMENT.search(one.command)]
    if not starting:
        raise Unobservable("no Procfile, image, compose file, unit or workload here says how the service starts",
                           "inspect on the machine that serves")  # fmt: skip
    lines = [f"{one.where}: {one.command.strip().splitlines()[0][:140]}" for one in starting]
    evidence = observe("commands that start the service", "\n".join(lines[:8]), repo.vantage)
    wrong = [one for one in starting if DEVELOPMENT.search(one.command)]
    if wrong:
        return failed(
            f"{wrong[0].where} starts a server for development", evidence,
            mend="start a production server: gunicorn, uvicorn without --reload, puma, node dist/main.js",
        )  # fmt: skip
    if wanted and wanted not in " ".join(one.command for one in starting).lower():
        named = SERVERS.search(starting[0].command)
        return failed(f"{starting[0].where} starts {named[0] if named else 'another'}, not {wanted}", evidence,
                      mend="mend the line, or start it")  # fmt: skip
    named = SERVERS.search(starting[0].command)
    return passed(f"{starting[0].where} starts {named[0] if named else 'a server'}", evidence)


async def _workers(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    counts = await repo.facts(_counts)
    if not counts:
        raise Unobservable("no file here says how many processes serve", "inspect on the machine that serves")
    evidence = observe("processes that serve", "\n".join(f"{where}: {count}" for where, count in counts), repo.vantage)
    wanted = requirement.number("workers")
    per_core = [where for where, count in counts if PER_CORE.search(count)]
    numbers = [(where, int(count)) for where, count in counts if count.isdigit() and not PER_CORE.search(count)]
    if len(per_core) + len(numbers) < len(counts):
        return unknown("how many processes serve is computed", evidence, mend="inspect on the machine that serves")
    if requirement.number("per_core") is not None or (wanted is not None and per_core):
        return unknown(
            "the number goes by the cores of the machine", evidence, mend="inspect on the machine that serves"
        )
    few = [(where, count) for where, count in numbers if count < (wanted or SEVERAL)]
    if few:
        return failed(
            f"{few[0][0]} starts {few[0][1]}, not {wanted or SEVERAL:g} or more", evidence, mend="start more of them"
        )
    where = numbers[0][0] if numbers else per_core[0]
    return passed(f"{where} starts {numbers[0][1] if numbers else 'one process for each core'}", evidence)


SEVERAL = 2


def _counts(repo: RepoProbe) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for start in repo.known(commands):
        match = next(filter(None, (pattern.search(start.command) for pattern in COUNTS)), None)
        if match:
            found.append((start.where, match[1]))
    for name, pattern in FILES.items():
        for path in repo.find(name, aside=False):
            text = re.sub(r"(?m)^[ \t]*(?:#|//).*$", "", repo.read(path))
            stated = [match[1].split("#")[0].strip() for match in pattern.finditer(text)]
            if stated and not ELSEWHERE.search(path):
                found.append((path, stated[-1]))  # the last one holds
    return tuple(dict.fromkeys(found))


async def _pool(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    found = await repo.facts(_pools)
    if not found:
        raise Unobservable(
            "no file here says how many connections are pooled", '[postgres] dsn = "postgresql://user@host/db"'
        )
    if alone := await repo.facts(_alone):
        raise Unobservable(f"{alone} opens a connection of its own beside the pool", "[postgres] dsn shows which serve")
    evidence = observe("sizes of pools", "\n".join(f"{where}: {size}" for where, size in found), repo.vantage)
    wanted = requirement.number("size") or requirement.number("max_size")
    if any(size == 0 for _, size in found):
        return failed(
            f"{found[0][0]} keeps no connection open", evidence, mend="keep connections: CONN_MAX_AGE, pool, max"
        )
    wrong = [(where, size) for where, size in found if wanted is not None and size not in (wanted, None)]
    if wrong:
        return failed(f"{wrong[0][0]} says {wrong[0][1]}, the line says {wanted:g}", evidence, mend="mend one of them")
    unsaid = [where for where, size in found if size is None]
    if unsaid and wanted is not None:
        return unknown(f"{unsaid[0]} keeps connections, how many it does not say", evidence)
    if requirement.params.keys() & {"max_overflow", "min_size"}:
        return unknown("the line says more about the pool than these files", evidence)
    return passed(f"{found[0][0]} pools connections{f': {found[0][1]}' if found[0][1] else ''}", evidence)


def _alone(repo: RepoProbe) -> str:
    """A file in JavaScript that opens connections without a pool."""
    single = re.compile(r"\bnew (?:pg\.)?Client\(|\bmysql2?\.createConnection\(")
    return next(
        (one.path for one in repo.known(sources.code) if one.language == "javascript" and single.search(one.bare)), ""
    )


def _pools(repo: RepoProbe) -> tuple[tuple[str, int | None], ...]:
    """Where a pool is declared, and its size; None where it keeps connections without a size, 0 where it keeps none."""
    found: list[tuple[str, int | None]] = []
    django, rails, spring = (
        repo.known(one) for one in (frameworks.django, frameworks.rails_database, frameworks.spring)
    )
    if "DATABASES" in django:
        told = django["DATABASES"]
        found += _django_default(told) if isinstance(told.value, dict) else _django_pool(repo, told.path)
    decided = re.search(r"(?m)^[ \t]*pool\s*:.*\bENV\b", repo.read("config/database.yml"))
    if (size := rails.get("pool")) is not None and str(size.value).isdigit() and not decided:
        found.append((size.path, int(size.value)))
    hikari = next(
        (one for name, one in spring.items() if name.endswith(("hikari.maximum-pool-size", "hikari.maximumPoolSize"))),
        None,
    )
    if hikari is not None and str(hikari.value).isdigit():
        found.append((hikari.path, int(hikari.value)))
    for globs, pattern in POOLS.values():
        for path in repo.find(*globs, aside=False):
            if not ELSEWHERE.search(path) and not NOT_SERVING.search(path):
                text = comments.blank(repo.read(path), "javascript")
                found += [
                    (path, int(next(filter(None, groups)))) for groups in [m.groups() for m in pattern.finditer(text)]
                ]
    return tuple(found)


def _django_default(told: Told) -> Sequence[tuple[str, int | None]]:
    """The pool of the default database; others have their own."""
    default = table(told.value.get("default"))
    pool = table(default.get("OPTIONS")).get("pool")
    if pool:
        size = table(pool).get("max_size")
        return [(told.path, size if isinstance(size, int) else None)]
    if "CONN_MAX_AGE" not in default:
        return []
    return [(told.path, 0 if default["CONN_MAX_AGE"] == 0 else None)]


def _django_pool(repo: RepoProbe, path: str) -> Sequence[tuple[str, int | None]]:
    text = re.sub(r"(?m)(?:^|\s)#.*$", "", repo.read(path))
    pool = re.search(r"[\"']pool[\"']\s*:\s*(?:True|\{(?:[^}]{0,400}?[\"']max_size[\"']\s*:\s*(\d+))?)", text)
    if pool:
        return [(path, int(pool[1]) if pool[1] else None)]
    age = re.search(r"CONN_MAX_AGE[\"']?\s*[:=]\s*(\d+|None)|conn_max_age\s*=\s*(\d+|None)", text)
    said = (age[1] or age[2]) if age else ""
    return [(path, 0 if said == "0" else None)] if said else []


RUNS = "FROM python:3.13-slim\nCOPY . /app\nCMD {}\n"


def _check(
    check: str, title: str, run: Run, said: tuple[str, str, str, str], stages: Sequence[Tree], **asked: int
) -> Check:
    page = Documentation(*said, not_applicable_when="Never; without such files the line is unknown.")
    return of_tree(check, title, run, Severity.HIGH, page, *stages, params=asked)


CHECKS = (
    _check(
        "srv.prodserver.command",
        "Files start a production server",
        _server,
        (
            "The command that starts the service is a production server's.",
            "Servers for development reload, show code in errors, and serve one request at a time.",
            (
                "Procfile (web), CMD and ENTRYPOINT, compose, workloads and units, with their scripts; those of "
                "development are left out. The running process, where it is seen, weighs more."
            ),
            "gunicorn, uvicorn without --reload, puma, node on what was built.",
        ),
        (
            {"Dockerfile": RUNS.format("python manage.py runserver 0.0.0.0:8000")},
            {"Dockerfile": RUNS.format('["gunicorn", "shop.wsgi"]')},
        ),
    ),
    _check(
        "srv.workers.declared",
        "Files start several processes",
        _workers,
        (
            "The command or configuration of the server says how many processes serve: as many as the line, or two.",
            "One process uses one core, and its end is an outage.",
            (
                "Options of the common servers, gunicorn.conf.py, puma.rb, pm2's ecosystem file, without what is "
                "commented out. What "
                "goes by the machine's cores is unknown where the line gives a number."
            ),
            "-w, --workers, workers in the configuration, instances.",
        ),
        ({"Procfile": "web: gunicorn shop.wsgi -w 1\n"}, {"Procfile": "web: gunicorn shop.wsgi -w 4\n"}),
        workers=4,
    ),
    _check(
        "db.pool.declared",
        "Files give the pool its size",
        _pool,
        (
            "Settings keep connections open, as many as the line says.",
            "Opening a connection costs more than most queries.",
            (
                "Django's CONN_MAX_AGE and pool, Rails' database.yml under production, Hikari, pg and knex in Node, "
                "SetMaxOpenConns in "
                "Go, Prisma's connection_limit. The sessions of the database, where they are seen, weigh more."
            ),
            "Set the size where the service reads it.",
        ),
        (
            {"config/database.yml": "production:\n  adapter: postgresql\n  pool: 5\n"},
            {"config/database.yml": "production:\n  adapter: postgresql\n  pool: 20\n"},
        ),
        size=20,
    ),
)

"""What was found, as the parts of a target.toml: each says why it is there, or what to add where nothing was found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roadworthy.inspection.discovery.machine import Listener
from roadworthy.inspection.discovery.tree import Published, Tree
from roadworthy.inspection.probes import addresses

POSTGRES, REDIS, PROMETHEUS = 5432, 6379, 9090
POSTGRES_URL = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")
REDIS_URL = re.compile(r"^rediss?://|^unix://")
OTHER_DATABASE = re.compile(r"^(mysql|mariadb|mongodb|sqlite|mssql|oracle|cockroachdb)\b[\w+]*:")
DATABASE_NAMES = ("DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL", "DB_URL", "SQLALCHEMY_DATABASE_URI", "PG_URL")
REDIS_NAMES = ("REDIS_URL", "CACHE_URL", "REDIS_URI", "CELERY_BROKER_URL")
PIECES = (
    {"host": "{}_HOST", "port": "{}_PORT", "user": "{}_USER", "password": "{}_PASSWORD", "name": "{}_DB"},
    {"host": "{}_HOST", "port": "{}_PORT", "user": "{}_USER", "password": "{}_PASSWORD", "name": "{}_NAME"},
    {"host": "{}_HOST", "port": "{}_PORT", "user": "{}_USERNAME", "password": "{}_PASSWORD", "name": "{}_DATABASE"},
    {"host": "{}HOST", "port": "{}PORT", "user": "{}USER", "password": "{}PASSWORD", "name": "{}DATABASE"},
)
PREFIXES = ("POSTGRES", "DB", "DATABASE", "PG", "RDS")
OTHER_ENGINES = re.compile(r"mysql|maria|mongo|sqlite|mssql|sqlserver|oracle", re.IGNORECASE)
NAMED_LOG = ("LOG_FILE", "LOG_PATH", "LOG_DIR")


@dataclass(frozen=True, slots=True)
class Part:
    """A table of target.toml: `why` stands over it; one that is not `found` is written as a comment."""

    name: str
    keys: Mapping[str, str | int]
    why: str
    found: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to go by. `serving` was started in the repository and answers HTTP, the likeliest first.

    `base` is the folder that target.toml will stand in; `ports` are those that anybody listens on here.
    """

    tree: Tree
    base: Path
    url: str = ""
    pid: int | None = None
    serving: Sequence[Listener] = ()
    running: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()
    log_file: Path | None = None
    nginx: Path | None = None

    def relative(self, path: Path) -> str:
        """`path` as target.toml names it: from its own folder where it lies under it."""
        resolved = path.resolve()
        return str(resolved.relative_to(self.base)) if resolved.is_relative_to(self.base) else str(resolved)

    def variable(self, names: Sequence[str], shape: re.Pattern[str]) -> tuple[str, str, str]:
        """Name, value and source of the variable that holds such an address: one of `names`, else any."""
        for values, source in ((self.tree.variables, self.tree.env_file), (self.running, "the running process")):
            fitting = [name for name in (*names, *sorted(values)) if shape.search(values.get(name, ""))]
            if fitting:
                return fitting[0], values[fitting[0]], source
        return "", "", ""


def parts(seen: Seen) -> Sequence[Part]:
    """Every part that a target can have, in the order in which they are written."""
    makers: Sequence[Callable[[Seen], Part]] = (
        _target,
        _http,
        _config,
        _postgres,
        _redis,
        _repository,
        _logs,
        _nginx,
        _host,
        _prometheus,
        _backup,
        _drills,
    )
    return [make(seen) for make in makers]


def _target(seen: Seen) -> Part:
    return Part("target", {"name": seen.tree.root.resolve().name or "service"}, "what reports call it: the folder")


def _http(seen: Seen) -> Part:
    if seen.url:
        address = addresses.parse(seen.url)
        if address.password:
            bare = f"{address.scheme}://${{SITE_USER}}:${{SITE_PASSWORD}}@{address.place}"
            why = "from --url; its login is left out: export SITE_USER and SITE_PASSWORD before you inspect"
            return Part("http", {"url": bare}, why)
        return Part("http", {"url": seen.url}, "from --url")
    if seen.serving:
        first, *others = seen.serving
        also = f"; also listening from here: {', '.join(f'{one.words} on {one.port}' for one in others)}"
        why = f"{first.words} was started in this folder and answers HTTP on port {first.port}{also if others else ''}"
        return Part("http", {"url": f"http://127.0.0.1:{first.port}"}, why)
    for service in seen.tree.compose:
        here = [port for port, _ in service.ports if port in seen.ports and not _is_store(service)]
        if here:
            why = f"{service.file} publishes {service.name} on port {here[0]}, where somebody listens"
            return Part("http", {"url": f"http://127.0.0.1:{here[0]}"}, why)
    port = seen.tree.stack.port if seen.tree.stack else 8000
    why = "no running process of this folder answers HTTP: start the service, or name its address (--url)"
    return Part("http", {"url": f"http://127.0.0.1:{port}"}, why, found=False)


def _is_store(service: Published) -> bool:
    return bool(re.search(r"postgres|redis|valkey|mysql|mongo|rabbit|kafka|prometheus|grafana|minio", service.image))


def _config(seen: Seen) -> Part:
    keys: dict[str, str | int] = {}
    if seen.tree.env_file:
        keys["env_file"] = seen.relative(seen.tree.root / seen.tree.env_file)
    if seen.pid is not None:
        keys["pid"] = seen.pid
    if keys:
        count = f"{seen.tree.env_file} sets {len(seen.tree.variables)} variables" if seen.tree.env_file else ""
        process = f"process {seen.pid} runs with an environment of its own, which wins" if seen.pid is not None else ""
        why = "; ".join(filter(None, (count, process)))
        return Part("config", keys, f"{why}. Secrets are measured (length, entropy), never shown")
    example = f"; {seen.tree.examples[0]} is an example, and no evidence" if seen.tree.examples else ""
    own = "; the environment of the process that listens at the address is read by itself" if seen.serving else ""
    why = f"no env file found{example}{own}. Name the one in use, or the process: pid = 1234"
    return Part("config", {"env_file": ".env"}, why, found=False)


def _postgres(seen: Seen) -> Part:
    name, value, source = seen.variable(DATABASE_NAMES, POSTGRES_URL)
    if name:
        return _reachable(seen, Part("postgres", {"dsn": f"${{{name}}}"}, f"{name} in {source}"), value, POSTGRES)
    built = next(_pieces(seen), None)
    if built is not None:
        part, host = built
        return _reachable(seen, part, f"postgresql://{host}/", POSTGRES)
    other = seen.variable(DATABASE_NAMES, OTHER_DATABASE)
    stands = f"{other[0]} names {OTHER_DATABASE.match(other[1])[1]}, which is not looked at; " if other[0] else ""  # type: ignore[index]  # it matched
    listens = f"something listens on port {POSTGRES} here; " if POSTGRES in seen.ports else ""
    why = f"{stands}{listens}no address of PostgreSQL found in variables. A read-only role with pg_monitor is enough"
    return Part("postgres", {"dsn": "postgresql://inspector@127.0.0.1:5432/app"}, why, found=False)


def _pieces(seen: Seen) -> Iterator[tuple[Part, str]]:
    """The database's address put together from POSTGRES_HOST and its like, with the host's value."""
    sources = ((seen.tree.variables, seen.tree.env_file), (seen.running, "the running process"))
    for values, source in sources:
        for prefix in PREFIXES:
            if OTHER_ENGINES.search(" ".join(values.get(f"{prefix}_{word}", "") for word in ("ENGINE", "CONNECTION"))):
                continue
            for shape in PIECES:
                names = {piece: pattern.format(prefix) for piece, pattern in shape.items()}
                if values.get(names["name"]) and values.get(names["user"]):
                    yield _from_pieces(names, values, source)


def _from_pieces(names: Mapping[str, str], values: Mapping[str, str], source: str) -> tuple[Part, str]:
    password = f":${{{names['password']}}}" if values.get(names["password"]) else ""
    host = f"${{{names['host']}}}" if values.get(names["host"]) else "127.0.0.1"
    port = f":${{{names['port']}}}" if values.get(names["port"]) else ""
    dsn = f"postgresql://${{{names['user']}}}{password}@{host}{port}/${{{names['name']}}}"
    said = f"{values.get(names['host'], '127.0.0.1')}:{values.get(names['port'], POSTGRES)}"
    return Part("postgres", {"dsn": dsn}, f"{names['user']}, {names['name']} and their like in {source}"), said


def _redis(seen: Seen) -> Part:
    name, value, source = seen.variable(REDIS_NAMES, REDIS_URL)
    if name:
        return _reachable(seen, Part("redis", {"url": f"${{{name}}}"}, f"{name} in {source}"), value, REDIS)
    for values, where in ((seen.tree.variables, seen.tree.env_file), (seen.running, "the running process")):
        if values.get("REDIS_HOST"):
            login = ":${REDIS_PASSWORD}@" if values.get("REDIS_PASSWORD") else ""
            port = ":${REDIS_PORT}" if values.get("REDIS_PORT") else ""
            part = Part("redis", {"url": f"redis://{login}${{REDIS_HOST}}{port}/0"}, f"REDIS_HOST in {where}")
            return _reachable(seen, part, f"redis://{values['REDIS_HOST']}:{values.get('REDIS_PORT', REDIS)}", REDIS)
    listens = f"something listens on port {REDIS} here, perhaps another service's; " if REDIS in seen.ports else ""
    why = f"{listens}no address of Redis found in variables"
    return Part("redis", {"url": "redis://127.0.0.1:6379/0"}, why, found=False)


def _reachable(seen: Seen, part: Part, address: str, port: int) -> Part:
    """The part, led to the port that compose publishes where the address names a service of the compose file."""
    host = addresses.parse(re.sub(r"^[^:]+", "x", address, count=1)).host
    service = next((one for one in seen.tree.compose if one.name == host), None)
    if service is None:
        return part
    here = next((outside for outside, inside in service.ports if inside == port), None)
    if here is None:
        why = f"{part.why}; its host {host} exists only inside {service.file}, which publishes no port of it: add one"
        return Part(part.name, {**part.keys, "host": "127.0.0.1", "port": port}, why, found=False)
    why = f"{part.why}; its host {host} is a service of {service.file}, published here on port {here}"
    return Part(part.name, {**part.keys, "host": "127.0.0.1", "port": here}, why)


def _repository(seen: Seen) -> Part:
    stack = seen.tree.stack
    if stack is None:
        why = "no source of a service found (no manifest of a language): name its root"
        return Part("repository", {"path": seen.relative(seen.tree.root)}, why, found=False)
    more = [f"{words}: {', '.join(paths[:3])}" for words, paths in _files(seen.tree) if paths]
    return Part(
        "repository", {"path": seen.relative(seen.tree.root)}, "; ".join([f"{stack.name} ({stack.because})", *more])
    )


def _files(tree: Tree) -> Sequence[tuple[str, Sequence[str]]]:
    compose = list(dict.fromkeys(one.file for one in tree.compose))
    return (("compose", compose), ("Kubernetes", tree.kubernetes), ("nginx", tree.nginx))


def _logs(seen: Seen) -> Part:
    if seen.log_file is not None:
        return Part("logs", {"path": seen.relative(seen.log_file)}, "the serving process writes there")
    for values, source in ((seen.running, "the running process"), (seen.tree.variables, seen.tree.env_file)):
        name = next((name for name in NAMED_LOG if values.get(name, "").startswith("/")), "")
        if name and Path(values[name]).exists():
            return Part("logs", {"path": f"${{{name}}}"}, f"{name} in {source}")
    if seen.tree.logs:
        return Part("logs", {"path": seen.relative(seen.tree.root / seen.tree.logs)}, "log files lie there")
    return Part("logs", {"path": "/var/log/app/app.log"}, "no log file found: name one, or their folder", found=False)


def _nginx(seen: Seen) -> Part:
    if seen.nginx is not None:
        return Part("nginx", {"config": str(seen.nginx)}, "this nginx runs here and passes on to the service")
    if seen.tree.nginx:
        path = seen.relative(seen.tree.root / seen.tree.nginx[0])
        why = "as it stands in the repository. On the machine that serves, name what runs: /etc/nginx/nginx.conf"
        return Part("nginx", {"config": path}, why)
    why = "no nginx in front was found: name its main file, or the output of `nginx -T`"
    return Part("nginx", {"config": "/etc/nginx/nginx.conf"}, why, found=False)


def _host(seen: Seen) -> Part:
    local = bool(seen.serving) and (not seen.url or addresses.parse(seen.url).host in {"localhost", "127.0.0.1", "::1"})
    why = "the service runs on this machine" if local else "only where this machine is the one that serves"
    return Part("host", {"local": True}, why, found=local)


def _prometheus(seen: Seen) -> Part:
    service = seen.tree.published(PROMETHEUS, "prometheus")
    here = [port for port, inside in service.ports if inside == PROMETHEUS and port in seen.ports] if service else []
    if service and here:
        why = f"{service.file} publishes {service.name} there"
        return Part("prometheus", {"url": f"http://127.0.0.1:{here[0]}"}, why)
    listens = f"something listens on port {PROMETHEUS} here; " if PROMETHEUS in seen.ports else ""
    why = f"{listens}the server that scrapes the service, for lines about metrics and alerts"
    return Part("prometheus", {"url": f"http://127.0.0.1:{PROMETHEUS}"}, why, found=False)


def _backup(seen: Seen) -> Part:
    named = ((seen.running, "the running process"), (seen.tree.variables, seen.tree.env_file))
    for values, source in named:
        for name in ("BACKUP_DIR", "BACKUP_PATH", "BACKUP_LOCATION"):
            if values.get(name, "").startswith("/"):
                return Part("backup", {"path": f"${{{name}}}"}, f"{name} in {source}")
    why = "the folder that backups are kept in, where this machine can read it"
    return Part("backup", {"path": "/var/backups/app"}, why, found=False)


def _drills(seen: Seen) -> Part:
    here = next(
        (name for name in ("drills", "ops/drills", ".roadworthy/drills") if (seen.tree.root / name).is_dir()), ""
    )
    if here:
        return Part("drills", {"path": seen.relative(seen.tree.root / here)}, "results of drills lie there")
    why = "the folder that results of drills are kept in: load, restore, failover"
    return Part("drills", {"path": "drills"}, why, found=False)

"""What to inspect: `target.toml`, each part optional."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

from roadworthy.inspection.discovery.tree import is_service
from roadworthy.inspection.errors import InvalidTarget
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.scenario import Cut, Flow, Stop
from roadworthy.inspection.variables import LOOPBACK, expanded

OWN_PATH = Path("target.toml")
"""Where `roadworthy target` writes."""
STATE_DIR, STATE_DIR_VARIABLE = Path(".roadworthy"), "ROADWORTHY_STATE_DIR"
"""Where `roadworthy up` keeps what it started, and describes it."""
FILE_LIMIT_BYTES = 64 * 1024
_POSTGRES = re.compile(r"^postgres(?:ql)?(?:\+[a-z0-9]+)?://")
_LIBPQ = re.compile(
    r"^(?:host|port|user|password|dbname|database|passfile|options|service|target_session_attrs|ssl\w*)="
)
"""Of what follows the question mark only this is PostgreSQL's; `schema`, `connection_limit` are a driver's."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of target.toml: what one probe needs to know."""


class Named(Part, frozen=True):
    """`name`: what reports call the system."""

    name: str = ""


class HttpPart(Part, frozen=True):
    """`url`: where the service answers, with scheme; `verify_tls` false accepts any certificate."""

    url: str
    verify_tls: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no web address."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f'{self.url!r} is not a web address; write it as "https://your.app"')

    @property
    def local(self) -> bool:
        """Whether the service answers on this very machine."""
        return urlsplit(self.url).hostname in LOOPBACK


class PostgresPart(Part, frozen=True):
    """`dsn`: as the application connects, so that its role and its limits are what is looked at.

    A driver in its scheme (`postgresql+asyncpg://`) is left out. `host` and `port` replace those of the DSN, for an
    address that only means something inside the application's own network.
    """

    dsn: str
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        """Refuse another database's address."""
        if not _POSTGRES.match(self.dsn):
            raise ValueError('dsn is not PostgreSQL\'s; write it as "postgresql://user@host/database"')

    @property
    def address(self) -> str:
        """The DSN as drivers of PostgreSQL itself take it."""
        return _moved(_POSTGRES.sub("postgresql://", self.dsn), self.host, self.port, keep=_LIBPQ)


class RedisPart(Part, frozen=True):
    """`url`: as the application connects; `host` and `port` replace those of the URL."""

    url: str
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no Redis address."""
        if not self.url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError('url is not Redis\'; write it as "redis://host:6379/0"')

    @property
    def address(self) -> str:
        """The URL to connect to."""
        return _moved(self.url, self.host, self.port)


class RepositoryPart(Part, frozen=True):
    """`path`: the root of the source tree."""

    path: Path


class ConfigPart(Part, frozen=True):
    """Where the effective configuration stands: a `.env` file, the environment of process `pid`, or both."""

    env_file: Path | None = None
    pid: int | None = None

    def __post_init__(self) -> None:
        """Refuse a part that points nowhere."""
        if self.env_file is None and self.pid is None:
            raise ValueError('write env_file = ".env" or pid = 1234')


class LogsPart(Part, frozen=True):
    """`path`: a log file, or a folder of them."""

    path: Path


class NginxPart(Part, frozen=True):
    """`config`: the main configuration file, the output of `nginx -T`, or a folder of site files."""

    config: Path


class HostPart(Part, frozen=True):
    """`local`: the machine that this runs on is the one that serves."""

    local: bool = True


class PrometheusPart(Part, frozen=True):
    """`url` and `alertmanager_url`: with their path prefix, if any; `jobs`: scrape jobs that belong to this service."""

    url: str
    alertmanager_url: str = ""
    jobs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no web address."""
        for url in filter(None, (self.url, self.alertmanager_url)):
            HttpPart(url)


class DrillsPart(Part, frozen=True):
    """`path`: the folder that results of drills are kept in."""

    path: Path


class DnsPart(Part, frozen=True):
    """`server`: a resolver to ask instead of this machine's own, as "10.0.0.2:53"."""

    server: str

    def __post_init__(self) -> None:
        """Refuse what is no address with a port."""
        host, _, port = self.server.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f'{self.server!r} is no resolver; write it as "10.0.0.2:53"')


class BackupPart(Part, frozen=True):
    """`path`: the folder that backups are kept in, or one backup."""

    path: Path


class Target(Part, frozen=True):
    """What the inspector may look at. A part that is None makes the lines that need it `unknown`.

    `source` says where the description came from.
    """

    target: Named = Named()
    http: HttpPart | None = None
    postgres: PostgresPart | None = None
    redis: RedisPart | None = None
    repository: RepositoryPart | None = None
    config: ConfigPart | None = None
    logs: LogsPart | None = None
    host: HostPart | None = None
    nginx: NginxPart | None = None
    flows: tuple[Flow, ...] = ()
    cuts: tuple[Cut, ...] = ()
    stop: Stop | None = None
    prometheus: PrometheusPart | None = None
    drills: DrillsPart | None = None
    backup: BackupPart | None = None
    dns: DnsPart | None = None

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.target.name or (urlsplit(self.http.url).netloc.rpartition("@")[2] if self.http else "target")

    @property
    def on_this_machine(self) -> bool:
        """Whether the serving machine is this one: said so, or its address is loopback."""
        return self.host.local if self.host else bool(self.http and self.http.local)


def load(path: Path | None = None, url: str | None = None, *, beside: Path | None = None) -> Target:
    """The target described at `path`, or by `url` alone, or in this folder, or what `roadworthy up` started.

    `beside` is the checklist: without a description the source tree that it stands in is looked at too.

    Raises:
        InvalidTarget: no description was found, or a part of it is wrong.
    """
    chosen = path or description_here()
    around = _repository_of(beside) if beside else None
    if path is None and (url is not None or chosen is None):
        found = from_url(url) if url is not None else Target()
        if url is None and around is None:
            raise InvalidTarget(
                "nothing to inspect: no --target, no --url, no target.toml here, no source of a service around the "
                "checklist, and `roadworthy up` has not run in this folder",
                "type `roadworthy target` in your repository, which writes a target.toml; or add --url "
                "https://your.app; or run `make up` in another terminal",
            )
        return msgspec.structs.replace(found, repository=RepositoryPart(around) if around else None)
    assert chosen is not None
    target = parse(_read(chosen), chosen)
    return msgspec.structs.replace(target, http=from_url(url).http) if url else target


def from_url(url: str) -> Target:
    """A target of which only the public address is known; a bare host name means https, but for this machine's own."""
    return _convert({"http": {"url": address_of(url)}}, Path(), "--url")


def address_of(url: str) -> str:
    """`url` with its scheme; a bare host name means https, but for this machine's own, where hardly anybody has TLS."""
    if "://" in url:
        return url
    return f"http://{url}" if urlsplit(f"//{url}").hostname in LOOPBACK else f"https://{url}"


def hint(path: Path | None, url: str | None, target: Target) -> str:
    """What to tell whoever looks without a description; empty where there is nothing to tell."""
    described = path is not None or (url is None and description_here() is not None)
    if described or target.repository is None:
        return ""
    return (
        f"The source tree {target.repository.path} is looked at too: the checklist stands in it. `roadworthy target` "
        "writes a target.toml that also names what runs (database, Redis, configuration, logs): less stays unknown."
    )


def description_here() -> Path | None:
    """The description that counts where none is named: this folder's own, else that of what `roadworthy up` started."""
    return next((one for one in (OWN_PATH, state_dir() / OWN_PATH) if one.is_file()), None)


def state_dir() -> Path:
    """Where a `roadworthy up` of this folder keeps its state: as the environment or `.env` says, which it reads too."""
    here = Path(".env")
    written = dotenv_values(here).get(STATE_DIR_VARIABLE) if here.is_file() else None
    return Path(os.environ.get(STATE_DIR_VARIABLE) or written or STATE_DIR)


def _repository_of(checklist: Path) -> Path | None:
    """The root of the service's source that a checklist stands in: the folder of its repository, if one it is."""
    for folder in checklist.resolve().parents:
        if (folder / ".git").exists():
            return folder if is_service(folder) else None
    return None


def parse(text: str, path: Path) -> Target:
    """Read TOML `text`; relative paths in it count from `path`'s folder, `${NAME}` is taken from the environment.

    Raises:
        InvalidTarget: with the part, the key and what it takes.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidTarget(f"{path}: not valid TOML: {error}", "mend that line; text stands in quotes") from error
    return _convert(expanded(document, path), path.resolve().parent, str(path))


def _convert(document: dict[str, Any], base: Path, source: str) -> Target:
    def hook(kind: type, value: object) -> object:
        if kind is not Path or not isinstance(value, str):
            raise NotImplementedError
        return base / Path(value).expanduser()

    try:
        return msgspec.convert(document, Target, dec_hook=hook)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidTarget(redact(f"{source}: {error}"), _what_exists(str(error))) from error


def _moved(url: str, host: str, port: int, keep: re.Pattern[str] | None = None) -> str:
    """`url` at another host and port, where they are given; of its query only what `keep` matches."""
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    if host or port:
        now, _, usual = place.rpartition(":") if re.search(r":\d+$", place) else (place, "", "")
        place = f"{host or now}:{port or usual}".rstrip(":")
    kept = [one for one in parts.query.split("&") if one and (keep is None or keep.match(one))]
    query = f"?{'&'.join(kept)}" if kept else ""
    return f"{parts.scheme}://{login}{at}{place}{parts.path}{query}"


def _what_exists(problem: str) -> str:
    keys = {
        part.name: ", ".join(key.name for key in msgspec.structs.fields(_struct(part.type)))
        for part in msgspec.structs.fields(Target)
    }
    part = re.search(r"\$\.(\w+)", problem)
    if part and part[1] in keys:
        return f"[{part[1]}] takes {keys[part[1]]}"
    return "these parts exist: " + ", ".join(f"[{name}]" for name in keys)


def _struct(annotation: Any) -> type[msgspec.Struct]:
    candidates = getattr(annotation, "__args__", (annotation,))
    return next(kind for kind in candidates if isinstance(kind, type) and issubclass(kind, msgspec.Struct))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        remedy = "give --target a file that can be read; `roadworthy target` writes one"
        raise InvalidTarget(f"{path}: {error.strerror}", remedy) from error
    if len(raw) > FILE_LIMIT_BYTES:
        raise InvalidTarget(f"{path}: over {FILE_LIMIT_BYTES} bytes", "a target is a few lines of TOML")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidTarget(f"{path}: not UTF-8 at byte {error.start}", "save it as UTF-8") from error

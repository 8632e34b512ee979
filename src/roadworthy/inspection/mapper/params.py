"""What a line tells about its requirement: which readers serve which requirement is a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from roadworthy.inspection.checklist import words
from roadworthy.inspection.mapper import naming, pooling, proxying, readers, values
from roadworthy.inspection.mapper.readers import Params
from roadworthy.inspection.model import Item, Param, Requirement
from roadworthy.inspection.requirements import BY_ID

Reader = Callable[[str], Params]
_OR = re.compile(r"\bor\b|[`\w]\s?/\s?(?:`/|[a-z])|\|", re.IGNORECASE)
"""What makes several values alternatives."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a line tells about a requirement: once, or several times; `any_of` where one of them is enough."""

    params: tuple[Params, ...]
    any_of: bool = False


def read(requirement: str, item: Item) -> Told:
    """What `item` tells about `requirement`."""
    condition = words.condition_of(item.text)
    common: dict[str, Param] = {"condition": condition} if condition else {}
    common |= naming.named(requirement, item.text)
    if requirement in SEVERAL and (listed := list(SEVERAL[requirement](item.text))):
        return Told(tuple({**one, **common} for one in listed))
    found = {**_single(requirement, item), **common}
    name, several = _spread(requirement, item.text)
    if not name:
        return Told((found,))
    return Told(tuple({**found, name: one} for one in several), name != "path" or _are_alternatives(several, item.text))


def _are_alternatives(several: Sequence[str], text: str) -> bool:
    low = text.lower()
    return len(several) > 1 and bool(_OR.search(low[low.find(several[0].lower()) : low.rfind(several[-1].lower())]))


def _single(requirement: str, item: Item) -> Params:
    found: dict[str, Param] = {}
    for reader in READERS.get(requirement, ()):
        found = {**reader(item.text), **found}
    for when, reader in ABOVE.get(requirement, ()):
        if when in item.text.lower():
            found = {**reader(" ".join((*item.section[-1:], *item.context))), **found}
    if "subject" in BY_ID[requirement].params:
        found.setdefault("subject", item.text[: readers.SUBJECT_LIMIT_CHARACTERS])
    return {name: value for name, value in found.items() if name in BY_ID[requirement].params}


def _spread(requirement: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The parameter of which the line names several values, where the requirement takes one at a time."""
    if requirement in ALTERNATIVES:
        name, pattern = ALTERNATIVES[requirement]
        found = readers.chain(text, pattern)
        return (name, found) if len(found) > 1 else ("", ())
    takes = BY_ID[requirement].params
    paths = tuple(dict.fromkeys(values.paths(text))) if "path" in takes and "paths" not in takes else ()
    if requirement == "health.deps":
        paths = tuple(path for path in paths if "ready" in path.lower()) or paths
        return ("path", paths) if paths else ("", ())
    return ("path", paths) if len(paths) > 1 else ("", ())


def refined(requirement: Requirement) -> Requirement:
    """A requirement read from a setting (`name`, `value`), with its value in the unit that checks ask for."""
    name, value = requirement.text("name") or requirement.text("directive"), requirement.text("value")
    convert = CONVERTERS.get(requirement.id)
    more = convert(name.upper(), value) if convert and name and value else {}
    return Requirement(requirement.id, {**requirement.params, **more}, requirement.why) if more else requirement


def _seconds(name: str, value: str) -> Params:
    units = (("MINUTE", 60), ("HOUR", 3600), ("DAY", 86400), ("_MS", 0.001))
    unit = next((seconds for word, seconds in units if word in name), 1)
    return {"ttl_seconds": int(float(value) * unit)} if re.fullmatch(r"\d+(\.\d+)?", value) else {}


def _rate(name: str, value: str) -> Params:
    word = next((word for word in ("SECOND", "MINUTE", "HOUR", "DAY") if f"PER_{word}" in name), None)
    return {f"per_{word.lower()}": int(value)} if word and value.isdigit() else {}


def _log(name: str, value: str) -> Params:
    if "LEVEL" in name:
        return {"level": value.upper()}
    return {"path": value} if "/" in value else {}


def _pool(name: str, value: str) -> Params:
    return {"max_overflow" if "OVERFLOW" in name else "size": int(value)} if value.isdigit() else {}


def _workers(_name: str, value: str) -> Params:
    return {"workers": int(value)} if value.isdigit() else {}


def _address(_name: str, value: str) -> Params:
    return {"url": value} if "://" in value else {}


def _age(_name: str, value: str) -> Params:
    return readers.duration(value, name="max_age_seconds")


ABOVE: Mapping[str, tuple[tuple[str, Reader], ...]] = {
    "health.endpoint": (("", readers.dependency),),
    "health.deps": (("", readers.dependency),),
    "sec.secretkey": (("password", readers.password_of),),
}
"""A word of the line and a reader of its heading: "Health check working" under MinIO is about storage."""

SEVERAL: Mapping[str, Callable[[str], Iterator[Params]]] = {
    "perf.latency": readers.latencies,
    "srv.compress": readers.compression,
    "nginx.proxyhdr": proxying.directives,
}
"""Readers for lines that name several values of one sort, each a requirement of its own."""

ALTERNATIVES: Mapping[str, tuple[str, str]] = {
    "db.engine": ("engine", readers.ENGINES),
    "cache.on": ("store", readers.STORES),
    "nginx.on": ("server", readers.SERVERS),
    "srv.prodserver": ("server", readers.SERVERS),
}
"""Parameters of which a line may offer several ("MySQL or PostgreSQL"), and their checks take one."""

CONVERTERS: Mapping[str, Callable[[str, str], Params]] = {
    "cache.ttl": _seconds,
    "auth.jwt": _seconds,
    "rl.values": _rate,
    "log.conf": _log,
    "redis.up": _address,
    "db.pool": _pool,
    "srv.workers": _workers,
    "cdn.cachehdr": _age,
}
"""How a setting's value becomes a parameter of the requirement it stands for."""


_tool = partial(readers.one_of, name="tool", pattern=readers.TOOLS)
_server = partial(readers.word, name="server", pattern=readers.SERVERS)

PROGRAMS = (
    r"\b(?:git|node(?:\.?js)?|npm|python3?|java|php|ruby|composer|curl|jq|ffmpeg|go|rsync|wget|gzip|bzip2|unzip|zip|tar"
    r"|openssl|gcc|cmake|tmux|kubectl|helm|terraform|yarn|pnpm|pandoc|psql|pg_dump|mysqldump)\b"
)
READERS: Mapping[str, tuple[Reader, ...]] = {
    "db.engine": (partial(readers.word, name="engine", pattern=readers.ENGINES), readers.version_of_engine),
    "db.pool": (partial(readers.keywords, pool_size="size", max_overflow="max_overflow"), pooling.sizes),
    "db.pool_recycle": (partial(readers.duration, name="seconds"),),
    "db.migration_plan": (readers.locks,),
    "db.timeouts": (readers.timeouts,),
    "db.isolation": (
        partial(readers.words, name="level", pattern=r"read[ _-]committed|repeatable[ _-]read|serializable"),
    ),
    "db.indexes": (readers.file,),
    "db.migrations": (readers.command,),
    "db.vacuum": (
        partial(readers.every, name="what", pattern=r"vacuum|analyze|index"),
        partial(readers.period, name="days", unit_hours=24),
    ),
    "bk.scheduled": (partial(readers.period, name="hours"),),
    "bk.retention": (partial(readers.duration, name="days", unit_seconds=86400),),
    "bk.uploads": (readers.path,),
    "dr.rto": (partial(readers.duration, name="hours", unit_seconds=3600),),
    "cache.on": (
        partial(readers.word, name="store", pattern=readers.STORES),
        readers.path,
        readers.assigned,
    ),
    "cache.ttl": (partial(readers.duration, name="ttl_seconds"), readers.assigned),
    "cache.hit": (partial(readers.percent, name="min_ratio"),),
    "redis.persist": (partial(readers.every, name="what", pattern=r"\b(?:aof|rdb)\b"),),
    "redis.maxmem": (readers.size,),
    "redis.evict": (partial(readers.word, name="policy", pattern=r"(?:allkeys|volatile)-\w+|noeviction"),),
    "redis.pool": (partial(readers.keywords, max_connections="max_size"),),
    "rl.on": (readers.exempt, readers.path, readers.rates, readers.assigned, _tool),
    "rl.headers": (readers.path,),
    "sec.cors": (readers.path,),
    "scale.horizontal": (readers.file,),
    "rl.values": (readers.rates, readers.path, readers.assigned),
    "rl.proxy": (_server,),
    "srv.prodserver": (
        _server,
        partial(readers.counted, name="workers", what="workers?"),
        partial(readers.given, name="workers", what="workers?"),
    ),
    "srv.workers": (
        readers.formula,
        partial(readers.counted, name="workers", what="workers?|instances|processes"),
        partial(readers.given, name="workers", what="workers?|processes"),
        _server,
    ),
    "srv.timeout": (partial(readers.duration, name="seconds"),),
    "srv.ext_timeout": (partial(readers.duration, name="seconds"),),
    "srv.retry": (partial(readers.counted, name="attempts", what="attempts|retries|times"),),
    "srv.systemd": (readers.unit,),
    "srv.debug": (readers.variable,),
    "srv.async": (_tool,),
    "srv.deps": (readers.command,),
    "health.endpoint": (readers.path, readers.dependency),
    "health.deps": (readers.path, readers.dependency, readers.readiness),
    "sec.secretkey": (readers.variable, readers.length, readers.secrets),
    "sec.gitignore": (readers.file,),
    "sec.headers": (readers.headers, readers.path, _server),
    "sec.docs_off": (readers.path,),
    "sec.cookies": (readers.variable,),
    "sec.depscan": (_tool,),
    "sec.apikeys": (readers.variable,),
    "sec.trusted_net": (readers.ports,),
    "auth.jwt": (partial(readers.duration, name="ttl_seconds"), readers.assigned),
    "auth.password": (
        partial(readers.word, name="algorithm", pattern=r"\b(?:argon2(?:id)?|bcrypt|scrypt|pbkdf2)\b"),
        readers.length,
    ),
    "auth.lockout": (partial(readers.counted, name="attempts", what="attempts|tries|times|failed"),),
    "auth.oauth": (_tool,),
    "auth.closed": (readers.path,),
    "upload.validate": (readers.size,),
    "jobs.retry": (partial(readers.counted, name="attempts", what="attempts|retries|times"),),
    "jobs.timeout": (partial(readers.duration, name="seconds"),),
    "jobs.metrics": (readers.path,),
    "fe.build": (readers.command,),
    "fe.images": (partial(readers.every, name="names", pattern=r"\b(?:webp|avif)\b"),),
    "cdn.on": (_tool,),
    "cdn.cachehdr": (readers.asset_age,),
    "nginx.on": (_server,),
    "nginx.static": (readers.path,),
    "tls.versions": (partial(readers.every, name="names", pattern=r"(?<=[\sv])1\.[0-3]\b"),),
    "tls.cert": (
        partial(readers.word, name="issuer", pattern=r"let\W?s ?encrypt|digicert|zerossl"),
        partial(readers.duration, name="days", unit_seconds=86400),
    ),
    "host.os": (_tool, readers.version),
    "host.cpu": (partial(readers.counted, name="cores", what=r"v?cpus?|cores?"),),
    "host.ram": (readers.size,),
    "host.disk": (readers.size,),
    "host.docker": (_tool, readers.version),
    "host.firewall": (readers.ports,),
    "host.limits": (readers.size, partial(readers.counted, name="cores", what=r"v?cpus?|cores?")),
    "host.pkg": (
        partial(readers.every, name="names", pattern=PROGRAMS),
        readers.version,
    ),
    "mon.logs": (_tool,),
    "mon.host": (partial(readers.every, name="names", pattern=r"\b(?:cpu|ram|memory|disk|network)\b"),),
    "mon.errors": (_tool,),
    "mon.uptime": (_tool,),
    "mon.metrics": (readers.path, _tool),
    "mon.trace": (_tool,),
    "alert.on": (_tool,),
    "log.conf": (readers.logs, readers.variable),
    "log.reqid": (partial(readers.word, name="header", pattern=r"x-(?:request|correlation)-id|traceparent"),),
    "cfg.env": (readers.variable,),
    "cfg.example": (readers.file,),
    "cfg.siteurl": (readers.variable,),
    "cfg.email": (readers.variable,),
    "cfg.thirdparty": (_tool,),
    "perf.latency": (readers.path,),
    "perf.rps": (readers.rps,),
    "perf.errors": (partial(readers.percent, name="max_ratio"),),
    "perf.uptime": (partial(readers.percent, name="min_ratio"),),
    "perf.users": (readers.users,),
    "perf.memory": (readers.size,),
    "load.test": (_tool, readers.users, readers.path, readers.command),
    "test.cov": (partial(readers.percent, name="min_ratio"),),
    "test.integration": (readers.command,),
    "ci.on": (_tool,),
    "ci.deploy": (readers.command,),
    "ci.depbot": (readers.file,),
    "doc.deploy": (readers.file,),
    "doc.runbook": (readers.file,),
    "doc.user": (readers.file,),
    "doc.any": (readers.file,),
    "repo.file": (readers.file,),
    "k8s.replicas": (partial(readers.counted, name="workers", what="replicas|instances|pods|worker instances"),),
    "feature.exists": (readers.path,),
    "flow.generic": (readers.path,),
}  # fmt: skip

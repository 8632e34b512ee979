"""Clients of one server, of servers watched by Sentinel, and of a cluster, by their URL."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

CLUSTER, SENTINEL = "cluster", "sentinel"
PORTS: Final = {CLUSTER: 6379, SENTINEL: 26379}
CONNECT_TIMEOUT_SECONDS = 0.5
REDIRECTIONS = 2
# These pools raise when they are empty where the one of a single server waits; so few are used that it never is.
CONNECTIONS_OF_MANY = 100


class Servers(NamedTuple):
    """What a URL of several servers says: `redis+cluster://...` or `redis+sentinel://.../service`."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    login: dict[str, Any]
    sentinel_login: dict[str, Any]


def client_of(url: str, *, command_timeout_seconds: float, connections: int) -> Redis:
    """A client for `url` with short timeouts; nothing is connected yet.

    Raises:
        ValueError: the URL is none that it knows.
    """
    servers = parsed(url)
    limits: dict[str, Any] = {
        "socket_timeout": command_timeout_seconds,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
    }
    if servers is None:
        return _single(url, connections, command_timeout_seconds, limits)
    return (_cluster if servers.kind == CLUSTER else _watched)(servers, limits)


def parsed(url: str) -> Servers | None:
    """The servers that `url` names; None when it is one server's.

    Raises:
        ValueError: it names none, or no service for Sentinel.
    """
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    if not kind:
        return None
    if scheme not in ("redis", "rediss") or kind not in PORTS:
        raise ValueError(f"{scheme}+{kind}:// is neither redis+cluster:// nor redis+sentinel:// (rediss+ with TLS)")
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    found = tuple(_host(host, PORTS[kind]) for host in hosts.split(",") if host)
    if not found or (kind == SENTINEL and not service):
        raise ValueError(
            f"write it as {scheme}+{kind}://:password@host:port,host:port" + "/service" * (kind == SENTINEL)
        )
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls = {"ssl": True} if scheme == "rediss" else {}
    sentinel_login = {"password": options["sentinel_password"]} if "sentinel_password" in options else {}
    return Servers(kind, found, service, int(database or 0), {**_login(login), **tls}, {**sentinel_login, **tls})


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or port


def _login(text: str) -> dict[str, Any]:
    user, _, password = text.partition(":")
    return {name: unquote(value) for name, value in (("username", user), ("password", password)) if value}


def _single(url: str, connections: int, command_timeout_seconds: float, limits: dict[str, Any]) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=command_timeout_seconds,
        retry=_retry(),
        # One retry, and only for a connection found dead: a command that timed out may have been carried out.
        retry_on_error=[RedisConnectionError],
        **limits,
    )
    return Redis.from_pool(pool)  # closes the pool with it


def _watched(servers: Servers, limits: dict[str, Any]) -> Redis:
    from redis.asyncio.sentinel import Sentinel  # noqa: PLC0415  # few need it

    sentinel_kwargs = {**limits, **servers.sentinel_login}
    sentinel = Sentinel(list(servers.hosts), sentinel_kwargs=sentinel_kwargs)  # type: ignore[no-untyped-call]  # theirs
    client: Redis = sentinel.master_for(
        servers.service,
        db=servers.database,
        max_connections=CONNECTIONS_OF_MANY,
        retry=_retry(),
        retry_on_error=[RedisConnectionError],
        **limits,
        **servers.login,
    )
    return client


def _cluster(servers: Servers, limits: dict[str, Any]) -> Redis:
    from redis.asyncio.cluster import ClusterNode, RedisCluster  # noqa: PLC0415  # few need it

    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in servers.hosts],
        max_connections=CONNECTIONS_OF_MANY,
        # Of a moved slot it hears in an answer, and asks the right node then.
        retry=Retry(NoBackoff(), REDIRECTIONS),
        **limits,
        **servers.login,
    )
    return cast("Redis", client)  # the commands that are used here are the same


def _retry() -> Retry:
    return Retry(NoBackoff(), 1)

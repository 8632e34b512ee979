"""One ASGI object in front of any ASGI app: everything a request meets before and after the app's own code."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, Self

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.edge.asgi import ASGIApp, Header, Receive, Scope, Send
from roadworthy.chassis.edge.cached import BYPASS, HIT, MISS, STALE, Entry, Key, ResponseCache, negotiation
from roadworthy.chassis.edge.client import Clients, is_internal
from roadworthy.chassis.edge.cors import Cors
from roadworthy.chassis.edge.exchange import EMPTY, READS, START, Exchange, not_modified
from roadworthy.chassis.edge.hosts import Hosts
from roadworthy.chassis.edge.lifespan import Lifespan
from roadworthy.chassis.edge.problems import CONTENT_TYPE as PROBLEM
from roadworthy.chassis.edge.problems import rate_limited_body
from roadworthy.chassis.edge.requestid import accepted, request_ids
from roadworthy.chassis.edge.routes import Plan, RouteTable, route_of
from roadworthy.chassis.edge.security import HSTS
from roadworthy.chassis.edge.shedding import Shedding
from roadworthy.chassis.edge.validators import matches
from roadworthy.chassis.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    UnknownHost,
)
from roadworthy.chassis.limits.limiter import RateLimiter, Standing
from roadworthy.chassis.telemetry.access import BATCH, AccessLog, AccessRecord, Clock
from roadworthy.chassis.telemetry.context import request_id
from roadworthy.chassis.telemetry.health import Health
from roadworthy.chassis.telemetry.metrics import SERIES_MAX, Metrics, RequestSeries

RETRY_AFTER: Final[Header] = (b"retry-after", b"1")
ALLOW_READING: Final[Header] = (b"allow", b"GET, HEAD")
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
MICROSECONDS: Final = 1_000_000
SERVER_ERROR: Final = 500
CLOSE: Final[Header] = (b"connection", b"close")
UNKNOWN: Final = b"unknown"
NO_LIMIT: Final = Standing(1 << 62, math.inf, ())
codings: Final = negotiation.known

logger = logging.getLogger(__name__)


class Edge:
    """Wraps `app`, any ASGI 3 application. `build.edge_from_settings` puts it together.

    A kept answer leaves here in one piece of code (`__call__`), because each function call on that way costs 1% of its
    throughput; everything else is done by parts with names.
    """

    __slots__ = (
        "_access",
        "_asked",
        "_cache",
        "_clients",
        "_clock",
        "_cors",
        "_exact",
        "_health",
        "_hosts",
        "_ids",
        "_lifespan",
        "_metrics",
        "_records",
        "_routes",
        "_series",
        "_shedding",
        "_tail",
        "_told_of_proxy",
        "_trusting",
        "app",
        "done",
        "in_flight",
        "kept",
        "shed",
    )

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: RouteTable,
        clients: Clients,
        hosts: Hosts | None,
        cors: Cors | None,
        cache: ResponseCache | None,
        metrics: Metrics,
        health: Health,
        access: AccessLog | None,
        lifespan: Lifespan,
        shedding: Shedding,
        kept: Cache,
    ) -> None:
        """Take the parts; None switches one off. More requests at once than `shedding` allows are sent away.

        `kept` drops tags of what is kept.
        """
        self.app = app
        self.in_flight = 0
        self.shed = 0
        self.kept = kept
        self.done = 0
        self._shedding = shedding
        self._tail: tuple[Header, ...] = ()
        self._health = health
        self._routes = routes
        self._exact = routes.exact
        self._clients = clients
        self._trusting = bool(clients.trusted)
        self._told_of_proxy = False
        self._hosts = hosts
        self._cors = cors
        self._cache = cache
        self._asked: dict[Key, Entry] = cache.asked if cache is not None else {}
        self._metrics = metrics
        self._access = access
        self._records: list[AccessRecord] | None = access.records if access is not None else None
        self._clock = access.clock if access is not None else Clock()
        self._series: dict[tuple[str, str, int], RequestSeries] = {}
        self._ids = request_ids()
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: C901, PLR0912, PLR0915  # hot
        """Serve one connection: HTTP through the edge, anything else straight to the app."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        started_at = monotonic()
        path: str = scope["path"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        address: str = client[0] if client else ""
        https = scope.get("scheme") == "https"
        if self._trusting:
            address, https = self._clients.resolve(address, headers, scope["headers"], https=https)
            scope["client"] = (address, 0)
            scope["scheme"] = "https" if https else "http"
        given = headers.get(b"x-request-id")
        identifier = next(self._ids) if given is None else accepted(given) or next(self._ids)
        entry = self._asked.get((path, scope["query_string"], headers.get(b"host")))
        if (
            entry is not None
            and started_at < entry.expires
            and scope["method"] == "GET"
            and b"if-none-match" not in headers
            and b"cookie" not in headers
            and b"authorization" not in headers
        ):
            variant = entry.variants.get(codings.get(headers.get(b"accept-encoding"), UNKNOWN))
            limiter = entry.limiter
            standing = NO_LIMIT if limiter is None else limiter.standings.get(address)
            if (
                variant is not None
                and standing is not None
                and standing.tokens > standing.low
                and started_at < standing.until
            ):
                standing.tokens -= 1
                if started_at >= entry.older_at:
                    entry.grow_older(started_at)
                head = variant.headers[:]
                head += standing.headers
                head += (entry.age, HIT, (b"x-request-id", identifier.encode()))
                if https or self._tail:
                    head += self._more(https=https)
                await send({"type": START, "status": 200, "headers": head})
                await send(variant.body)
                entry.uses += 1
                ended_at = monotonic()
                seconds = ended_at - started_at
                entry.pending.append(seconds)
                records = self._records
                if records is not None:
                    took = int(seconds * MICROSECONDS) / 1000
                    clock = self._clock
                    at = clock.latest if ended_at < clock.until else clock.text(ended_at)
                    route, size = entry.route, variant.size_bytes
                    records.append(
                        AccessRecord(at, "info", "request", "GET", path, route, 200, took, size, address, identifier)
                    )
                    if len(records) >= BATCH:
                        self._turn_over()
                return
        plan = self._exact.get(path) or self._routes.plan(path)
        exchange = Exchange(scope, plan, headers, receive, send, started_at, address, identifier)
        if https or self._tail or plan.cors:
            exchange.extra = self._more(https=https, plan=plan, origin=headers.get(b"origin"))
        self.in_flight += 1
        request_id.set(identifier)
        try:
            limiter = plan.limiter
            if self.in_flight > self._shedding.limit and plan.endpoint is None:
                self.shed += 1
                await exchange.refuse(Overloaded(), RETRY_AFTER)
            elif limiter is None or self._admits(exchange, limiter) or await self._admitted(exchange, limiter):
                if self._hosts is not None and plan.endpoint is None and not self._hosts.admit(headers.get(b"host")):
                    await exchange.refuse(UnknownHost("ALLOWED_HOSTS says which names it answers to."))
                elif "\0" in path:  # names nothing, and PostgreSQL takes no such text
                    await exchange.refuse(NotFound())
                elif plan.is_plain and b"content-length" not in headers and exchange.method != "OPTIONS":
                    await self._run(exchange)
                else:
                    await self._serve(exchange)
        except DeadlineExceeded as error:  # of a load that others wait for as well
            await exchange.refuse(error)
        except Exception:
            logger.exception("unexpected error in %s %s", exchange.method, path)
            if exchange.started:
                raise  # the server breaks the connection off: the client must not take half an answer for a whole one
            await exchange.fail()
        finally:
            self.in_flight -= 1
            self._count(exchange)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Self]:
        """Run what happens between requests; for whoever does not pass the server's lifespan messages on."""
        await self._lifespan.start()
        try:
            yield self
        finally:
            await self._lifespan.stop()

    @property
    def in_flight_limit(self) -> int:
        """More requests at once are sent away."""
        return self._shedding.limit

    def measure(self, now: float) -> None:
        """Let the bound on requests at once follow how quickly they are answered."""
        self._shedding.observe(now, self.in_flight, self.done)

    def drain(self) -> None:
        """Prepare for a stop: readiness turns red, and each answer from now on asks its client to connect anew."""
        self._health.draining = True
        self._tail = (CLOSE,)

    def _more(self, *, https: bool, plan: Plan | None = None, origin: bytes | None = None) -> tuple[Header, ...]:
        """What goes with any answer here and now, besides the usual."""
        cors = self._cors.headers(origin) if plan is not None and plan.cors and self._cors is not None else ()
        return (*((HSTS,) if https else ()), *self._tail, *cors)

    def _admits(self, exchange: Exchange, limiter: RateLimiter) -> bool:
        """Whether the address is known to have a request left."""
        standing = limiter.standings.get(exchange.address)
        if standing is None or standing.tokens <= standing.low or standing.until <= exchange.started_at:
            return False
        if exchange.plan.cost != 1:
            return False
        standing.tokens -= 1
        exchange.extra += standing.headers
        return True

    async def _admitted(self, exchange: Exchange, limiter: RateLimiter) -> bool:
        """Whether the address may ask now; if not, it has been told."""
        if self._proxied_by_a_stranger(exchange):
            self._tell_of_proxy(exchange.address)
        account = self._clients.account(exchange.address)
        cost = exchange.plan.cost
        standing = limiter.use(account, exchange.started_at, cost)
        if standing is None:
            admitted, standing = await limiter.ask(account, cost)
        else:
            admitted = not standing.refused
        exchange.extra += standing.headers
        if not admitted:
            limiter.refusals += 1
            seconds = max(1, math.ceil(standing.until - exchange.started_at))
            await exchange.respond(429, PROBLEM, rate_limited_body(standing.violated, seconds))
        return admitted

    def _proxied_by_a_stranger(self, exchange: Exchange) -> bool:
        """Whether a proxy of our own network stands in front that no setting names: then nobody knows who asks."""
        return not self._trusting and b"x-forwarded-for" in exchange.headers and is_internal(exchange.address)

    def _tell_of_proxy(self, address: str) -> None:
        if not self._told_of_proxy:
            self._told_of_proxy = True
            logger.warning(
                "requests come through a proxy at %s that TRUSTED_PROXIES does not name: all its clients share one "
                "rate limit; if it is yours, set TRUSTED_PROXIES=%s",
                *(address, address),
            )

    async def _serve(self, exchange: Exchange) -> None:
        """Answer, by whoever can do it with the least work."""
        plan, headers, method = exchange.plan, exchange.headers, exchange.method
        if plan.endpoint is not None and method not in ("GET", "HEAD"):
            await exchange.refuse(MethodNotAllowed(), ALLOW_READING)
            return
        if plan.endpoint is not None:
            answer = await plan.endpoint("unknown" if self._proxied_by_a_stranger(exchange) else exchange.address)
            await exchange.respond(answer.status, answer.content_type, answer.body)
            return
        if (b"content-length" in headers or method == "OPTIONS") and await self._answered_early(exchange):
            return
        if plan.cache is not None and self._cache is not None and method in ("GET", "HEAD"):
            has_credentials = b"cookie" in headers or b"authorization" in headers
            if has_credentials and (not plan.cache.ignores_credentials or exchange.wrote_lately):
                exchange.extra += (BYPASS,)
            elif await self._answered_from_cache(exchange, self._cache):
                return
        await self._run(exchange)

    async def _answered_early(self, exchange: Exchange) -> bool:
        """Answer what the app need not see: preflights, and bodies that say that they are too large."""
        length = exchange.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > exchange.plan.body_limit_bytes:
            await exchange.refuse(BodyTooLarge(f"This route takes {exchange.plan.body_limit_bytes} bytes."))
            return True
        if exchange.method == "OPTIONS" and exchange.plan.cors and self._cors is not None:
            preflight = self._cors.preflight(exchange.headers)
            if preflight is not None:
                await exchange.give(204, list(preflight), EMPTY, 0)
                return True
        return False

    async def _answered_from_cache(self, exchange: Exchange, cache: ResponseCache) -> bool:
        asked = cache.asked_for(exchange.scope, exchange.headers, exchange.plan)
        entry = cache.find(asked, exchange.plan, exchange.scope, exchange.started_at)
        found = HIT if entry is not None and exchange.started_at < entry.expires else STALE
        if entry is None:
            cache.misses += 1
            found = MISS
            entry = await cache.fetch(asked, exchange.plan, exchange.scope)
        if entry is None:
            exchange.extra += (BYPASS,)
            return False
        entry.uses += found is not MISS
        entry.grow_older(monotonic())
        exchange.extra += (entry.age, found)
        exchange.scope["roadworthy.route"] = entry.route
        variant = await cache.variant(entry, negotiation.choose(exchange.headers.get(b"accept-encoding")))
        candidates = exchange.headers.get(b"if-none-match")
        if candidates is not None and entry.etag is not None and matches(candidates, entry.etag):
            await exchange.give(304, not_modified(variant.headers), EMPTY, 0)
        else:
            await exchange.give(entry.status, list(variant.headers), variant.body, variant.size_bytes)
        return True

    async def _run(self, exchange: Exchange) -> None:
        """Let the app answer, within the deadline."""
        deadlines = exchange.plan.deadlines
        exchange.task = asyncio.current_task()
        if exchange.head_only:
            # RFC 9110 wants HEAD wherever GET is; frameworks want a handler for it. The body ends here.
            exchange.scope["method"] = "GET"
        deadlines.watch(exchange)
        try:
            if exchange.method in READS and b"cookie" not in exchange.headers:
                await self.app(exchange.scope, exchange.receive, exchange.send)
            else:
                with consistency.request(exchange.note_write, reads_own_writes=exchange.wrote_lately):
                    await self.app(exchange.scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if not exchange.expired or exchange.started:
                raise
            if exchange.task is not None:
                exchange.task.uncancel()
        except BodyTooLarge:
            if exchange.refusal is None:
                raise
        finally:
            self.done += 1
            deadlines.forget(exchange)
        if not exchange.started:
            await self._make_up(exchange)

    async def _make_up(self, exchange: Exchange) -> None:
        """Answer for an app that was stopped, or that ended without an answer."""
        if exchange.refusal is not None:
            await exchange.refuse(exchange.refusal)
        else:
            logger.error("the app answered nothing to %s %s", exchange.method, exchange.scope["path"])
            await exchange.fail()

    def _count(self, exchange: Exchange) -> None:
        """Count and log an answered request. The series takes the duration; the rest is done for hundreds at once."""
        ended_at = monotonic()
        seconds = ended_at - exchange.started_at
        method, status = exchange.method, exchange.status
        route = route_of(exchange.scope, exchange.plan.label)
        series = self._series.get((method, route, status))
        if series is None:
            series = self._new_series(method, route, status)
        series.pending.append(seconds)
        records = self._records
        if records is None:
            return
        level = "info" if status < SERVER_ERROR else "error"
        took, path, size = int(seconds * MICROSECONDS) / 1000, exchange.scope["path"], exchange.sent_bytes
        at, address, identifier = self._clock.text(ended_at), exchange.address, exchange.identifier
        records.append(AccessRecord(at, level, "request", method, path, route, status, took, size, address, identifier))
        if len(records) >= BATCH:
            self._turn_over()

    def _new_series(self, method: str, route: str, status: int) -> RequestSeries:
        name = method if method in METHODS else "OTHER"
        series = self._metrics.requests(name, route, str(status))
        if len(self._series) < SERIES_MAX:
            self._series[method, route, status] = series
        return series

    def _turn_over(self) -> None:
        if self._access is not None:
            self._access.encode()
        self._metrics.fold()

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan.run(self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)

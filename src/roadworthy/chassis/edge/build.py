"""Puts the edge together as the settings want it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.edge.cached import ResponseCache
from roadworthy.chassis.edge.client import Clients
from roadworthy.chassis.edge.cors import Cors
from roadworthy.chassis.edge.deadlines import Deadlines
from roadworthy.chassis.edge.edge import Edge
from roadworthy.chassis.edge.endpoints import endpoints
from roadworthy.chassis.edge.figures import observe_cache, observe_responses
from roadworthy.chassis.edge.hosts import Hosts
from roadworthy.chassis.edge.lifespan import TICK_SECONDS, Every, Lag, Lifespan
from roadworthy.chassis.edge.policy import NO_CACHE, RoutePolicy
from roadworthy.chassis.edge.routes import RouteTable
from roadworthy.chassis.edge.shedding import EVERY_SECONDS, Shedding
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import UNLIMITED, LimitPolicy, Quota
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.access import AccessLog
from roadworthy.chassis.telemetry.health import Health
from roadworthy.chassis.telemetry.metrics import Metrics
from roadworthy.chassis.telemetry.observed import observe_process
from roadworthy.chassis.telemetry.output import LogOutput

ACCESS_LOG_SECONDS = 0.25
METRICS_SECONDS = 1.0
TIDY_SECONDS = 5.0
# A thousand users at once, spread over the processes by chance: so many are taken on whatever their answers take.
NEVER_REFUSED = 1200
HEALTH_SECONDS = 5.0  # alerts must not wait for somebody to ask
MINUTE, HOUR = 60, 3600

Closer: TypeAlias = Callable[[], Awaitable[None]]


def default_policies(settings: Settings, error_pages: Mapping[int, bytes] | None = None) -> tuple[RoutePolicy, ...]:
    """What holds where no app says otherwise: limits on `/api` and pages, none on static files."""
    api = LimitPolicy(
        "api",
        (
            Quota("minute", settings.rate_limit_per_minute, MINUTE),
            Quota("hour", settings.rate_limit_per_hour, HOUR),
        ),
    )
    pages = LimitPolicy("pages", (Quota("minute", settings.rate_limit_pages_per_minute, MINUTE),))
    limited = settings.rate_limit_enabled
    everything = RoutePolicy(
        "/*",
        cache=NO_CACHE,
        limit=pages if limited else UNLIMITED,
        timeout_seconds=settings.request_timeout_seconds,
        body_limit_bytes=settings.body_limit_bytes,
        cors=False,
        error_pages=error_pages or {},
    )
    free = tuple(RoutePolicy(path, limit=UNLIMITED) for path in ("/static/*", "/favicon.ico", "/robots.txt"))
    return (
        everything,
        RoutePolicy("/api/*", limit=api if limited else UNLIMITED, cors=bool(settings.cors_origins), error_pages={}),
        *free,
    )


def edge_from_settings(
    app: ASGIApp,
    settings: Settings,
    *,
    health: Health,
    metrics: Metrics,
    output: LogOutput | None,
    shared: SharedTier | None = None,
    cache: Cache | None = None,
    policies: Sequence[RoutePolicy] = (),
    processes: int = 1,
    error_pages: Mapping[int, bytes] | None = None,
    opening: Sequence[Closer] = (),
    closing: Sequence[Closer] = (),
) -> Edge:
    """The edge around `app`, started and stopped by the server's lifespan messages, or by `Edge.running()`.

    `policies` are the apps' own and go before the defaults. `health` is answered for, and told how limits and cache
    work at the moment. `cache` is the process's; without it the edge makes one of its own, which nobody drops tags of.
    `processes` is how many share the limits while the shared tier is gone. `output` takes the access log, None for
    none. `error_pages` are for browsers, by status; /api has none. The edge awaits whatever is `opening` before the
    app starts, and closes `metrics` and then whatever is `closing`; without it, the caller closes `shared` after it.

    Raises:
        ValueError: a trusted proxy is no address.
    """
    every_policy = (*default_policies(settings, error_pages), *policies)
    own = cache is None
    cache = cache or cache_from_settings(settings, shared, health.version)
    builder = _Builder(app, settings, health, metrics, output, shared, cache, every_policy, processes)
    if own:
        closing = (cache.close, *closing)
    builder.opening, builder.closing = opening, closing
    return builder.build()


def cache_from_settings(settings: Settings, shared: SharedTier | None, version: str) -> Cache:
    """The cache of one process; entries of another `version` are not found in the shared tier."""
    return Cache(settings.cache_bytes, SecondLevel(shared, namespace=version) if shared is not None else None)


def metrics_folder(settings: Settings) -> Path:
    """Where the processes of one web server leave their metrics; instances on other ports have folders of their own.

    `telemetry.store.clear` it before the first process is started.
    """
    return settings.state_dir / "metrics" / str(settings.port)


class _Builder:
    def __init__(  # noqa: PLR0917  # one caller, above
        self,
        app: ASGIApp,
        settings: Settings,
        health: Health,
        metrics: Metrics,
        output: LogOutput | None,
        shared: SharedTier | None,
        cache: Cache,
        policies: Sequence[RoutePolicy],
        processes: int,
    ) -> None:
        self._kept = cache
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._shared = shared
        self._processes = processes
        self.opening: Sequence[Closer] = ()
        self.closing: Sequence[Closer] = ()
        self._limiters: list[RateLimiter] = []
        self._deadlines: dict[float, Deadlines] = {}
        self._lag = Lag()
        self._measure: Callable[[float], object] = lambda _now: None
        self._health = health
        health.facts = {**health.facts, "rate_limits": self._limits_are, "cache": self._cache_is}
        self._routes = self._make_routes(policies)
        self._cache = self._make_cache()
        self._access = self._make_access(output)

    def build(self) -> Edge:
        edge = Edge(
            self._app,
            routes=self._routes,
            clients=Clients(self._settings.trusted_proxies),
            hosts=Hosts(self._settings.hosts) if self._settings.hosts else None,
            cors=Cors(self._settings.cors_origins) if self._settings.cors_origins else None,
            cache=self._cache,
            metrics=self._metrics,
            access=self._access,
            health=self._health,
            shedding=self._make_shedding(),
            lifespan=Lifespan(
                self._timed(),
                self._closers(),
                lambda: edge.drain(),  # noqa: PLW0108  # not made yet
                self._lag,
                self.opening,
            ),
            kept=self._kept,
        )
        self._measure = edge.measure
        self._observe(edge)
        return edge

    def _limits_are(self) -> str:
        if not self._limiters:
            return "off"
        return "shared" if all(limiter.counts_in == "shared" for limiter in self._limiters) else "local"

    def _cache_is(self) -> str:
        if self._cache is None:
            return "off"
        return "shared" if self._shared is not None and not self._shared.down else "local"

    def _make_routes(self, policies: Sequence[RoutePolicy]) -> RouteTable:
        in_public = self._settings.in_production
        return RouteTable(
            policies,
            endpoints(self._health, self._metrics, metrics_for_all=not in_public),
            limiter=self._limiter,
            deadlines=self._deadlines_of,
            cache_ttl_max_seconds=self._settings.cache_ttl_seconds if self._settings.response_cache_bytes else 0,
        )

    def _limiter(self, policy: LimitPolicy) -> RateLimiter:
        limiter = RateLimiter(policy, self._shared, local_share=1 / self._processes)
        self._limiters.append(limiter)
        return limiter

    def _deadlines_of(self, timeout_seconds: float) -> Deadlines:
        return self._deadlines.setdefault(timeout_seconds, Deadlines(timeout_seconds))

    def _make_cache(self) -> ResponseCache | None:
        limit_bytes = self._settings.response_cache_bytes
        return ResponseCache(self._app, limit_bytes, self._kept, self._metrics) if limit_bytes else None

    def _make_access(self, output: LogOutput | None) -> AccessLog | None:
        if output is None or self._settings.log_level not in ("DEBUG", "INFO"):
            return None
        for_people = self._settings.log_format == "console" or (
            self._settings.log_format == "auto" and output.is_terminal
        )
        return AccessLog(output, for_people=for_people)

    def _make_shedding(self) -> Shedding:
        settings = self._settings
        floor = max(1, NEVER_REFUSED // self._processes)
        return Shedding(settings.requests_in_flight_max, floor, settings.request_wait_seconds)

    def _timed(self) -> tuple[Every, ...]:
        timed = [
            Every(EVERY_SECONDS, lambda now: self._measure(now)),  # noqa: PLW0108  # the edge is not made yet
            Every(TICK_SECONDS, self._expire),
            Every(METRICS_SECONDS, self._lag.turn_over),
            Every(METRICS_SECONDS, lambda _now: self._metrics.flush()),
            Every(TIDY_SECONDS, self._tidy),
            Every(HEALTH_SECONDS, lambda _now: self._health.look()),
        ]
        if self._access is not None:
            access = self._access
            timed.append(Every(ACCESS_LOG_SECONDS, lambda _now: access.flush()))
        return tuple(timed)

    def _expire(self, now: float) -> None:
        for deadlines in self._deadlines.values():
            deadlines.expire(now)

    def _tidy(self, now: float) -> None:
        for limiter in self._limiters:
            limiter.tidy(now)
        self._kept.tidy(now)
        if self._cache is not None:
            self._cache.tidy(now)

    def _closers(self) -> tuple[Closer, ...]:
        closers: list[Closer] = [self._health.close]
        if self._access is not None:
            closers.append(self._access.close)
        return (*closers, self._close_metrics, *self.closing)

    async def _close_metrics(self) -> None:
        self._metrics.close()

    def _observe(self, edge: Edge) -> None:
        metrics = self._metrics
        metrics.read_counter(
            "http_requests_shed_total", "Sent away because too many were under way.", (), lambda: {(): edge.shed}
        )
        metrics.gauge("http_requests_in_flight", "Requests being answered.", (), lambda: {(): edge.in_flight})
        metrics.gauge("http_requests_in_flight_limit", "How many are taken on.", (), lambda: {(): edge.in_flight_limit})
        metrics.gauge(
            "event_loop_lag_seconds",
            "How late the event loop was at most, in the last second.",
            (),
            lambda: {(): self._lag.seconds},
            across="livemax",
        )
        metrics.gauge(
            "dependency_up",
            "1 where every process reached it when last looked at, 0 where one did not.",
            ("dependency", "need"),
            self._health.up,
            across="livemin",
        )
        self._observe_limits()
        self._observe_cache()
        observe_process(metrics, self._health.version)
        if self._access is not None:
            access = self._access
            metrics.read_counter(
                "access_log_dropped_total", "Access log lines not written.", (), lambda: {(): access.dropped}
            )

    def _observe_limits(self) -> None:
        limiters = self._limiters
        self._metrics.read_counter(
            "rate_limited_requests_total",
            "Requests refused with 429.",
            ("policy",),
            lambda: {(limiter.policy.name,): limiter.refusals for limiter in limiters},
        )
        self._metrics.gauge(
            "rate_limits_shared",
            "1 where limits are counted for all processes together, 0 where each counts for itself.",
            ("policy",),
            lambda: {(limiter.policy.name,): limiter.counts_in == "shared" for limiter in limiters},
            across="livemin",
        )

    def _observe_cache(self) -> None:
        observe_cache(self._metrics, self._kept)
        if self._cache is not None:
            observe_responses(self._metrics, self._cache, self._kept)

"""App manifests in, one ASGI service and one task worker out."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from litestar.types import ControllerRouterHandler

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.database.announcements import Listener
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.database.replicas import Reader
from roadworthy.chassis.database.work import UnitOfWork, unit_of_work
from roadworthy.chassis.edge.asgi import ASGIApp, Receive, Scope, Send
from roadworthy.chassis.edge.build import cache_from_settings, edge_from_settings, metrics_folder
from roadworthy.chassis.edge.edge import Edge
from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy
from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.pages.assets import static_handlers
from roadworthy.chassis.pages.errors import error_pages, page_handlers
from roadworthy.chassis.pages.rendering import Pages
from roadworthy.chassis.processes.collector import settle_collector
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.health import Dependency, Health, Need
from roadworthy.chassis.telemetry.metrics import Metrics
from roadworthy.chassis.telemetry.observed import observe_pool
from roadworthy.chassis.telemetry.output import LogOutput
from roadworthy.chassis.web import problems
from roadworthy.chassis.web.application import web_app
from roadworthy.chassis.web.hot import HotRoute

if TYPE_CHECKING:
    from roadworthy.chassis.tasks.periodic import PeriodicTask

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one process has open, and what apps build their repositories and services from.

    `shared` is None when REDIS_ENABLED is false; when it is merely down, its calls raise SharedTierDown. `cache` keeps
    results of functions, and hears of changes where `open_resources` made it.
    """

    settings: Settings
    database: Database
    shared: SharedTier | None
    cache: Cache = field(default_factory=lambda: Cache(limit_bytes=0))
    replicas: Reader | None = None

    @property
    def reader(self) -> Reader:
        """For statements that only read: replicas while they lag little, else the primary."""
        return self.replicas or Reader(self.database)

    def unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """One transaction for a block: see `database.work`."""
        return unit_of_work(self.database, self.cache)


@dataclass(frozen=True, slots=True)
class Routes:
    """An app's HTTP face: declared hot routes, Litestar handlers, and the renderer of its pages, if it has any.

    `policies` say what the edge may keep and how much of a path an address may ask for; a hot route says it itself.

    The first app with pages also says in words what went wrong when a browser asks for something that is not there.
    What is `running` is entered before the first request and left after the last one, while resources are still open.
    """

    hot: Sequence[HotRoute] = ()
    handlers: Sequence[ControllerRouterHandler] = ()
    pages: Pages | None = None
    policies: Sequence[RoutePolicy] = ()
    running: Sequence[AbstractAsyncContextManager[None]] = ()


class DemoLoader(Protocol):
    """Fills an empty schema with believable data; `progress(done, total, what)` is called as it goes."""

    async def __call__(self, dsn: str, progress: Callable[[int, int, str], None], *, scale: float = 1.0) -> None:
        """Load the data in one transaction a table, so that an interrupted load starts afresh."""


@dataclass(frozen=True, slots=True)
class AppManifest:
    """One app: its name is also its PostgreSQL schema and its migration branch."""

    name: str
    migrations: Path
    routes: Callable[[Resources], Routes]
    tasks: Callable[[Resources], Sequence[PeriodicTask]]
    demo: DemoLoader


Face: TypeAlias = Callable[[Resources], Routes]
"""HTTP routes that belong to no app: a console, say."""


def database_of(settings: Settings) -> str:
    """The address of the database that `settings` name.

    Raises:
        StartupError: they name none.
    """
    if settings.database_dsn is None:
        raise StartupError(
            "No database is configured: DATABASE_URL is empty.",
            "Start everything with `roadworthy up`, or set DATABASE_URL=postgresql://user:password@host:5432/name.",
        )
    return settings.database_dsn


@asynccontextmanager
async def open_resources(
    settings: Settings, *, application_name: str = "roadworthy", listening: bool = True
) -> AsyncGenerator[Resources]:
    """What the settings name, opened for the block and closed after it.

    `listening` False saves a process that keeps nothing the connection by which it would hear of changes.

    Raises:
        StartupError: no database is named, or it does not answer; with what to do.
    """
    dsn = database_of(settings)
    async with AsyncExitStack() as stack:
        database = await Database.open(dsn, settings, application_name=application_name)
        stack.push_async_callback(database.close)
        shared = None
        if settings.redis_dsn is not None:
            shared = SharedTier(settings.redis_dsn)
            stack.push_async_callback(shared.close)
        cache = cache_from_settings(settings, shared, version("roadworthy"))
        stack.push_async_callback(cache.close)
        if listening:
            listener = Listener(settings.direct_dsn or dsn, cache, application_name=f"{application_name} listener")
            stack.push_async_callback(listener.close)
            await listener.start()
        reader = Reader.from_settings(database, settings)
        stack.push_async_callback(reader.close)
        await reader.start(settings)
        yield Resources(settings, database, shared, cache, reader)


class Service:
    """The ASGI application of one web process: opened when the server starts it, drained and closed when it stops.

    Whatever needs an event loop is made in the lifespan, so that a start that fails says why and the server gives up
    instead of answering with errors.
    """

    def __init__(
        self,
        settings: Settings,
        apps: Sequence[AppManifest],
        output: LogOutput | None = None,
        *,
        faces: Sequence[Face] = (),
    ) -> None:
        """Take the settings, the apps to serve, where the access log goes, if anywhere, and what else is served."""
        self._settings = settings
        self._faces: tuple[Face, ...] = (*(app.routes for app in apps), *faces)
        self._output = output
        self._edge: Edge | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection, or the lifespan of the process.

        No coroutine of its own around the edge's: on the way of a kept answer that would be 2% of all work.
        """
        if self._edge is not None and scope["type"] != "lifespan":
            return self._edge(scope, receive, send)
        if scope["type"] == "lifespan":
            return self._lifespan(receive, send)
        raise RuntimeError("The server sent a request before the lifespan had started; turn its lifespan support on.")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._opened() as self._edge:
                settle_collector()
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except StartupError as error:
            await send({"type": "lifespan.startup.failed", "message": f"{error.problem} {error.remedy}"})
            return
        except Exception:
            # A server takes an exception here for "no lifespan" and would serve requests that can only fail.
            logger.exception("the service could not start")
            await send({"type": "lifespan.startup.failed", "message": "The service could not start; see the log."})
            return
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Edge]:
        async with open_resources(self._settings) as resources, AsyncExitStack() as running:
            routes = [face(resources) for face in self._faces]
            for block in (block for group in routes for block in group.running):
                await running.enter_async_context(block)
            edge = build_edge(resources, routes, self._output)
            yield await running.enter_async_context(edge.running())


def build_edge(resources: Resources, routes: Sequence[Routes], output: LogOutput | None) -> Edge:
    """The edge around every app's routes: the whole HTTP face of one process, with its access log to `output`."""
    settings = resources.settings
    metrics = Metrics(metrics_folder(settings))
    observe_pool(metrics, resources.database.stats)
    return edge_from_settings(
        build_web(resources, routes),
        settings,
        health=build_health(resources),
        metrics=metrics,
        output=output,
        shared=resources.shared,
        cache=resources.cache,
        policies=[policy for group in routes for policy in (*cache_policies(group.hot), *group.policies)],
        processes=max(1, settings.workers) * settings.instances,
        error_pages=next((error_pages(group.pages) for group in routes if group.pages is not None), None),
    )


def build_web(resources: Resources, routes: Sequence[Routes]) -> ASGIApp:
    """What lies behind the edge: hot routes, pages and their static files, the API's description."""
    pages = [group.pages for group in routes if group.pages is not None]
    handlers = [handler for group in routes for handler in group.handlers]
    static = static_handlers(*(renderer.assets for renderer in pages)) if pages else ()
    return web_app(
        [route for group in routes for route in group.hot],
        [*handlers, *static],
        docs_on=resources.settings.docs_on,
        exception_handlers=page_handlers(pages[0], problems.exception_handlers()) if pages else None,
    )


def cache_policies(hot: Iterable[HotRoute]) -> Iterator[RoutePolicy]:
    """What hot routes say of their caching, in the edge's words."""
    for route in hot:
        path = f"{route.prefix}/*" if route.parameter else route.prefix
        policy = CachePolicy(route.cache_seconds, stale_seconds=route.stale_seconds, tags=route.cache_tags)
        yield RoutePolicy(path, cache=policy, cost=route.cost)


def build_health(resources: Resources) -> Health:
    """PostgreSQL is required; the shared tier only makes the service better while it is there."""
    dependencies = [Dependency("postgresql", Need.REQUIRED, resources.database.ping)]
    if resources.shared is not None:
        dependencies.append(Dependency("redis", Need.DEGRADED, resources.shared.ping))
    return Health(dependencies, version("roadworthy"))

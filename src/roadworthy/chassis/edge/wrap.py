"""The edge around somebody else's ASGI app, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.database.announcements import Listener
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.edge.build import cache_from_settings, edge_from_settings, metrics_folder
from roadworthy.chassis.edge.edge import Edge
from roadworthy.chassis.edge.policy import RoutePolicy
from roadworthy.chassis.settings import Settings, load_settings
from roadworthy.chassis.telemetry.health import Dependency, Health, Need
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.chassis.telemetry.metrics import Metrics

UNVERSIONED = "unversioned"


def wrap(
    app: ASGIApp,
    *,
    policies: Sequence[RoutePolicy] = (),
    dependencies: Sequence[Dependency] = (),
    version: str = UNVERSIONED,
    settings: Settings | None = None,
) -> Edge:
    """`app` behind the edge, as the environment's settings want it: ids, limits, cache, compression, health, metrics.

    `policies` say what differs by path, `dependencies` what the app can't do without: they decide its readiness.
    `version` stands in `/health` and in the metrics. With REDIS_URL set, limits and kept answers are shared. With
    DATABASE_URL set, changes that a transaction announces (`database.announcements.announce`) drop what is kept of them
    in every process; `kept.changed` of the edge does so at once in this one.

    Raises:
        StartupError: a setting is wrong; naming it, and what it takes.
    """
    settings = settings or load_settings()
    shared = SharedTier(settings.redis_dsn) if settings.redis_dsn is not None else None
    needs = [*dependencies, *([Dependency("redis", Need.DEGRADED, shared.ping)] if shared is not None else [])]
    cache = cache_from_settings(settings, shared, version)
    listener = Listener(settings.direct_dsn, cache) if settings.direct_dsn is not None else None
    closers = (listener.close if listener else None, cache.close, shared.close if shared else None)
    return edge_from_settings(
        app,
        settings,
        health=Health(needs, version),
        metrics=Metrics(metrics_folder(settings)),
        output=configure_logging(settings),
        shared=shared,
        policies=policies,
        processes=max(1, settings.workers) * settings.instances,
        cache=cache,
        opening=[listener.start] if listener is not None else [],
        closing=[close for close in closers if close is not None],
    )

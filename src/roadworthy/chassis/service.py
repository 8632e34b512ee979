"""App manifests in, one ASGI service and one task worker out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from roadworthy.chassis.cache.shared import SharedTier
    from roadworthy.chassis.database.pool import Database
    from roadworthy.chassis.settings import Settings
    from roadworthy.chassis.tasks.periodic import PeriodicTask
    from roadworthy.chassis.web.hot import HotRoute


@dataclass(frozen=True, slots=True)
class Resources:
    """What one process has open, and what apps build their repositories and services from.

    `shared` is None when REDIS_ENABLED is false; when it is merely down, its calls raise SharedTierDown.
    """

    settings: Settings
    database: Database
    shared: SharedTier | None


@dataclass(frozen=True, slots=True)
class Routes:
    """An app's HTTP face: declared hot routes, Litestar handlers, and folders of static files by URL prefix."""

    hot: Sequence[HotRoute] = ()
    handlers: Sequence[ControllerRouterHandler] = ()
    static: Mapping[str, Path] = field(default_factory=dict)


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

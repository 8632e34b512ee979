"""The composition root: the only module that knows every app."""

from __future__ import annotations

from importlib.metadata import version

from roadworthy.apps.hiring.app import manifest as hiring
from roadworthy.apps.hiring.site import pages_of as board_pages
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.pages.assets import Assets
from roadworthy.chassis.service import AppManifest, Service
from roadworthy.chassis.settings import Settings, load_settings
from roadworthy.chassis.telemetry.errors import report_errors
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.chassis.telemetry.tracing import start_tracing
from roadworthy.ops.console.pages import console

APPS: tuple[AppManifest, ...] = (hiring,)


def assets(settings: Settings) -> tuple[Assets, ...]:
    """Every static file of the apps' pages, for whoever serves them in the service's place."""
    return (board_pages(settings).assets,)


def asgi() -> ASGIApp:
    """What each web process serves; called in it, with its environment."""
    settings = load_settings()
    report_errors(settings, version("roadworthy"))
    tracer = start_tracing(settings, version("roadworthy"))
    service = Service(settings, APPS, configure_logging(settings), faces=[console])
    return service if tracer is None else tracer.wrap(service)

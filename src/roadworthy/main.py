"""The composition root: the only module that knows every app."""

from __future__ import annotations

from importlib.metadata import version

from roadworthy.apps.hiring.app import manifest as hiring
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.service import AppManifest, Service
from roadworthy.chassis.settings import load_settings
from roadworthy.chassis.telemetry.errors import report_errors
from roadworthy.chassis.telemetry.logs import configure_logging
from roadworthy.ops.console.pages import console

APPS: tuple[AppManifest, ...] = (hiring,)


def asgi() -> ASGIApp:
    """What each web process serves; called in it, with its environment."""
    settings = load_settings()
    report_errors(settings, version("roadworthy"))
    return Service(settings, APPS, configure_logging(settings), faces=[console])

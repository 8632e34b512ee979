"""The composition root: the only module that knows every app."""

from __future__ import annotations

from roadworthy.apps.hiring.app import manifest as hiring
from roadworthy.chassis.edge.asgi import ASGIApp
from roadworthy.chassis.service import AppManifest, Service
from roadworthy.chassis.settings import load_settings

APPS: tuple[AppManifest, ...] = (hiring,)


def asgi() -> ASGIApp:
    """What the web server serves: `granian --interface asgi --factory roadworthy.main:asgi`."""
    return Service(load_settings(), APPS)

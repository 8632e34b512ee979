"""In which mode the service runs, as its configuration says: the variables by which frameworks are told."""

from __future__ import annotations

from roadworthy.inspection.catalogue.kit import setting_of
from roadworthy.inspection.model import Probes
from roadworthy.inspection.probes.config import Setting

SWITCHES = ("DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG", "APP_DEBUG", "RAILS_DEBUG")
KINDS = (
    "ENVIRONMENT",
    "NODE_ENV",
    "RAILS_ENV",
    "APP_ENV",
    "FLASK_ENV",
    "DJANGO_ENV",
    "RACK_ENV",
    "GIN_MODE",
    "ASPNETCORE_ENVIRONMENT",
)
OFF = frozenset({"false", "0", "no", "off", ""})
LIKE_PRODUCTION = frozenset({"production", "prod", "staging", "live", "release"})


def quiet(probes: Probes) -> Setting | None:
    """The setting by which a framework keeps the insides of its own errors to itself; None where none says so."""
    debug = setting_of(probes, *SWITCHES)
    if debug is not None:
        return debug if debug.value.strip().lower() in OFF else None
    kind = setting_of(probes, *KINDS)
    return kind if kind is not None and kind.value.strip().lower() in LIKE_PRODUCTION else None

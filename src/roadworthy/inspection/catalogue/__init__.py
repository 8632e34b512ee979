"""Every check there is, one module a group: each module of this package that declares `CHECKS` takes part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from roadworthy.inspection.catalogue import named
from roadworthy.inspection.model import Check


def _declared() -> Iterator[Check]:
    for module in sorted(found.name for found in iter_modules(__path__)):
        yield from getattr(import_module(f"{__name__}.{module}"), "CHECKS", ())


CHECKS = tuple(map(named.held, _declared()))

BY_REQUIREMENT: Mapping[str, tuple[Check, ...]] = {
    requirement: tuple(check for check in CHECKS if requirement in check.requirements)
    for requirement in dict.fromkeys(name for check in CHECKS for name in check.requirements)
}
"""Checks that answer a requirement."""

"""Every check there is, one module a group."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.inspection.catalogue import (
    answers,
    appserver,
    assets,
    backup,
    bundles,
    cache,
    configuration,
    database,
    documents,
    encryption,
    indexes,
    latency,
    limits,
    logging,
    maintenance,
    metrics,
    monitoring,
    named,
    pool,
    proxy,
    roles,
    secrets,
    security,
    shared_memory,
    tracking,
    units,
)
from roadworthy.inspection.model import Check

_CHECKS: tuple[Check, ...] = (
    *database.CHECKS,
    *roles.CHECKS,
    *pool.CHECKS,
    *indexes.CHECKS,
    *maintenance.CHECKS,
    *shared_memory.CHECKS,
    *cache.CHECKS,
    *limits.CHECKS,
    *appserver.CHECKS,
    *units.CHECKS,
    *answers.CHECKS,
    *security.CHECKS,
    *secrets.CHECKS,
    *encryption.CHECKS,
    *metrics.CHECKS,
    *monitoring.CHECKS,
    *logging.CHECKS,
    *tracking.CHECKS,
    *proxy.CHECKS,
    *assets.CHECKS,
    *bundles.CHECKS,
    *latency.CHECKS,
    *backup.CHECKS,
    *documents.CHECKS,
    *configuration.CHECKS,
)
CHECKS = tuple(map(named.held, _CHECKS))

BY_REQUIREMENT: Mapping[str, tuple[Check, ...]] = {
    requirement: tuple(check for check in CHECKS if requirement in check.requirements)
    for requirement in dict.fromkeys(name for check in CHECKS for name in check.requirements)
}
"""Checks that answer a requirement."""

"""Looks for ticks out of nothing: every check against systems that are empty, silent or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers, SharedMemory
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, FixtureUnavailable, Probes, Unobservable

GRACE_SECONDS = 30.0
_NOTHING = Stage(environment={}, repo={}, machine=Machine(), logs={"app.log": ""})
EMPTY: Mapping[str, Stage] = {
    "an empty page": Stage(site=pages({}, reply("")), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}),
    "a page that says ok to all": Stage(
        site=pages({}, reply("ok")), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}
    ),
    "a page that is never there": Stage(
        site=pages({}), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}
    ),
    "an empty database": Stage(
        database=Database(), site=pages({}, reply("")), environment={}, repo={}, machine=Machine()
    ),
    "an empty Redis": Stage(
        redis=SharedMemory(), site=pages({}, reply("")), environment={}, repo={}, machine=Machine()
    ),
    "an empty repository": _NOTHING,
    "a refused connection": Stage(
        refused=frozenset({"http", "postgres", "redis"}),
        environment={},
        repo={},
        machine=Machine(),
        logs={"app.log": ""},
    ),
    "nothing offered": Stage(),
}
"""What stands there -> how it is planted. Nothing in it may bring a tick."""


@dataclass(frozen=True, slots=True)
class Vacuous:
    """A check that passed on nothing."""

    check: str
    requirement: str
    on: str
    words: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What the sweep found, how many runs it made, and the systems that could not be planted here."""

    found: Sequence[Vacuous]
    runs: int
    not_run: Sequence[str]


async def sweep(checks: Sequence[Check], servers: Servers) -> Swept:
    """Run every check, for each requirement that it answers, on every empty system."""
    token = LENT.set(servers)
    found: list[Vacuous] = []
    missing: list[str] = []
    runs = 0
    try:
        for name, stage in EMPTY.items():
            try:
                async with stage.open() as probes:
                    able = [check for check in checks if all(getattr(probes, need) is not None for need in check.needs)]
                    passes = await asyncio.gather(*(_pass(check, probes, name) for check in able))
            except FixtureUnavailable as unavailable:
                missing.append(f"{name}: {unavailable}")
                continue
            runs += len(able)
            found += [one for one in passes if one is not None]
    finally:
        LENT.reset(token)
    return Swept([one for one in found if not _excused(one, checks)], runs, missing)


async def _pass(check: Check, probes: Probes, name: str) -> Vacuous | None:
    """What the check says, if it passes where there is nothing."""
    requirement = check.fixtures.must_fail.requirement
    try:
        async with asyncio.timeout(check.timeout_seconds + GRACE_SECONDS):
            verdict = await check.run(probes, requirement)
    except (Unobservable, TimeoutError):
        return None
    return Vacuous(check.id, requirement.id, name, verdict.summary) if verdict.status is Status.PASS else None


def _excused(one: Vacuous, checks: Sequence[Check]) -> bool:
    """A check about the server itself may pass on one that is up and empty."""
    return any(
        check.id == one.check and check.server_itself and one.on in {"an empty database", "an empty Redis"}
        for check in checks
    )

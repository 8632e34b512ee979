"""Runs a check against a stage, as the runner would."""

from __future__ import annotations

from typing import Any

from roadworthy.contracts.checks import Status, Verdict
from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Check, Requirement

BY_ID: dict[str, Check] = {check.id: check for check in CHECKS}


async def verdict_of(check_id: str, stage: Stage, requirement: str = "", /, **params: Any) -> Verdict:
    """The verdict; what could not be observed is `unknown`."""
    check = BY_ID[check_id]
    async with stage.open() as probes:
        try:
            return await check.run(probes, Requirement(requirement or check.requirements[0], params))
        except Unobservable as hidden:
            return Verdict(Status.UNKNOWN, hidden.problem)

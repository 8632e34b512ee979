"""One call that declares a check with its twins: what most checks have in common is said once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement, Strength


def check(
    requirement: str,
    name: str,
    title: str,
    run: Callable[[Probes, Requirement], Awaitable[Verdict]],
    documentation: Documentation,
    *,
    severity: Severity,
    must_fail: Stage,
    mended: Stage,
    params: Mapping[str, Param] | None = None,
    also: tuple[str, ...] = (),
    needs: tuple[str, ...] = ("http",),
    strength: Strength = Strength.BEHAVIOUR,
    radius: BlastRadius = BlastRadius.PROBE,
    provokes: bool = False,
    seconds: float = 60.0,
) -> Check:
    """The check `requirement.name`, which answers `also` other requirements; `params` are what its twins are asked."""
    return Check(
        id=f"{requirement}.{name}",
        requirements=(requirement, *also),
        title=title,
        severity=severity,
        blast_radius=radius,
        strength=strength,
        needs=frozenset(needs),
        run=run,
        timeout_seconds=seconds,
        provokes=provokes,
        documentation=documentation,
        fixtures=twins(requirement, params, must_fail=must_fail, mended=mended),
    )

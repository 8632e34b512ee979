"""One call that declares a check with its twins: what most checks have in common is said once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement, Strength

Run = Callable[[Probes, Requirement], Awaitable[Verdict]]
Tree = Mapping[str, str]
"""Path -> text of the files in a source tree."""
QUICK_SECONDS = 10.0


def check(
    requirement: str,
    name: str,
    title: str,
    run: Run,
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
    covers: tuple[str, ...] = (),
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
        covers=covers,
        documentation=documentation,
        fixtures=twins(requirement, params, must_fail=must_fail, mended=mended),
    )


def of_tree(
    identifier: str,
    title: str,
    run: Run,
    severity: Severity,
    documentation: Documentation,
    *twin: Tree,
    params: Mapping[str, Param] | None = None,
    radius: BlastRadius = BlastRadius.READ_ONLY,
    covers: tuple[str, ...] = (),
) -> Check:
    """A check of what stands in the source tree; `twin` is the tree that it fails, and the one that it passes."""
    requirement, _, name = identifier.rpartition(".")
    must_fail, mended = twin
    return check(
        requirement,
        name,
        title,
        run,
        documentation,
        severity=severity,
        must_fail=Stage(repo=must_fail),
        mended=Stage(repo=mended),
        params=params,
        needs=("repo",),
        strength=Strength.FILE,
        radius=radius,
        seconds=QUICK_SECONDS,
        covers=covers,
    )

"""What every check is written with: how to get a probe, how to say a verdict, how to quote evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from roadworthy.contracts.checks import Evidence, Remediation, Status, Verdict
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.model import PROBE_REMEDIES, Probes, Requirement
from roadworthy.inspection.observation import observe
from roadworthy.inspection.probes.config import Setting

Probe = TypeVar("Probe")
SHOWN_NAMES = 12
SWITCHED_ON = frozenset({"true", "1", "yes", "on", "enabled"})


def offered(probe: Probe | None, name: str) -> Probe:
    """The probe that a check needs.

    Raises:
        Unobservable: the target does not offer it; says what to add.
    """
    if probe is None:
        raise Unobservable(f"the target offers no {name}", PROBE_REMEDIES.get(name, ""))
    return probe


def setting_of(probes: Probes, *names: str) -> Setting | None:
    """The first of these variables that is set; None also where the configuration can't be read.

    A verdict that rests on its silence asks `unread_settings` too.
    """
    with if_seen():
        return probes.config.get(*names) if probes.config else None
    return None


def unread_settings(probes: Probes) -> str:
    """Why the configuration that is offered can't be read; empty where it can, or none is offered."""
    try:
        probes.config.get("PATH") if probes.config else None
    except Unobservable as hidden:
        return hidden.problem
    return ""


def unset(probes: Probes, requirement: Requirement) -> str:
    """Says so where the line gives a variable a value that is no mere switch, and the variable is not set."""
    name, value = requirement.text("name"), requirement.text("value").lower()
    if not name or probes.config is None or value in SWITCHED_ON or setting_of(probes, name) is not None:
        return ""
    with if_seen():
        return f"{name} is not set; looked at: {probes.config.looked_at}"
    return ""


def passed(summary: str, *evidence: Evidence) -> Verdict:
    """It is as asked, and `evidence` shows it."""
    if not evidence:
        raise AssertionError("a pass without evidence")
    return Verdict(Status.PASS, summary, evidence)


def failed(summary: str, *evidence: Evidence, mend: str, patch: str | None = None) -> Verdict:
    """It is not as asked; `mend` says what to do, `patch` is text to apply."""
    return Verdict(Status.FAIL, summary, evidence, Remediation(mend, patch))


def unknown(summary: str, *evidence: Evidence, mend: str = "") -> Verdict:
    """It could not be observed; `mend` says what would make it visible."""
    return Verdict(Status.UNKNOWN, summary, evidence, Remediation(mend) if mend else None)


def not_applicable(summary: str, *evidence: Evidence) -> Verdict:
    """The line does not speak of this system; `evidence` is the reason seen."""
    if not evidence:
        raise AssertionError("not applicable without a reason seen")
    return Verdict(Status.NOT_APPLICABLE, summary, evidence)


def listed(names: Iterable[object], limit: int = SHOWN_NAMES) -> str:
    """Names in a row, cut with a count: "a, b and 7 more"; "none" for none."""
    found = [str(name) for name in names]
    if not found:
        return "none"
    return ", ".join(found) if len(found) <= limit else f"{', '.join(found[:limit])} and {len(found) - limit} more"


def counted(count: int, singular: str, several: str = "") -> str:
    """A number with its word: "1 schedule", "3 schedules"; `several` where an s does not make the plural."""
    return f"{count} {singular if count == 1 else several or f'{singular}s'}"


def conditional(requirement: Requirement) -> bool:
    """Whether the line asks only under a condition that it names ("if needed", "if multiple servers")."""
    return bool(requirement.params.get("condition") or requirement.params.get("conditional"))


__all__ = [
    "conditional",
    "counted",
    "failed",
    "listed",
    "not_applicable",
    "observe",
    "offered",
    "passed",
    "setting_of",
    "unknown",
    "unset",
]

"""What can stop an inspection before it has a verdict to give."""

from __future__ import annotations

import contextlib


class InspectionError(Exception):
    """The inspection cannot go on. `problem` says what is wrong, `remedy` what to type or change."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Take both in plain words; they are shown as they are."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UnreadableChecklist(InspectionError):
    """The checklist cannot be read as Markdown text."""


class InvalidOverride(InspectionError):
    """A comment in the checklist that says what a line asks cannot be understood."""


class InvalidTarget(InspectionError):
    """The target does not say, or says wrongly, what to look at."""


class Unobservable(Exception):
    """Something could not be looked at.

    A probe or a check raises it; the runner makes the check `unknown` with these words. `remedy` says what would
    make it visible: a part of target.toml, a permission, a command.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        """Take `problem`, what stood in the way, and `remedy`."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class Refused(Unobservable):
    """Nobody listens there: the connection was refused, so that whatever should answer is known not to."""


def if_seen() -> contextlib.suppress:
    """Around one source among several: where it can't be looked at, what the others show decides.

    Never around what a verdict rests on alone: what could not be read is not what is not there.
    """
    return contextlib.suppress(Unobservable)

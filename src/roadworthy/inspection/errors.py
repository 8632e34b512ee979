"""What can stop an inspection before it has a verdict to give."""

from __future__ import annotations


class InspectionError(Exception):
    """The inspection cannot go on. `problem` says what is wrong, `remedy` what to type or change."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Take both in plain words; they are shown as they are."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UnreadableChecklist(InspectionError):
    """The checklist cannot be read as Markdown text."""


class InvalidTarget(InspectionError):
    """The target does not say, or says wrongly, what to look at."""

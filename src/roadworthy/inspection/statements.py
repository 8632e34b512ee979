"""What people say about a line, as it stands on the day of an inspection: beside the verdict, never instead of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Standing(StrEnum):
    """Whether a statement still counts: an attestation expires or is voided, a waiver lapses after its last day."""

    ATTESTED = "attested"
    EXPIRED = "expired"
    VOIDED = "voided"
    WAIVED = "waived"
    LAPSED = "lapsed"


WAIVERS = frozenset({Standing.WAIVED, Standing.LAPSED})


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said about a line.

    `words` are the explanation of an attestation or the reason of a waiver. `until` is the last day on which it
    counts; `since` the day of an attestation. `why` says what ended it, empty while it stands.
    """

    standing: Standing
    who: str
    words: str
    until: date
    role: str = ""
    approver: str = ""
    since: date | None = None
    why: str = ""

    @property
    def is_waiver(self) -> bool:
        """Whether it accepts a failure for a while; otherwise it vouches for what only people know."""
        return self.standing in WAIVERS

    @property
    def stands(self) -> bool:
        """Whether it counts today."""
        return self.standing in {Standing.ATTESTED, Standing.WAIVED}

    @property
    def sentence(self) -> str:
        """All of it, in a sentence: "attested by Ana (CTO), approved by Ben, until 2027-03-03: all six came"."""
        role = f" ({self.role})" if self.role else ""
        approved = f", approved by {self.approver}" if self.approver else ""
        if self.stands:
            return f"{self.standing} by {self.who}{role}{approved}, until {self.until}: {self.words}"
        return f"{self._ended} by {self.who}{role}{approved}: {self.why}; it said: {self.words}"

    @property
    def _ended(self) -> str:
        return "waiver lapsed, given" if self.is_waiver else f"attestation {self.standing}, given"

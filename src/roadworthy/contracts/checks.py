"""What a check says: its verdict, the evidence for it, and how to mend a failure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Verdict on a line of a checklist, or of one check that answers it."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    HUMAN = "human"
    UNMAPPED = "unmapped"


class Kind(StrEnum):
    """Who could ever verify a line: a machine now, a drill, a document, or only people."""

    MACHINE = "machine"
    DRILL = "drill"
    ARTIFACT = "artifact"
    HUMAN = "human"


class BlastRadius(StrEnum):
    """How much a check may disturb the system it looks at."""

    READ_ONLY = "read_only"
    PROBE = "probe"
    DISRUPTIVE = "disruptive"


class Severity(StrEnum):
    """How much a failure matters in production."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation: what was asked, what came back, when and from where.

    `answer` is redacted and bounded before it gets here. `digest` leaves out times, so that the same
    answer tomorrow has the same digest.
    """

    asked: str
    answer: str
    observed_at: str
    vantage: str
    digest: str


@dataclass(frozen=True, slots=True)
class Remediation:
    """What to do about a failure; `patch` is text to apply (SQL, an env line, a directive), if one can be written."""

    text: str
    patch: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check concluded, in one sentence, with everything it rests on."""

    status: Status
    summary: str
    evidence: tuple[Evidence, ...] = ()
    remediation: Remediation | None = None

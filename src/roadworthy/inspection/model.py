"""The words of the inspector: what a line asks, what answers it, and what that may look at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol, overload

from roadworthy.contracts.checks import BlastRadius, Evidence, Kind, Severity, Verdict
from roadworthy.inspection.redaction import redact

if TYPE_CHECKING:  # probes use this module's words; importing them here for real would close a circle
    from roadworthy.inspection.probes.config import ConfigProbe
    from roadworthy.inspection.probes.host import HostProbe
    from roadworthy.inspection.probes.http import HttpProbe
    from roadworthy.inspection.probes.logs import LogsProbe
    from roadworthy.inspection.probes.nginx import NginxProbe
    from roadworthy.inspection.probes.postgres import PostgresProbe
    from roadworthy.inspection.probes.redis import RedisProbe
    from roadworthy.inspection.probes.repo import RepoProbe

Param = str | int | float | bool | tuple[str, ...]

ANSWER_LIMIT_CHARACTERS = 2_000
READ_LIMIT_CHARACTERS = 8_000
"""More of an answer is not even searched for secrets: it is not kept either, and a target may answer without end."""
REQUESTS_A_CHECKLIST = 50
"""What the http probe grants outside provocations; design page, "polite client"."""
CONNECTIONS = 2


class Form(StrEnum):
    """How a line stands in the document; decides whether evidence can be written under it."""

    TASK = "task"
    BULLET = "bullet"
    NUMBER = "number"
    TABLE = "table"
    HEADING = "heading"
    PROSE = "prose"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist that claims or asks something.

    `line` counts from 1 and `end_line` is the last line of the same claim (continuation lines belong to it).
    `section` holds the headings above it, outermost first; `context` what else stands above: the sentence that
    leads into a list, the item it is nested in, the comment over a command. `text` is repaired and without
    Markdown marks but backticks; `title` is its bold or set-off beginning, where it has one.
    `box` is "x", " " or None where the line has none; `claimed` is what the team says by box, emoji or word.
    `inverse`: a tick would be bad news ("No rollback plan exists"). `conditional`: asked only under a condition
    that the line names ("if needed"). `optional`: the team itself calls it recommended or optional.
    `firm`: an item whatever it says; otherwise it is one only if it asks something that is known.
    `language` is the code block's, for `Form.CODE`.
    """

    line: int
    section: tuple[str, ...]
    text: str
    kind: Kind = Kind.MACHINE
    box: str | None = None
    inverse: bool = False
    conditional: bool = False
    optional: bool = False
    form: Form = Form.TASK
    end_line: int = 0
    language: str = ""
    title: str = ""
    context: tuple[str, ...] = ()
    claimed: bool | None = None
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a line asks for, with the values read from it, and in `why` the words that led here.

    Units stand in the names of `params`: `per_minute`, `ttl_seconds`, `retention_days`, `p95_ms`.
    """

    id: str
    params: Mapping[str, Param] = field(default_factory=dict)
    why: str = ""

    def text(self, name: str, default: str = "") -> str:
        """The parameter as text, several values with commas; `default` where the line does not say."""
        value = self.params.get(name)
        if isinstance(value, tuple):
            return ", ".join(value)
        return default if value is None else str(value)

    @overload
    def number(self, name: str) -> float | None: ...
    @overload
    def number(self, name: str, default: float) -> float: ...
    def number(self, name: str, default: float | None = None) -> float | None:
        """The parameter as a number, zero included; `default` where the line does not say."""
        value = self.params.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else default

    def names(self, name: str) -> tuple[str, ...]:
        """The parameter as a list of names; empty where the line does not say."""
        value = self.params.get(name, ())
        return value if isinstance(value, tuple) else (str(value),)


class Strength(IntEnum):
    """What a check's evidence rests on. Several checks answer a requirement: the strongest that saw anything wins."""

    FILE = 1
    CONFIGURATION = 2
    BEHAVIOUR = 3


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


class Probes(Protocol):
    """What the target offers to look at: an attribute each, None where it offers no such thing.

    An attribute is cheap to read; it connects at its first use and raises `Unobservable` when it can't.
    """

    @property
    def http(self) -> HttpProbe | None: ...  # noqa: D102 - the class docstring speaks for all of them
    @property
    def postgres(self) -> PostgresProbe | None: ...  # noqa: D102
    @property
    def redis(self) -> RedisProbe | None: ...  # noqa: D102
    @property
    def repo(self) -> RepoProbe | None: ...  # noqa: D102
    @property
    def config(self) -> ConfigProbe | None: ...  # noqa: D102
    @property
    def host(self) -> HostProbe | None: ...  # noqa: D102
    @property
    def logs(self) -> LogsProbe | None: ...  # noqa: D102
    @property
    def nginx(self) -> NginxProbe | None: ...  # noqa: D102

    def secrets(self) -> frozenset[str]:
        """Every secret value seen so far (passwords of DSNs, values of secret variables): masked in all reports."""
        ...


PROBE_REMEDIES: Mapping[str, str] = {
    "http": '[http] url = "https://your.app" (or --url)',
    "postgres": '[postgres] dsn = "postgresql://user@host/db"',
    "redis": '[redis] url = "redis://host:6379/0"',
    "repo": '[repository] path = "."',
    "config": '[config] env_file = ".env" (or pid = 1234, the running process)',
    "host": "[host] local = true, and run on the machine that serves",
    "logs": '[logs] path = "/var/log/app/app.log"',
    "nginx": '[nginx] config = "/etc/nginx/nginx.conf"',
}
"""What to add to target.toml for each probe that a check may need. A name without a probe is simply missing."""


@dataclass(frozen=True, slots=True)
class Documentation:
    """The page of a check in `docs/checks/`; each field is a sentence or a few."""

    what: str
    why: str
    how_verified: str
    how_to_mend: str
    not_applicable_when: str


class FixtureUnavailable(Exception):
    """This machine lacks what the fixture needs; the message names it."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A small real system in a known state: `open()` yields its probes, `requirement` is what the check is asked.

    `open` raises `FixtureUnavailable` where a server binary or package is missing.
    """

    open: Callable[[], AbstractAsyncContextManager[Probes]]
    requirement: Requirement


@dataclass(frozen=True, slots=True)
class Fixtures:
    """The proof that a check can see: it fails on `must_fail` and passes on `mended`, its twin without the defect."""

    must_fail: Fixture
    mended: Fixture


@dataclass(frozen=True, slots=True)
class Check:
    """How a requirement is verified with what the target offers.

    `requirements` are the ids it answers. `needs` names probes that must all be there (the runner answers `unknown`
    and says what to add otherwise). `provokes`: exceeds a limit on purpose; runs after all others, outside the
    request budget. `server_itself`: it is about the server, so one that is up and empty may rightly pass. `run`
    returns a verdict on the one requirement it is handed, or raises `Unobservable`.
    """

    id: str
    requirements: tuple[str, ...]
    title: str
    severity: Severity
    blast_radius: BlastRadius
    strength: Strength
    needs: frozenset[str]
    run: Callable[[Probes, Requirement], Awaitable[Verdict]]
    documentation: Documentation
    fixtures: Fixtures
    timeout_seconds: float = 10.0
    provokes: bool = False
    server_itself: bool = False


_MOMENTS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"  # 2026-01-02T03:04:05Z
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
    # "answered in 12.3 ms" was measured; "statement_timeout 500 ms" is a setting and counts
    r"|\b(?:in|took|within|after) \d+(?:\.\d+)? ?(?:ms|us|µs|s|seconds?|minutes?)\b"
)


def digest_of(text: str) -> str:
    """16 hexadecimal digits over `text` with moments and durations left out."""
    return hashlib.sha256(_MOMENTS.sub("~", text).encode()).hexdigest()[:16]


def observe(asked: str, answer: str, vantage: str, *, basis: str | None = None) -> Evidence:
    """One observation, redacted, bounded and digested.

    `vantage` says from where it was seen: "HTTP client on this machine", "PostgreSQL role app". `basis` is what the
    digest rests on where the answer holds figures that differ from run to run: "first 429 within the limit".
    """
    asked, answer = (printable(redact(part[:READ_LIMIT_CHARACTERS])) for part in (asked, answer))
    return Evidence(
        asked=bounded(asked),
        answer=bounded(answer),
        observed_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        vantage=printable(redact(vantage)),
        digest=digest_of(f"{asked}\n{basis if basis is not None else answer}"),
    )


def bounded(text: str, limit: int = ANSWER_LIMIT_CHARACTERS) -> str:
    """`text`, cut with a note about how much was left out."""
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text) - limit} more characters)"


def printable(text: str) -> str:
    """`text` without control characters: a header of a hostile target must not steer the reader's terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)

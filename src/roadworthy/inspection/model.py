"""The words of the inspector: what a line asks, what answers it, and what that may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol, overload

from roadworthy.contracts.checks import BlastRadius, Kind, Severity, Verdict
from roadworthy.inspection.probes.backups import BackupsProbe
from roadworthy.inspection.probes.config import ConfigProbe
from roadworthy.inspection.probes.disruptions import DisruptionsProbe
from roadworthy.inspection.probes.drills import DrillsProbe
from roadworthy.inspection.probes.flows import FlowsProbe
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.logs import LogsProbe
from roadworthy.inspection.probes.names import NamesProbe
from roadworthy.inspection.probes.nginx import NginxProbe
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.prometheus import PrometheusProbe
from roadworthy.inspection.probes.redis import RedisProbe
from roadworthy.inspection.probes.repo import RepoProbe

Param = str | int | float | bool | tuple[str, ...]


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
    `cell`: of a row of a table the column of its status, from 0; -1 where the table has none.
    `firm`: an item whatever it says; otherwise it is one only if it asks something that is known.
    `language` is the code block's, for `Form.CODE`. `override` is what a comment in the file says that the line asks,
    on `override_line`.
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
    cell: int = -1
    override: str = ""
    override_line: int = 0


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


class Probes(Protocol):
    """What the target offers to look at: an attribute each, None where it offers no such thing.

    An attribute is cheap to read; it connects at its first use and raises `Unobservable` when it can't.
    """

    @property
    def http(self) -> HttpProbe | None: ...  # noqa: D102 - the class docstring speaks for all of them
    @property
    def postgres(self) -> PostgresProbe | None: ...  # noqa: D102 - as above
    @property
    def redis(self) -> RedisProbe | None: ...  # noqa: D102 - as above
    @property
    def repo(self) -> RepoProbe | None: ...  # noqa: D102 - as above
    @property
    def config(self) -> ConfigProbe | None: ...  # noqa: D102 - as above
    @property
    def host(self) -> HostProbe | None: ...  # noqa: D102 - as above
    @property
    def logs(self) -> LogsProbe | None: ...  # noqa: D102 - as above
    @property
    def nginx(self) -> NginxProbe | None: ...  # noqa: D102 - as above
    @property
    def flows(self) -> FlowsProbe | None: ...  # noqa: D102 - as above
    @property
    def disruptions(self) -> DisruptionsProbe | None: ...  # noqa: D102 - as above
    @property
    def prometheus(self) -> PrometheusProbe | None: ...  # noqa: D102 - as above
    @property
    def drills(self) -> DrillsProbe | None: ...  # noqa: D102 - as above
    @property
    def backups(self) -> BackupsProbe | None: ...  # noqa: D102 - as above
    @property
    def names(self) -> NamesProbe | None: ...  # noqa: D102 - as above

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
    "flows": '[[flows]] name = "..." with its steps (docs/guide/flows.md)',
    "disruptions": "[[cuts]] dependency, cut and restore, or [stop] pid and start (docs/guide/flows.md)",
    "prometheus": '[prometheus] url = "http://prometheus:9090", alertmanager_url = "http://alertmanager:9093"',
    "names": '[http] url = "https://your.app" (or [dns] server = "10.0.0.2:53")',
    "drills": '[drills] path = "drills", the folder that results of drills are kept in',
    "backups": '[backup] path = "/var/backups/app", the folder that backups are kept in',
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
    request budget. `server_itself`: it is about the server, so one that is up and empty may rightly pass. `covers`:
    words of a line that it looks at although its evidence does not name them (see `remainder`). `run` returns a
    verdict on the one requirement it is handed, or raises `Unobservable`.
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
    covers: tuple[str, ...] = ()

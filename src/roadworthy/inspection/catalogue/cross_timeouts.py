"""Time limits along the way: each outer one must be longer than the one inside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.appserver import serving
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.catalogue.timeouts import STATEMENT, limits_of, seconds_of
from roadworthy.inspection.catalogue.virtual_servers import PASSES, served
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.machine import PORT, Machine, Program
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength

PROXY, APPLICATION, DATABASE = "proxy", "application", "statement"
NGINX_READ_SECONDS = 60.0
"""What nginx waits for where nothing is said."""
OPTION = re.compile(r"(?:^|\s)(?:--timeout|--request-timeout|--harakiri)(?:[= ])(\d+)(?=\s|$)")
SHORT_OPTION = re.compile(r"gunicorn.{0,300}\s-t(?:[= ]?)(\d+)(?=\s|$)")
"""Other servers count threads by the same letter."""
GUNICORN_SECONDS = 30.0
VARIABLE = re.compile(
    r"^(?:(?:GUNICORN|WEB|APP|SERVER)_)?(?:REQUEST|WORKER)_TIMEOUT(?:_SECONDS|_MS)?$|^GUNICORN_TIMEOUT$"
)
READ = {"proxy_pass": "proxy_read_timeout", "uwsgi_pass": "uwsgi_read_timeout", "fastcgi_pass": "fastcgi_read_timeout"}


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one part waits for the next, and where that stands."""

    who: str
    seconds: float
    source: str

    def __str__(self) -> str:
        return f"{self.who} {self.seconds:g} s ({self.source})"


async def _ordered(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    waits = [wait for wait in (_proxy(probes), _application(probes), await _statement(probes)) if wait is not None]
    if not waits:
        raise Unobservable(
            "no time limit of proxy, application or database is to be seen", "offer [nginx], [host] and [postgres]"
        )
    evidence = observe(
        "time limits from outside to inside", listed(waits), "configuration of proxy, process and database"
    )
    wrong = [f"{outer} does not outlast {inner}" for outer, inner in _pairs(waits) if outer.seconds <= inner.seconds]
    if wrong:
        return failed(
            listed(wrong),
            evidence,
            mend="let each part wait longer than the one behind it: statement, then request, then proxy",
            patch=_patch(waits),
        )
    missing = [who for who in (PROXY, APPLICATION, DATABASE) if who not in {wait.who for wait in waits}]
    if missing:
        return unknown(
            f"in order as far as they show ({listed(waits)}); not seen: {listed(missing)}",
            evidence,
            mend="offer [nginx] config, [host] local = true and [postgres] dsn, and set statement_timeout",
        )
    return passed(f"each outlasts the next: {listed(waits)}", evidence)


def _pairs(waits: Sequence[Wait]) -> Iterator[tuple[Wait, Wait]]:
    """Each with the next one inside that is known."""
    yield from pairwise(waits)


def _proxy(probes: Probes) -> Wait | None:
    """The shortest that the proxy waits for an answer, of the places that pass to the service."""
    if probes.nginx is None:
        return None
    with if_seen():
        own = served(probes.nginx, probes.http)
        passing = [one for one in own if one.name in PASSES]
        names = {READ.get(one.name, "proxy_read_timeout") for one in passing}
        stated = [
            Wait(PROXY, seconds, f"{one.name} in {one.file}")
            for one in own
            if one.name in names and one.words and (seconds := nginx_seconds(one.words[0])) is not None
        ]
        if stated:
            return min(stated, key=lambda wait: wait.seconds)
        if passing:
            return Wait(PROXY, NGINX_READ_SECONDS, "nginx' default")
    return None


def _application(probes: Probes) -> Wait | None:
    """What the server of the application allows a request: its command line, a variable, its default."""
    with if_seen():
        host, found = serving(probes)
        chain = [*found, *host.ancestors(found[0])[:2]]
        for process in chain:
            option = OPTION.search(process.command) or SHORT_OPTION.search(process.command)
            if option and float(option[1]) > 0:
                return Wait(APPLICATION, float(option[1]), f"the command line of {process.name}")
        variable = _variable(probes)
        if variable is not None:
            return variable
        if any("gunicorn" in process.command for process in chain):
            return Wait(APPLICATION, GUNICORN_SECONDS, "gunicorn's default")
    return _variable(probes)


def _variable(probes: Probes) -> Wait | None:
    with if_seen():
        for setting in probes.config.matching(VARIABLE) if probes.config else ():
            seconds = seconds_of(setting.value, bare=0.001 if setting.name.endswith("_MS") else 1.0)
            if seconds:
                return Wait(APPLICATION, seconds, f"{setting.name} in the {setting.source}")
    return None


async def _statement(probes: Probes) -> Wait | None:
    """The longest that a statement may take, of all limits that are set."""
    found = [limit for limit in await limits_of(probes) if limit.kind == STATEMENT and limit.seconds > 0]
    longest = max(found, key=lambda limit: limit.seconds, default=None)
    return Wait(DATABASE, longest.seconds, longest.source) if longest else None


def nginx_seconds(text: str) -> float | None:
    """A time as nginx writes it: 60, 60s, 1m, 1h, 500ms, 1m30s; None where it is none."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "": 1}
    parts = re.findall(r"(\d+)(ms|s|m|h|)", text)
    whole = "".join(number + unit for number, unit in parts)
    return sum(float(number) * units[unit] for number, unit in parts) if parts and whole == text else None


def _patch(waits: Sequence[Wait]) -> str:
    request = next((wait.seconds for wait in waits if wait.who == APPLICATION), 30.0)
    return f"proxy_read_timeout {request * 2:g}s;\nalter role current_user set statement_timeout = '{request / 2:g}s';"


FRONT = f"server {{ listen 80; listen {PORT}; location / {{ proxy_pass http://127.0.0.1:{PORT}; READ }} }}\n"
LIMIT_SQL = """do $$ begin
  execute format('alter database %I set statement_timeout = ''10s''', current_database());
end $$"""
SITE = pages({"/": reply("<h1>Jobs</h1>")})
SERVES = Machine((Program("gunicorn --timeout 30 app:app", children=2, listens=True),))


def _stage(read: str) -> Stage:
    front = FRONT.replace("READ", read)
    return Stage(site=SITE, machine=SERVES, nginx=front, database=Database(sql=(LIMIT_SQL,)))


ORDERED = Check(
    id="cross.timeouts.order",
    requirements=("cross.timeouts",),
    title="The proxy waits longer than the application, and that longer than a statement",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_ordered,
    documentation=Documentation(
        what="proxy_read_timeout is longer than the application server's limit of a request, which is longer than the "
        "longest limit of a statement.",
        why="A proxy that gives up first answers 504 while the work goes on, the client asks again, and it is done "
        "twice; a worker that is killed before its statement ends leaves it running.",
        how_verified="nginx' server blocks for this service (60 seconds by default), the command line of the "
        "process that serves and its variables (30 seconds for gunicorn), statement_timeout as a program finds it, "
        "and limits that the code sets.",
        how_to_mend="Set all three, from the inside to the outside.",
        not_applicable_when="Never; what is not seen makes it unknown, what is in the wrong order fails.",
    ),
    fixtures=twins(
        "cross.timeouts", must_fail=_stage("proxy_read_timeout 20s;"), mended=_stage("proxy_read_timeout 1m;")
    ),
)

CHECKS = (ORDERED,)

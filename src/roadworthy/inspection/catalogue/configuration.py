"""What the service was started with: variables set, real and as the line says."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import SITE_URL, Certificate, Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.config import ConfigProbe, Setting, is_placeholder
from roadworthy.inspection.redaction import is_secret_name

EXAMPLES = (".env.example", ".env.sample", ".env.template", "env.example")
_DECLARED = re.compile(r"^[ \t]*(?:export\s+)?([A-Z][A-Z0-9_]+)\s*=", re.MULTILINE)
_PLACE = re.compile(r"(?:HOST|URL|URI|DOMAIN|ORIGINS?|ADDRESS|DSN|EMAIL|FROM|PATH|DIR)$")
"""Variables whose value in a checklist shows the shape: where something is differs from place to place."""
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
SITE_NAMES = ("SITE_URL", "PUBLIC_URL", "BASE_URL", "APP_URL", "NEXT_PUBLIC_SITE_URL")
LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared with, not bound to
FINE = 400


async def _variables(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    names = _asked_names(probes, requirement)
    stated = requirement.text("value") if len(names) == 1 else ""
    wrong = {name: problem for name in names if (problem := _problem(config, name, stated))}
    evidence = _evidence(config, names)
    if not wrong:
        return passed(f"{listed(names)} {'is' if len(names) == 1 else 'are'} set as asked", evidence)
    return failed(
        listed(wrong.values()),
        evidence,
        mend=f"set {listed(wrong)} in the environment that starts the service, or in its .env file",
        patch="\n".join(_line(name, stated) for name in wrong),
    )


def _asked_names(probes: Probes, requirement: Requirement) -> Sequence[str]:
    named = requirement.names("names") or requirement.names("name")
    if named:
        return named
    for path in probes.repo.find(*EXAMPLES) if probes.repo else ():
        found = _DECLARED.findall(probes.repo.read(path)) if probes.repo else []
        if found:
            return tuple(dict.fromkeys(found))
    raise Unobservable("the line names no variable, and there is no .env.example to take names from", "name them")


def _problem(config: ConfigProbe, name: str, stated: str) -> str:
    """What is wrong with a variable; empty if nothing is."""
    setting = config.get(name)
    if setting is None:
        return f"{name} is not set{_carried(config, name)}"
    if setting.placeholder or (stated and is_placeholder(stated) and setting.value == stated):
        return f"{name} still holds a placeholder"
    contradiction = _contradicted(config, setting)
    if contradiction:
        return contradiction
    if not stated or is_placeholder(stated) or is_secret_name(name) or _PLACE.search(name):
        return ""
    return "" if _same(setting.value, stated) else f"{name} is {setting.value}, the line says {stated}"


def _carried(config: ConfigProbe, name: str) -> str:
    """Says so where an address variable carries the same thing, so that the reader knows what is in effect."""
    value = _in_address(config, name)
    return f" (in effect by DATABASE_URL: {value})" if value else ""


def _contradicted(config: ConfigProbe, setting: Setting) -> str:
    """Two variables that say different things about the database: only one of them is true."""
    value = _in_address(config, setting.name)
    if not value or _same(value, setting.value) or setting.name.endswith("TYPE"):
        return ""
    return f"{setting.name} is {setting.value}, but DATABASE_URL says {value}"


def _in_address(config: ConfigProbe, name: str) -> str:
    address = config.get("DATABASE_URL")
    part = re.fullmatch(r"(?:POSTGRES|DB|DATABASE|PG)_?(USER|DB|NAME|DATABASE|HOST|PORT|TYPE)", name)
    if address is None or part is None:
        return ""
    parts = addresses.parse(address.value)
    carried = {"USER": parts.user, "HOST": parts.host, "PORT": parts.port, "TYPE": parts.scheme}
    return str(carried.get(part[1], parts.path.lstrip("/")) or "")


def _same(value: str, stated: str) -> bool:
    one, other = value.strip().lower(), stated.strip().strip("\"'").lower()
    return one == other or {one, other} <= _TRUE or {one, other} <= _FALSE


def _evidence(config: ConfigProbe, names: Sequence[str]) -> Evidence:
    lines = [_described(config.get(name), name) for name in names]
    return observe(listed(names), "\n".join(lines) + f"\nlooked at: {config.looked_at}", config.vantage)


def _described(setting: Setting | None, name: str) -> str:
    if setting is None:
        return f"{name} is not set"
    return f"{name} is {setting.shown} ({setting.source})"


def _line(name: str, stated: str) -> str:
    if is_secret_name(name):
        return f"{name}=  # openssl rand -hex 32"
    return f"{name}={'' if is_placeholder(stated) else stated}"


async def _site_url(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    name = requirement.text("name")
    setting = config.get(*([name] if name else SITE_NAMES))
    evidence = observe(
        name or listed(SITE_NAMES),
        setting.shown if setting else f"not set; looked at: {config.looked_at}",
        config.vantage,
    )
    if setting is None and not name:
        return unknown(
            f"none of the variables that usually hold it is set: {listed(SITE_NAMES, 4)}", evidence,
            mend="name the variable that holds the public address in the line",
        )  # fmt: skip
    problem = _site_problem(setting, name or SITE_NAMES[0])
    if problem or setting is None:
        return failed(
            problem,
            evidence,
            mend="set the public https address of the site",
            patch=f"{name or SITE_NAMES[0]}=https://",
        )
    return await _answers(probes, setting, evidence)


def _site_problem(setting: Setting | None, name: str) -> str:
    if setting is None:
        return f"{name} is not set"
    parts = addresses.parse(setting.value)
    if setting.placeholder or "yourdomain" in setting.value:
        return f"{setting.name} still holds a placeholder"
    if parts.host in LOCAL and parts.scheme != "https":
        return f"{setting.name} is {setting.value}: an address that only this machine knows"
    return "" if parts.scheme == "https" else f"{setting.name} is {setting.value}: not https"


async def _answers(probes: Probes, setting: Setting, evidence: Evidence) -> Verdict:
    host = addresses.parse(setting.value).host or ""
    try:
        await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        return failed(f"{host} does not resolve: {error}", evidence, mend=f"publish an address record for {host}")
    http = offered(probes.http, "http")
    if http.host != host:
        return unknown(
            f"{setting.name} names {host}, but only {http.host} may be asked",
            evidence,
            mend=f'[http] url = "{setting.value}"',
        )
    answer = await http.get("/")
    asked = observe(f"GET {setting.value}", answer.brief(), http.vantage)
    if answer.status >= FINE:
        return failed(
            f"{setting.value} answers {answer.status}", evidence, asked, mend="make the public address answer"
        )
    return passed(f"{setting.name} is https and answers {answer.status}", evidence, asked)


VARIABLES = Check(
    id="cfg.env.effective",
    requirements=("cfg.env",),
    title="Variables are set in the running service, with real values",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"config"}),
    run=_variables,
    documentation=Documentation(
        what="Each variable that the line names is set where the service is started, is no placeholder, and has the "
        "value that the line gives.",
        why="A variable that stands only in a template, or still says `change-me`, is the commonest cause of a first "
        "deployment that half works.",
        how_verified="Reads /proc/PID/environ of the process that serves, and the .env file; the process wins. Values "
        "of secrets are never shown, only their length. Hosts and addresses may differ from the line's example. "
        "Without "
        "names in the line, those in .env.example are taken.",
        how_to_mend="Set the variable in the unit, the compose file or the .env file that starts the service, and "
        "restart it.",
        not_applicable_when="Never: what can't be read is unknown.",
    ),
    fixtures=twins(
        "cfg.env",
        {"name": "CACHE_TTL_SECONDS", "value": "300"},
        must_fail=Stage(environment={"CACHE_TTL_SECONDS": "60"}),
        mended=Stage(environment={"CACHE_TTL_SECONDS": "300"}),
    ),
)

SITE = Check(
    id="cfg.siteurl.answers",
    requirements=("cfg.siteurl",),
    title="The public address is set, is https, and answers",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"config"}),
    run=_site_url,
    documentation=Documentation(
        what="The setting that links are built from is an https address that resolves and answers.",
        why="A wrong one sends users and search engines to a development host, and breaks sign-in redirects.",
        how_verified="Reads the setting (SITE_URL and its usual names), resolves its host, and asks it if it is the "
        "host that the target names.",
        how_to_mend="Set SITE_URL to the address that users type.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cfg.siteurl",
        {"name": "SITE_URL"},
        must_fail=Stage(environment={"SITE_URL": "http://localhost:3000"}),
        mended=Stage(
            environment={"SITE_URL": SITE_URL}, site=pages({"/": reply("<h1>Home</h1>")}), certificate=Certificate()
        ),
    ),
)

CHECKS = (VARIABLES, SITE)

"""How the service runs: without debugging, within time limits, with every documented route up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import openapi, service, surface, virtual_servers
from roadworthy.inspection.catalogue.answers import TRACES
from roadworthy.inspection.catalogue.contract import BROKEN, JSON, MISSING, WALLS, documented
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import (
    failed,
    listed,
    observe,
    offered,
    passed,
    setting_of,
    unknown,
    unread_settings,
)
from roadworthy.inspection.catalogue.modes import KINDS, OFF, SWITCHES
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.items import items
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import Answer, HttpProbe
from roadworthy.inspection.probes.sessions import visit

DEBUG_PAGES = re.compile(
    r"DEBUG\s*=\s*True|Using the URLconf defined in|Werkzeug Debugger|__debugger__=yes|EVALEX\s*=\s*true"
    r"|Interactive Console"
    r"|<title>Action Controller: Exception caught|Rails\.root:|id=\"web-console|Starlette Debugger"
    r"|Whoops! There was an error"
    r"|facade/ignition|Whitelabel Error Page.{0,2000}\bat (?:org|java|com)\.|<title>phpinfo\(\)|graphiql"
    r"|__nextjs_original-stack-frame",
    re.DOTALL,
)
CONSOLES = (
    "/console",
    "/__debug__/",
    "/rails/info/properties",
    "/_profiler",
    "/actuator/env",
    "/telescope",
    "/_debugbar/open",
)
WALL = frozenset({401, 403, 407, 429, 503})
ON = frozenset({"true", "1", "yes", "on", "debug"})
UNFINISHED = frozenset({"development", "dev", "local", "debug"})
DEVELOPING = re.compile(
    r"--reload\b|--debug\b|manage\.py runserver|flask run|\bnodemon\b|ts-node-dev|next dev|vite(?:\s|$)"
    r"|webpack(?:-dev-server| serve)|\bgo run\b|rails s(?:erver)?\b(?!.*-e production)"
)
ROUTES_LIMIT = 20
GUNICORN_SECONDS, NGINX_SECONDS = 30.0, 60.0
TIMEOUT_NAMES = re.compile(r"^(?:\w+_)?(?:REQUEST|HTTP_REQUEST|GUNICORN|WORKER|SERVER)_TIMEOUT(?:_(?:SECONDS|MS|S))?$")
LONGEST_SECONDS = 1_000
"""Nobody waits for a quarter of an hour: a larger number is milliseconds."""
SERVICES = re.compile(r"\bworkers?\b|\bcontainers?\b|\bdocker\b|\bservices\b|\bpods?\b|\bdaemons?\b", re.IGNORECASE)
ROUTES = re.compile(r"endpoint|\bapis?\b|routes?|\burls?\b", re.IGNORECASE)


async def _debugging(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    alive = await surface.alive(http)
    nowhere = await http.get(surface.NOWHERE, headers=surface.HTML)
    if nowhere.status in WALL and alive.path == "/":
        raise Unobservable(
            f"a wall answers {nowhere.status} to a made-up address: no error of the service itself is seen",
            "inspect the service behind it: [http] url",
        )
    asked = [nowhere, *[await http.get(path) for path in ("/%00", "/%F0%28%8C%28")]]
    # such a line asks about all of these: they must not take the budget from the lines after it
    consoles = [await http.get(path, headers=surface.HTML, named=True) for path in CONSOLES]
    evidence = [
        observe("wrong addresses", listed([f"{one.path}: {one.status}" for one in asked]), http.vantage),
        observe("consoles of frameworks", listed([f"{one.path}: {one.status}" for one in consoles]), http.vantage),
    ]
    if where := _debugger(asked, consoles):
        words = f"{where} shows a debugger's page"
        return failed(words, *evidence, mend="switch debugging off in production", patch=_patch(requirement))
    problem, told = _set(probes, requirement)
    running = _developing(probes, http)
    if problem or running:
        words = problem or f"a development server answers: {running}"
        return failed(words, *evidence, *told, mend="start it as in production", patch=_patch(requirement))
    if unseen := _unseen(probes, requirement, told):
        return unknown(
            f"errors show nothing; {unseen}", *evidence, *told, mend='[config] env_file = ".env" (or pid = 1234)'
        )
    words = f"{len(asked)} wrong addresses and {len(consoles)} consoles show no debugger"
    return passed(f"{words}; {told[0].answer}" if told else words, *evidence, *told)


def _debugger(asked: Sequence[Answer], consoles: Sequence[Answer]) -> str:
    """The path of a page that shows how the service works inside; empty where none does."""
    shown = next((one for one in (*asked, *consoles) if DEBUG_PAGES.search(one.text) or TRACES.search(one.text)), None)
    found = shown or next((one for one in consoles if _console(one, asked[0])), None)
    return found.path if found else ""


def _unseen(probes: Probes, requirement: Requirement, told: Sequence[Evidence]) -> str:
    """What switches debugging on and was not seen."""
    if requirement.text("name") and requirement.text("value").lower() not in OFF and not told:
        return f"whether {requirement.text('name')} is set was not seen"
    hidden = unread_settings(probes)
    return f"what switches debugging on was not seen: {hidden}" if hidden else ""


def _console(answer: Answer, nowhere: Answer) -> bool:
    # /console is a common name of a service's own pages, and a redirect leads to those as well
    frameworks = answer.path.rstrip("/") in {path.rstrip("/") for path in CONSOLES if path != "/console"}
    found = answer.status == surface.OK and answer.body != nowhere.body
    return frameworks and found and nowhere.status != surface.OK


def _set(probes: Probes, requirement: Requirement) -> tuple[str, list[Evidence]]:
    """What is wrong with the variables that switch debugging on, and those that were seen."""
    name, wanted = requirement.text("name"), requirement.text("value").strip().lower()
    named = setting_of(probes, name) if name else None
    seen = [one for one in (named, *(setting_of(probes, other) for other in (*SWITCHES, *KINDS))) if one is not None]
    told = [
        observe(one.name, f"{one.name} is {one.shown} ({one.source})", "effective configuration")
        for one in dict.fromkeys(seen)
    ]
    if name and probes.config is not None and named is None and wanted not in OFF:
        with if_seen():
            return f"{name} is not set; looked at: {probes.config.looked_at}", told
    if (
        named
        and wanted
        and named.value.strip().lower() != wanted
        and not (wanted in OFF and named.value.strip().lower() in OFF)
    ):
        return f"{named.name} is {named.shown}, the line says {requirement.text('value')}", told
    for one in seen:
        value = one.value.strip().lower()
        if (one.name in SWITCHES and value in ON) or (one.name in KINDS and value in UNFINISHED):
            return f"{one.name} is {one.shown}", told
    return "", told


def _developing(probes: Probes, http: HttpProbe) -> str:
    """The command of a development server that answers here; empty where none is seen."""
    if probes.host is None or not http.loopback:
        return ""
    with if_seen():
        for one in service.behind(probes, probes.host, http.port):
            if DEVELOPING.search(one.command):
                return one.command[:100]
    return ""


def _patch(requirement: Requirement) -> str:
    name, value = requirement.text("name"), requirement.text("value")
    return f"{name}={value}" if name and value else "DEBUG=False"


async def _limits(probes: Probes, requirement: Requirement) -> Verdict:
    found = [*_of_process(probes), *_of_nginx(probes), *_of_variables(probes)]
    evidence = observe(
        "time limits of a request",
        listed([f"{where}: {seconds:g} s" for where, seconds in found]),
        "processes and configuration",
    )
    wanted = requirement.number("seconds")
    endless = [where for where, seconds in found if seconds == 0]
    bounded = [(where, seconds) for where, seconds in found if seconds > 0]
    if endless and not bounded:
        return failed(
            f"{endless[0]} switches the time limit off",
            evidence,
            mend="give requests a time limit",
            patch="gunicorn --timeout 30",
        )
    if not bounded:
        raise Unobservable(
            "no time limit of a request is to be seen: neither the server's command, nor nginx, nor a variable",
            "[host] local = true, [nginx] config, or a variable REQUEST_TIMEOUT_SECONDS",
        )
    first = min(bounded, key=lambda pair: pair[1])
    if wanted and not any(abs(seconds - wanted) <= wanted / 100 for _, seconds in bounded):
        return failed(
            f"{first[0]} ends requests after {first[1]:g} seconds, the line says {wanted:g}",
            evidence,
            mend=f"set it to {wanted:g}",
        )
    return passed(f"{first[0]} ends requests after {first[1]:g} seconds", evidence)


def _of_process(probes: Probes) -> Sequence[tuple[str, float]]:
    if probes.host is None or probes.http is None or not probes.http.loopback:
        return []
    found: list[tuple[str, float]] = []
    with if_seen():
        for one in service.behind(probes, probes.host, probes.http.port)[:1]:
            match = re.search(r"(?:--timeout|--request-timeout|--http-timeout|--harakiri|\s-t)[ =](\d+)", one.command)
            if match:
                found.append((f"{one.name} {match[0].strip()}", float(match[1])))
            elif "gunicorn" in one.command and "uvicorn" not in one.command.lower():
                found.append(("gunicorn's own limit of a worker", GUNICORN_SECONDS))
    return found


def _of_nginx(probes: Probes) -> Sequence[tuple[str, float]]:
    if probes.nginx is None:
        return []
    with if_seen():
        own = virtual_servers.served(probes.nginx, probes.http)
        ways = [one for one in own if one.name == "proxy_pass"]
        stated = [one for one in own if one.name == "proxy_read_timeout" and one.words]
        told = [(f"nginx {one.text}", _seconds(one.words[0])) for one in stated]
        return told or ([("nginx's own proxy_read_timeout", NGINX_SECONDS)] if ways else [])
    return []


def _of_variables(probes: Probes) -> Sequence[tuple[str, float]]:
    settings = []
    with if_seen():
        settings = list(probes.config.matching(TIMEOUT_NAMES)) if probes.config else []
    numbers = [(one, float(one.value)) for one in settings if re.fullmatch(r"\d+(?:\.\d+)?", one.value.strip())]
    return [
        (f"{one.name}={one.value}", number / 1000 if one.name.endswith("_MS") or number > LONGEST_SECONDS else number)
        for one, number in numbers
    ]


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s|m|h)?", text)
    return float(match[1]) * {"ms": 0.001, "m": 60, "h": 3600}.get(match[2] or "", 1) if match else NGINX_SECONDS


async def _routes(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    if not ROUTES.search(requirement.text("subject")) or SERVICES.search(requirement.text("subject")):
        raise Unobservable(
            "which services are meant is not to be seen over HTTP", "offer the host: [host] local = true"
        )
    known = [one for one in await documented(http) if one.method == "GET"]
    async with visit(http, apart=True) as stranger:
        plain = [one.path for one in known if one.plain][:ROUTES_LIMIT]
        answers = [await stranger.send("GET", path, headers=JSON) for path in plain]
    evidence = observe(
        "documented routes that read",
        "\n".join(f"GET {one.path}: {one.status}" for one in answers) or "none",
        http.vantage,
    )
    broken = [one for one in answers if one.status >= BROKEN or one.status in MISSING]
    if broken:
        return failed(
            f"GET {broken[0].path} answers {broken[0].status}, {len(broken)} of {len(answers)} routes",
            evidence,
            mend="mend the route, or take it out of the document",
        )
    if not answers:
        return unknown("no documented route reads without a parameter", evidence)
    return passed(f"all {len(answers)} documented routes that read without a parameter answer", evidence)


async def _feature(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    path = requirement.text("path")
    if not path.startswith("/"):
        raise Unobservable("the line names no path", "name it: `/api/users`")
    prefix = path.rstrip("/")
    under = [one for one in await openapi.operations(http) if one.path == prefix or one.path.startswith(f"{prefix}/")]
    reading = next((one.path for one in under if one.method == "GET" and one.plain), prefix)
    answer = await http.get(reading, headers={"accept": "application/json"}, named=True)
    beside = await http.get(f"{prefix}-roadworthy-none", headers={"accept": "application/json"}, named=True)
    told = f"{answer.status} {answer.content_type}; a made-up path beside it: {beside.status}; documented: {len(under)}"
    evidence = observe(f"GET {reading}", told, http.vantage)
    if answer.status >= BROKEN:
        return failed(f"{reading} answers {answer.status}", evidence, mend="mend the route")
    own = answer.status != beside.status or (answer.status == surface.OK and answer.body != beside.body)
    if answer.status in MISSING:
        if not under and await openapi.operations(http):
            return failed(
                f"nothing documented stands under {prefix}, and it answers {answer.status}",
                evidence,
                mend="add the routes, or mend the line",
            )
        return unknown(
            f"{reading} answers {answer.status}: whether anything stands under it can't be told",
            evidence,
            mend="describe the feature as a flow",
        )
    if own and (answer.status < surface.BAD or under or answer.status in WALLS):
        return passed(
            f"{reading} answers {answer.status}, a made-up path beside it {beside.status}; {len(under)} "
            f"operations documented",
            evidence,
        )
    return unknown(
        f"{reading} answers like a made-up path beside it ({answer.status})",
        evidence,
        mend="describe the feature as a flow",
    )


_HOME = reply("<html><body><h1>Jobs</h1><p>x</p></body></html>")
_DJANGO = reply(
    "<html><body><p>Using the URLconf defined in shop.urls</p><p>You're seeing this error because you have DEBUG "
    "= True</p></body></html>",
    404,
)
_SERVED = Machine((Program("gunicorn app:app --timeout 30", listens=True),))
CHECKS = (
    check(
        "srv.debug",
        "shown",
        "No debugger shows itself",
        _debugging,
        Documentation(
            what="Wrong addresses and the consoles of frameworks show no debug page; variables that switch debugging "
            "on are off, and as the line says; no development server answers.",
            why="A debugger on the public address runs anybody's code.",
            how_verified="Asks for pages that are not there, broken encodings and the usual consoles of Django, "
            "Flask, Rails, Symfony, Laravel and Spring; reads the variables in effect and, on the machine that "
            "serves, the command that answers.",
            how_to_mend="DEBUG=False, NODE_ENV=production, RAILS_ENV=production; a production server.",
            not_applicable_when="Never.",
        ),
        severity=Severity.CRITICAL,
        params={"name": "DEBUG", "value": "False"},
        must_fail=Stage(site=pages({"/": _HOME}, _DJANGO), environment={"DEBUG": "True"}),
        mended=Stage(site=pages({"/": _HOME}), environment={"DEBUG": "False"}),
    ),
    check(
        "srv.timeout",
        "configured",
        "Requests end in time",
        _limits,
        Documentation(
            what="The server that runs the service, the proxy or a variable limits how long a request may take, as "
            "long as the line says.",
            why="Requests that never end take all workers, one by one.",
            how_verified="Reads the command of the process on the port (gunicorn's own limit is 30 seconds), "
            "proxy_read_timeout (60 by itself) and variables called REQUEST_TIMEOUT or the like.",
            how_to_mend="gunicorn --timeout 30; proxy_read_timeout 35s in front of it.",
            not_applicable_when="Never.",
        ),
        severity=Severity.MEDIUM,
        needs=(),
        strength=Strength.CONFIGURATION,
        params={"seconds": 30},
        must_fail=Stage(
            site=pages({"/": _HOME}), machine=Machine((Program("gunicorn app:app --timeout 300", listens=True),))
        ),
        mended=Stage(site=pages({"/": _HOME}), machine=_SERVED),
    ),
    check(
        "srv.up",
        "routes",
        "Every documented route answers",
        _routes,
        Documentation(
            what="Documented routes that read without a parameter answer below 500 and are there.",
            why="A route that breaks after a deployment is found by a user, or by this.",
            how_verified=f"Asks up to {ROUTES_LIMIT} routes of the OpenAPI document; a wall (401) counts as up. Lines "
            f"about containers or services are unknown to it.",
            how_to_mend="Mend the route, or take it out of the document.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        params={"subject": "All API endpoints operational"},
        provokes=True,
        must_fail=Stage(
            site=pages({"/openapi.json": reply({"paths": {"/api/items": {"get": {}}}}), "/api/items": reply("", 500)})
        ),
        mended=Stage(site=items()),
    ),
    check(
        "feature.exists",
        "routes",
        "The feature's routes answer",
        _feature,
        Documentation(
            what="The path that the line names answers with something of its own, or asks for credentials, while a "
            "made-up path beside it does not.",
            why="A feature that is listed and not deployed is a promise.",
            how_verified="Asks for the plainest route under the path, and for a made-up one beside it; counts "
            "documented operations.",
            how_to_mend="Deploy the routes, or mend the line.",
            not_applicable_when="Never.",
        ),
        severity=Severity.MEDIUM,
        params={"path": "/api/items"},
        must_fail=Stage(site=pages({"/openapi.json": reply({"paths": {"/api/other": {"get": {}}}})})),
        mended=Stage(site=items()),
    ),
)

"""How the service answers: health, compression, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import modes, surface
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Refused, Unobservable, if_seen
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, compressed, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import manifests
from roadworthy.inspection.probes.html import parse as parse_page
from roadworthy.inspection.probes.http import Answer, HttpProbe

HEALTH_PATHS = ("/health", "/api/health", "/healthz", "/health/ready", "/up", "/status")
READY_PATHS = ("/health/ready", "/ready", "/readyz", "/healthz/ready", "/api/health/ready")
HEALTH_SECONDS = 1.0
HEALTHY = re.compile(r"\b(?:ok|up|healthy|pass|alive|ready|running|success|true)\b", re.IGNORECASE)
DEPENDENCIES = re.compile(
    r"database|postgres|\bdb\b|mysql|mongo|redis|valkey|cache|queue|broker|storage|s3|disk|worker|smtp|shared",
    re.IGNORECASE,
)
STATES = re.compile(r"status|state|ok|up|healthy|health|ready|connected|available|alive|result")
"""Keys of an object that tell a state."""
HOLDERS = re.compile(r"dependencies|components|checks|services|details|info")
"""Keys of an object of dependencies."""
STATE_WORDS = re.compile(
    r"(?:ok|up|down|healthy|unhealthy|pass|fail|failed|failing|connected|disconnected|ready|available|unavailable"
    r"|alive|degraded|warn|error|running|reachable|unreachable|green|yellow|red|true|false|success|pong)",
    re.IGNORECASE,
)
OWN_PAGES = re.compile(
    r"\b(?:custom|own|branded|friendly|proper)\b[^.;]{0,80}\b(?:404|500|error pages?)"
    r"|\b(?:40[34]|500|error|not[- ]found)\b[^.;]{0,20}\bpages?\b",
    re.IGNORECASE,
)
BY_ORCHESTRATOR = re.compile(r"\b(?:liveness|readiness|startup)\b[\w ,/&]{0,30}\bprobes?\b", re.IGNORECASE)
FAILS_WHEN = re.compile(
    r"\b(?:fail\w*|50[0-9]|unhealthy|unready|not ready|unavailable|degraded|red)\b[^.;]{0,60}"
    r"\b(?:when|if|while|without|once)\b"
    r"|\b(?:when|if|while|once)\b[^.;]{0,60}\b(?:down|unreachable|unavailable|gone|fail\w*|lost|cut|disconnected)\b",
    re.IGNORECASE,
)
"""What a service that is well can't show."""
NODES_LIMIT = 500
NAME_LIMIT_CHARACTERS = 40
_SHARED = "redis|valkey|cache|shared"
SAME_THING = {"database": "database|postgres|db", "redis": _SHARED, "cache": _SHARED, "dependencies": "."}
COMPRESSIBLE_BYTES = 1024
CODINGS = {"brotli": "br", "zstandard": "zstd"}
"""What people call an encoding -> what clients and servers call it."""
TRACES = re.compile(
    r"Traceback \(most recent call last\)|File \"/[^\"]+\", line \d+|at [\w.$<>]+ \((?:/|file:|node:)[^)]+:\d+:\d+\)"
    r"|\.rb:\d+:in `|goroutine \d+ \[|java\.lang\.\w+Exception|(?:psycopg|asyncpg|sqlalchemy)\.\w+|SQLSTATE\["
    r"|Werkzeug Debugger|DEBUG = True"
)


async def _health(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    by_orchestrator = bool(BY_ORCHESTRATOR.search(requirement.text("subject"))) and not requirement.text("path")
    if by_orchestrator and probes.repo is not None and (await probes.repo.facts(manifests.read)).workloads:
        raise Unobservable("the line is about probes of the orchestrator, which its manifests declare")
    if FAILS_WHEN.search(requirement.text("subject")):
        raise Unobservable(
            "the line says what happens when something fails, which a healthy service does not show",
            "describe how to cut the dependency in [[cuts]], and --allow disruptive",
        )
    try:
        answer = await _health_answer(http, requirement)
    except Refused as refusal:
        refused = observe("GET health", refusal.problem, http.vantage, basis="refused")
        return failed(f"nobody listens at {http.url}", refused, mend="start the service, or mend the address")
    names = sorted(set(_named(answer)))
    evidence = observe(
        f"GET {answer.path}",
        f"{answer.status} in {answer.seconds * 1000:.0f} ms; {answer.text[:400]}",
        http.vantage,
        basis=f"{answer.status} {names}",
    )
    problem = _unwell(answer, requirement, names)
    if problem:
        return failed(
            problem, evidence, mend="answer 200 within a second, as JSON that names each dependency and its state"
        )
    nowhere = await http.get(surface.NOWHERE)
    if nowhere.status == surface.OK and nowhere.body == answer.body:
        return unknown(f"every address answers like {answer.path}: it shows nothing", evidence)
    return passed(
        f"{answer.path} answers {answer.status}, naming {listed(names)}"
        if names
        else f"{answer.path} answers {answer.status}",
        evidence,
    )


async def _health_answer(http: HttpProbe, requirement: Requirement) -> Answer:
    path = requirement.text("path")
    if path.startswith("/"):
        return await http.get(path, named=True)
    guesses = READY_PATHS if requirement.params.get("readiness") else HEALTH_PATHS
    for guess in guesses:
        answer = await http.get(guess)
        if answer.status == surface.OK:
            return answer
    return await http.get(guesses[0])


def _named(answer: Answer) -> Iterator[str]:
    """Dependencies whose state the body tells: keys of its objects, and entries of its lists by their own name."""
    stack: list[tuple[object, bool]] = [(answer.json(), False)]
    for _ in range(NODES_LIMIT):
        if not stack:
            return
        node, inside = stack.pop()
        if isinstance(node, list):
            stack.extend((child, inside) for child in node)
        elif isinstance(node, dict):
            yield from _names_in(node, inside=inside)
            stack.extend((child, bool(HOLDERS.fullmatch(str(key).lower()))) for key, child in node.items())


def _names_in(node: dict[str, object], *, inside: bool) -> Iterator[str]:
    """Keys called like a dependency, or any that stand inside an object of dependencies, where a state is told."""
    own = next((node[key] for key in ("name", "component", "service") if isinstance(node.get(key), str)), "")
    if inside and own and _tells_state(node):
        yield str(own).lower()[:NAME_LIMIT_CHARACTERS]
        return
    for key, value in node.items():
        name = str(key).lower()[:NAME_LIMIT_CHARACTERS]
        if (inside or DEPENDENCIES.search(name)) and not STATES.fullmatch(name) and _tells_state(value):
            yield name


def _tells_state(value: object) -> bool:
    if isinstance(value, list):
        return any(isinstance(one, dict) and _tells_state(one) for one in value[:NODES_LIMIT])
    if isinstance(value, dict):
        return any(STATES.fullmatch(str(key).lower()) for key in value)
    return isinstance(value, bool) or (isinstance(value, str) and bool(STATE_WORDS.fullmatch(value.strip())))


def _unwell(answer: Answer, requirement: Requirement, names: list[str]) -> str:
    if answer.status != surface.OK:
        return f"{answer.path} answers {answer.status}"
    if answer.seconds > HEALTH_SECONDS:
        return f"{answer.path} took over {HEALTH_SECONDS:g} second"
    if "html" in answer.content_type or not HEALTHY.search(answer.text):
        return f"{answer.path} answers 200 without saying that it is well"
    for wanted in requirement.names("dependency"):
        if wanted and not re.search(SAME_THING.get(wanted.lower(), re.escape(wanted)), " ".join(names)):
            return f"{answer.path} says nothing of {wanted}"
    if requirement.id == "health.deps" and not names and not requirement.params.get("readiness"):
        return f"{answer.path} names no dependency"
    return ""


async def _compression(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    spoken = requirement.text("algorithm", "gzip").lower()
    algorithm = CODINGS.get(spoken, spoken)
    least = int(requirement.number("min_bytes", COMPRESSIBLE_BYTES))
    if requirement.params.get("below"):
        return await _left_alone(http, algorithm, least)
    evidence: list[Evidence] = []
    plain_ones: list[str] = []
    for path in await _long_answers(http, requirement, least):
        plain = await http.get(path, headers={"accept-encoding": "identity", "accept": "*/*"})
        packed = await http.get(path, headers={"accept-encoding": algorithm, "accept": "*/*"})
        encoding = packed.headers.get("content-encoding", "none")
        told = f"{plain.wire_bytes} bytes plain, {packed.wire_bytes} with content-encoding {encoding}"
        evidence.append(observe(f"GET {path} with accept-encoding: {algorithm}", told, http.vantage, basis=encoding))
        if encoding != algorithm or packed.wire_bytes >= plain.wire_bytes:
            plain_ones.append(path)
    if plain_ones:
        return failed(
            f"{listed(plain_ones)} travel(s) without {algorithm}",
            *evidence,
            mend=f"turn {algorithm} on for texts over {least} bytes",
            patch="gzip on; gzip_types text/css application/javascript application/json image/svg+xml; "
            "gzip_min_length 1024;",
        )
    return passed(f"{counted(len(evidence), 'answer')} over {least} bytes travel as {algorithm}", *evidence)


async def _long_answers(http: HttpProbe, requirement: Requirement, least: int) -> list[str]:
    """A page, an asset and an API answer that are long enough.

    Raises:
        Unobservable: none is.
    """
    candidates: list[str] = []
    with if_seen():
        shown = await surface.pages(http)
        styles, scripts = (surface.local_assets(http, shown, kind)[:1] for kind in ("styles", "scripts"))
        candidates += ["/", *styles, *scripts]
    with if_seen():
        candidates.append(await surface.api_path(http, requirement))
    long = [path for path in candidates if len((await http.get(path, headers=_as(path))).body) >= least]
    if not long:
        raise Unobservable(
            f"none of {len(candidates)} answers is {least} bytes long: nothing to compress", "name a route in the line"
        )
    return long


def _as(path: str) -> dict[str, str]:
    return surface.HTML if path == "/" else {}


async def _left_alone(http: HttpProbe, algorithm: str, least: int) -> Verdict:
    """Short answers are not compressed."""
    for path in (*HEALTH_PATHS[:2], surface.NOWHERE):
        answer = await http.get(path, headers={"accept-encoding": algorithm})
        if 1 < answer.wire_bytes < least:
            encoding = answer.headers.get("content-encoding", "none")
            evidence = observe(
                f"GET {path} with accept-encoding: {algorithm}",
                f"{answer.wire_bytes} bytes, content-encoding {encoding}",
                http.vantage,
                basis=encoding,
            )
            if encoding != "none":
                return failed(
                    f"{path} is compressed though it is short",
                    evidence,
                    mend=f"leave answers under {least} bytes alone",
                )
            return passed(f"{path}, {answer.wire_bytes} bytes, is not compressed", evidence)
    raise Unobservable(f"no answer under {least} bytes was found", "name a short route in the line")


async def _errors(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    await surface.alive(http)
    if OWN_PAGES.search(requirement.text("subject")):
        return await _own_page(http, requirement)
    asked = [await http.get(path) for path in await _wrong_requests(http)]
    refusals = [answer for answer in asked if answer.status >= surface.BAD and len(answer.body) > 1]
    if not refusals:
        raise Unobservable(
            f"none of {len(asked)} wrong requests brought an error with a text", "name a route in the line"
        )
    evidence = observe(
        "wrong requests",
        "\n".join(f"GET {one.path}: {one.status} {one.content_type}" for one in refusals),
        http.vantage,
    )
    leaking = [one for one in refusals if TRACES.search(one.text)]
    broken = [one for one in refusals if one.status >= 500]  # noqa: PLR2004 - the server's own errors
    if leaking or broken:
        words = "shows its insides" if leaking else "breaks"
        return failed(
            f"GET {(leaking or broken)[0].path} {words}",
            evidence,
            mend="turn debugging off; answer errors with a problem document",
        )
    said = f"{counted(len(refusals), 'wrong request is', 'wrong requests are')} refused without a trace of the inside"
    mode = modes.quiet(probes)
    if mode is None:
        return unknown(
            f"{said}; what an error of its own shows was not seen, nor a setting that says how it runs",
            evidence, mend='[config] env_file = ".env", or pid = 1234: is debugging off, which environment is it',
        )  # fmt: skip
    told = observe(mode.name, f"{mode.name} is {mode.shown} ({mode.source})", "effective configuration")
    return passed(f"{said}, and {mode.name} is {mode.shown}", evidence, told)


async def _own_page(http: HttpProbe, requirement: Requirement) -> Verdict:
    """Whether a page that is not there looks like the site: it shares its assets or links with the home page."""
    shown = await surface.pages(http)
    missing = await http.get(surface.NOWHERE, headers=surface.HTML)
    page = parse_page(missing.text)
    common = sorted({*page.assets, *page.links} & {*shown[0].page.assets, *shown[0].page.links})
    seen = f"{missing.status} {missing.content_type}, {len(missing.body)} bytes; in common with the home page: "
    evidence = observe(f"GET {surface.NOWHERE}", f"{seen}{listed(common)}", http.vantage, basis=listed(common))
    if not common:
        return failed(
            f"a missing page answers {missing.status} with nothing of the site in it", evidence,
            mend="give errors a page of the site's own, with a way back",
        )  # fmt: skip
    if re.search(r"\b50[0-9x]\b", requirement.text("subject")):
        return unknown("a missing page is the site's own; no error of the server's was seen", evidence)
    return passed(f"a missing page is the site's own: it shares {listed(common, 3)} with the home page", evidence)


async def _wrong_requests(http: HttpProbe) -> list[str]:
    wrong = [surface.NOWHERE, "/%00", "/api/%F0%28%8C%28"]
    with if_seen():
        path = await surface.api_path(http)
        one = path.rstrip("/")  # an id that is none, and one larger than any column holds
        wrong += [f"{path}?limit=-1", f"{one}/not-a-number'\"", f"{one}/99999999999999999999"]
    return wrong


def _long_site(*, packs: bool) -> Site:
    page = reply(
        "<html><head><title>Jobs</title></head><body>" + "<p>a spa is looking for people</p>" * 100 + "</body></html>"
    )

    def answer(asked: Asked) -> Reply:
        if asked.path != "/":
            return reply("not found", 404)
        return compressed(asked, page) if packs else page

    return lambda: answer


HOME = reply("<html><body><h1>Jobs</h1></body></html>")
HEALTH = Check(
    id="health.endpoint.answers",
    requirements=("health.endpoint", "health.deps"),
    covers=("all",),
    title="The health endpoint answers, quickly, and says how the dependencies are",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_health,
    documentation=Documentation(
        what="200 within a second, with a body that says it is well, and in whose JSON the dependencies that the "
        "line names have a state; for a line about readiness at the readiness path.",
        why="Balancers and people decide by it; one that always says yes hides an outage.",
        how_verified="Asks the path of the line (or the usual ones), reads the body; a made-up address must not "
        "answer the same.",
        how_to_mend="Answer /health with JSON that names each dependency and its state; 503 when a required one is "
        "down.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "health.endpoint",
        {"path": "/health"},
        must_fail=Stage(site=pages({"/health": reply({"status": "down", "database": "unreachable"}, 503)})),
        mended=Stage(site=pages({"/health": reply({"status": "ok", "database": "ok"})})),
    ),
)

COMPRESSION = Check(
    id="srv.compress.asked",
    requirements=("srv.compress",),
    title="Long answers are compressed",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_compression,
    documentation=Documentation(
        what="A page, an asset and an API answer over the size come smaller when the client takes the encoding.",
        why="Text shrinks to a fifth; on a phone that is most of the waiting.",
        how_verified="Asks each with and without Accept-Encoding and compares bytes on the wire. For a line about "
        "short answers: one "
        "under the size comes as it is.",
        how_to_mend="gzip in the proxy or the application, for texts over a kilobyte.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.compress",
        {"algorithm": "gzip"},
        must_fail=Stage(site=_long_site(packs=False)),
        mended=Stage(site=_long_site(packs=True)),
    ),
)

ERRORS = Check(
    id="srv.errors.provoked",
    requirements=("srv.errors",),
    title="Errors show no internals",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_errors,
    documentation=Documentation(
        what="Wrong addresses and parameters are refused with a 4xx and a text without traces, paths or SQL, and "
        "the configuration says that debugging is off. A line about pages of errors: a missing page looks like "
        "the site.",
        why="A traceback tells an attacker the framework, the folders and the query.",
        how_verified="Asks for a page that is not there, broken encodings and wrong parameters of a readable route. "
        "What an error of the server's own shows can't be asked for: the switch or the environment in effect says "
        "it, and without either the line is unknown.",
        how_to_mend="Debugging off; one error handler that answers with a problem document.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.errors",
        must_fail=Stage(
            site=pages({"/": HOME}, reply('Traceback (most recent call last):\n  File "/app/main.py", line 3', 404))
        ),
        mended=Stage(
            site=pages({"/": HOME}, reply({"title": "Not found", "status": 404}, 404)),
            environment={"ENVIRONMENT": "production"},
        ),
    ),
)

CHECKS = (HEALTH, COMPRESSION, ERRORS)

"""What the service lets strangers do and see: headers, origins, documents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import policies, surface
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, setting_of, unknown
from roadworthy.inspection.errors import if_seen
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.config import is_placeholder
from roadworthy.inspection.probes.http import Answer, HttpProbe

EVIL = "https://evil.example"
WANTED: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}
HSTS = "strict-transport-security"
ALIASES = {"hsts": HSTS, "csp": "content-security-policy", "nosniff": "x-content-type-options"}
TELLTALES: Mapping[str, re.Pattern[str]] = {"x-powered-by": re.compile(r"\S"), "server": re.compile(r"\d")}
"""Headers that a line names to be rid of, or of what they tell: a server may give its name, not its version."""
TAKEN_OUT = {"x-powered-by": "proxy_hide_header X-Powered-By;", "server": "server_tokens off;"}
CONFIGURED = re.compile(
    r"\b(?:configur\w*|set ?up|enabl\w+|add(?:ed)?|allow(?:s|ed|ing)?(?!.{0,200}\bonly\b)|whitelist\w*|implement\w*|includes?)\b|https?://",
    re.IGNORECASE,
)
"""What says that some origin is let in, not only that others are not."""
ORIGIN_NAMES = re.compile(
    r"(?:CORS|ALLOWED)\w{0,40}ORIGINS?\w{0,40}$|^(?:FRONTEND|CLIENT)_(?:URL|ORIGIN)$", re.IGNORECASE
)
ORIGINS_LIMIT = 3
_ORIGIN = re.compile(r"https?://[\w.-]+(?::\d+)?")
CLOSED = frozenset({401, 403, 404, 410})


async def _headers(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    answers = [await surface.alive(http)]
    with if_seen():
        answers.append(await http.get(await surface.api_path(http, requirement)))
    wanted = _wanted_headers(http, requirement)
    stated = requirement.text("value") if len(requirement.names("headers")) == 1 else ""
    problems = [problem for answer in answers for name in wanted if (problem := _wrong(answer, name, stated))]
    evidence = [observe(f"GET {answer.path}", answer.brief(*wanted), http.vantage) for answer in answers]
    if problems:
        return failed(
            listed(problems, 5), *evidence,
            mend="take them out" if set(wanted) <= TELLTALES.keys() else "send them with every answer",
            patch="\n".join(map(_patch, wanted)),
        )  # fmt: skip
    server = requirement.text("server").lower()
    sender = _elsewhere(probes, server) if server else ""
    if sender:
        return failed(
            f"they are sent, but not by {server}: {sender}", *evidence, mend=f"mend the line, or send them by {server}"
        )
    note = "" if http.secure else " (strict-transport-security is not judged over plain HTTP)"
    sent, out = [[name for name in wanted if (name in TELLTALES) is telling] for telling in (False, True)]
    carry, tell = ("carries", "tells") if len(answers) == 1 else ("carry", "tell")
    told = [f"{carry} {listed(sent)}{note}" if sent else "", f"{tell} nothing by {listed(out)}" if out else ""]
    return passed(f"{counted(len(answers), 'answer')} {' and '.join(filter(None, told))}", *evidence)


def _patch(name: str) -> str:
    return TAKEN_OUT.get(name) or f'add_header {name} "{WANTED.get(name, "max-age=31536000")}" always;'


def _elsewhere(probes: Probes, server: str) -> str:
    """Who answers instead of the server that the line names; empty where that is it, or can't be seen."""
    if probes.host is None or probes.http is None or not probes.http.loopback or probes.host.running(server):
        return ""
    owner = next(iter(probes.host.listeners(probes.http.port)), None)
    return f"{owner.command[:60]} answers, and no {server} runs" if owner else ""


def _wanted_headers(http: HttpProbe, requirement: Requirement) -> Sequence[str]:
    named = [ALIASES.get(name.lower(), name.lower()) for name in requirement.names("headers")]
    return named or [*WANTED, *([HSTS] if http.secure else [])]


def _wrong(answer: Answer, name: str, stated: str) -> str:
    """What is wrong with a header, by itself or against the value that the line states."""
    value = answer.headers.get(name, "")
    if name in TELLTALES:
        return f"{answer.path} tells {name}: {value[:80]}" if TELLTALES[name].search(value) else ""
    problem = policies.worth(name, answer.headers)
    if not problem and stated and not set(_words(stated)) <= set(_words(value)):
        problem = f"{name} is {value[:80] or 'absent'}, the line says {stated[:80]}"
    return f"{answer.path}: {problem}" if problem else ""


def _words(value: str) -> Sequence[str]:
    return re.split(r"[\s;,]+", value.lower().strip("`;, "))


async def _origins(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    path = await surface.api_path(http, requirement)
    simple = await http.get(path, headers={"origin": EVIL})
    preflight = await http.get(
        path, method="OPTIONS", headers={"origin": EVIL, "access-control-request-method": "POST"}
    )
    evidence = [
        observe(f"GET {path} with Origin: {EVIL}", _allowance(simple), http.vantage),
        observe(f"OPTIONS {path} with Origin: {EVIL}", _allowance(preflight), http.vantage),
    ]
    given = [answer.headers.get("access-control-allow-origin", "") for answer in (simple, preflight)]
    if any(value in {"*", EVIL, "null"} for value in given):
        return failed(
            f"{path} is open to {EVIL}: access-control-allow-origin: {next(filter(None, given))}",
            *evidence,
            mend="name your own origins",
            patch="CORS_ORIGINS=https://your.app",
        )
    local = [value for value in given if addresses.parse(value).host in {"localhost", "127.0.0.1"}]
    if local and not http.loopback:
        return failed(f"{path} allows {local[0]}", *evidence, mend="take localhost out of the allowed origins")
    allowed = next(filter(None, given), "")
    if CONFIGURED.search(requirement.text("subject")):
        return await _own_origin(probes, path, requirement, evidence)
    return passed(
        f"{path} does not allow {EVIL}" + (f"; it names {allowed}" if allowed else "; no other origin may read it"),
        *evidence,
    )


async def _own_origin(probes: Probes, path: str, requirement: Requirement, evidence: Sequence[Evidence]) -> Verdict:
    """A line that says that origins are configured asks for more than that strangers are kept out."""
    http = offered(probes.http, "http")
    wanted = [addresses.parse(url) for url in _ORIGIN.findall(requirement.text("subject"))]
    named = list(dict.fromkeys(f"{one.scheme}://{one.place}" for one in wanted if not is_placeholder(one.host)))
    setting = next(iter(probes.config.matching(ORIGIN_NAMES)), None) if probes.config else None
    told = named or [url.rstrip("/") for url in _ORIGIN.findall(setting.value if setting else "")]
    for origin in told[:ORIGINS_LIMIT]:
        answer = await http.get(path, headers={"origin": origin})
        evidence = [*evidence, observe(f"GET {path} with Origin: {origin}", _allowance(answer), http.vantage)]
        if answer.headers.get("access-control-allow-origin", "") != origin:
            said = f"{path} does not allow {origin}, which {'the line' if named else setting and setting.name} names"
            return failed(said, *evidence, mend="name it among the allowed origins", patch=f"CORS_ORIGINS={origin}")
    if told:
        return passed(f"{path} allows {listed(told[:ORIGINS_LIMIT])} and not {EVIL}", *evidence)
    return unknown(
        f"{path} does not allow {EVIL}; whether it allows any origin of yours was not seen", *evidence,
        mend="name your origin in the line (https://app.example), or offer [config] with CORS_ORIGINS",
    )  # fmt: skip


def _allowance(answer: Answer) -> str:
    cookies = answer.headers.get("access-control-allow-credentials", "").lower() == "true"
    return f"{answer.brief('access-control-allow-origin')}; cookies {'allowed' if cookies else 'not allowed'}"


async def _documents(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    alive = await surface.alive(http)
    nowhere = await http.get(surface.NOWHERE)
    own = [path for path in requirement.names("paths") if path.startswith("/")]
    paths = list(dict.fromkeys([*own, *surface.DOCUMENT_ADDRESSES]))
    # such a line asks about all of these: they must not take the budget from the lines after it
    answers = [await http.get(path, named=True) for path in paths]
    environment = setting_of(probes, "ENVIRONMENT", "NODE_ENV", "APP_ENV", "RAILS_ENV", "DJANGO_ENV")
    runs = f"; {environment.name} is {environment.value}" if environment else ""
    evidence = observe(", ".join(paths), "; ".join(f"{one.path} {one.status}" for one in answers) + runs, http.vantage)
    open_ones = [one for one in answers if one.status == surface.OK and one.body != nowhere.body]
    if open_ones:
        return failed(
            f"{listed([one.path for one in open_ones])} answer(s) without signing in{runs}",
            evidence,
            mend="switch the documents off in production",
            patch="ENVIRONMENT=production",
        )
    if all(one.status in CLOSED for one in answers):
        return passed(f"none of {len(answers)} usual document addresses answers, while {alive.path} does", evidence)
    odd = next(one for one in answers if one.status not in CLOSED)
    return unknown(f"{odd.path} answers {odd.status}: neither open nor closed", evidence)


def _cors_site(*, reflects: bool) -> Site:
    def answer(asked: Asked) -> Reply:
        if asked.path != "/api/items":
            return reply("not found", 404)
        origin = asked.headers.get("origin", "")
        trusted = reflects or origin == "https://app.test"
        return reply({"items": [1]}, access_control_allow_origin=origin) if trusted else reply({"items": [1]})

    return lambda: answer


HEADERS = Check(
    id="sec.headers.sent",
    requirements=("sec.headers",),
    covers=("server", "header", "tokens", "version", "banner", "signature"),
    title="Security headers are sent",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_headers,
    documentation=Documentation(
        what="A page and an API answer carry Content-Security-Policy, X-Content-Type-Options, X-Frame-Options or "
        "frame-ancestors, "
        "Referrer-Policy, and over https Strict-Transport-Security; or those that the line names. "
        "X-Powered-By is to be gone, Server without a version.",
        why="Each takes a whole class of attacks from the browser's side.",
        how_verified="Asks the public address and reads them as a browser does: a policy that lets any script run "
        "or says nothing about scripts, frames for everybody, anything but nosniff, or a Referrer-Policy that gives "
        "addresses away does not count. Who sends them, the proxy or the application, makes no difference to the "
        "browser.",
        how_to_mend="Send them in one place: the proxy's server block or the application's outermost layer.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.headers",
        must_fail=Stage(site=pages({"/": reply("<html><body><p>Jobs</p></body></html>", x_frame_options="DENY")})),
        mended=Stage(site=pages({"/": Reply(200, b"<html><body><p>Jobs</p></body></html>", WANTED)})),
    ),
)

ORIGINS = Check(
    id="sec.cors.foreign",
    requirements=("sec.cors",),
    covers=(
        "every",
        "any",
        "allows or allow only our own origins",
        "allowed for your own origin",
        "restricted to, restrict domain domains",
    ),
    title="A foreign origin is not allowed",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_origins,
    documentation=Documentation(
        what=f"A request from {EVIL} gets no Access-Control-Allow-Origin for it: neither *, nor itself reflected, nor "
        "null. Where the line says that origins are configured, those that it or the configuration names are allowed.",
        why="With a reflected origin any page that a signed-in user opens reads her data.",
        how_verified="A simple request and a preflight with that origin to a readable API route that answers; one "
        f"with each of up to {ORIGINS_LIMIT} own origins, where they are named. With none named, such a line "
        "is unknown.",
        how_to_mend="Name the origins that may call; send none for others.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.cors",
        {"path": "/api/items"},
        must_fail=Stage(site=_cors_site(reflects=True)),
        mended=Stage(site=_cors_site(reflects=False)),
    ),
)

DOCUMENTS = Check(
    id="sec.docs_off.asked",
    requirements=("sec.docs_off",),
    covers=("swagger", "redoc", "openapi"),
    title="API documents are closed to strangers",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_documents,
    documentation=Documentation(
        what=f"The {len(surface.DOCUMENT_ADDRESSES)} addresses at which frameworks put documents (/docs, /redoc, "
        "/openapi.json, /swagger, /v3/api-docs and their like) answer 404, 410, 401 or 403, while the service itself "
        "answers.",
        why="They list every operation, also those that were meant for colleagues.",
        how_verified="Asks each without signing in; a server that says nothing at all is unknown. The evidence names "
        "the environment.",
        how_to_mend="docs_url=None, or the framework's switch, in production.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.docs_off",
        must_fail=Stage(site=pages({"/": reply("<h1>Jobs</h1>"), "/docs": reply("<title>Swagger UI</title>")})),
        mended=Stage(site=pages({"/": reply("<h1>Jobs</h1>")})),
    ),
)

CHECKS = (HEADERS, ORIGINS, DOCUMENTS)

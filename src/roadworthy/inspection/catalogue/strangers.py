"""What a stranger's browser can make the service do: forged hosts, cookies without flags, forms sent by other sites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import markup, surface
from roadworthy.inspection.catalogue.kit import (
    failed,
    listed,
    not_applicable,
    observe,
    offered,
    passed,
    setting_of,
    unknown,
)
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.flows import set_cookies
from roadworthy.inspection.probes.http import Answer, HttpProbe
from roadworthy.inspection.probes.sessions import visit

FORGED_HOST = "forged-host.example"
REFUSALS = frozenset({400, 403, 404, 421, 444})
LOGIN_PAGES = ("/login", "/accounts/login/", "/admin/login/", "/users/sign_in", "/signin", "/auth/login")
TOKEN_FIELDS = re.compile(
    r"csrf|xsrf|authenticity_token|_token$|anti-?forgery|__requestverificationtoken", re.IGNORECASE
)
READ_BY_SCRIPTS = re.compile(r"csrf|xsrf|theme|locale|lang|consent|timezone", re.IGNORECASE)
"""Cookies that the page's own scripts have to read."""
SESSIONS = re.compile(r"sess|sid|auth|token|jwt|login|remember|identity", re.IGNORECASE)
_FLAG_OF_NAME = (("SECURE", "secure"), ("HTTPONLY", "httponly"), ("SAMESITE", "samesite"))


async def _hosts(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    real = await surface.alive(http)
    forged = await http.get(real.path, headers={"host": FORGED_HOST}, follow=False)
    beside = await http.get(real.path, headers={"x-forwarded-host": FORGED_HOST}, follow=False)
    told = f"Host: {forged.brief('location')}; X-Forwarded-Host: {beside.brief('location')}"
    evidence = observe(f"GET {real.path} with {FORGED_HOST} as Host, then as X-Forwarded-Host", told, http.vantage)
    for name, answer in (("Host", forged), ("X-Forwarded-Host", beside)):
        if FORGED_HOST in answer.headers.get("location", "") or _linked(answer):
            return failed(
                f"{real.path} builds addresses from a forged {name}",
                evidence,
                mend="name the hosts that are yours and refuse the rest",
                patch="ALLOWED_HOSTS=your.app",
            )
    if forged.status == real.status and _alike(forged, real):
        return failed(
            f"{real.path} answers a forged Host as its own",
            evidence,
            mend="name the hosts that are yours and refuse the rest",
            patch="ALLOWED_HOSTS=your.app",
        )
    sent_home = surface.REDIRECT <= forged.status < surface.BAD  # to the real host: addresses were looked at above
    if sent_home or forged.status in REFUSALS:
        return passed(f"a forged Host gets {forged.status}, while {real.path} answers {real.status}", evidence)
    return unknown(f"a forged Host gets {forged.status}: neither refused nor served", evidence)


def _alike(forged: Answer, real: Answer) -> bool:
    """The same page, but for what differs from one answer to the next."""
    return abs(len(forged.body) - len(real.body)) <= len(real.body) / 10


def _linked(answer: Answer) -> bool:
    return re.search(rf"https?://{re.escape(FORGED_HOST)}", answer.text) is not None


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as it was set: its name, its flags in lower case, and where."""

    name: str
    flags: Mapping[str, str]
    path: str

    @property
    def words(self) -> str:
        """Name and flags, never the value."""
        flags = [f"{name}={value}" if value else name for name, value in self.flags.items() if name in _SHOWN]
        return f"{self.name} ({', '.join(flags) or 'no flag'}) at {self.path}"


_SHOWN = ("secure", "httponly", "samesite")


def cookies(answer: Answer) -> Iterator[Cookie]:
    """Cookies that an answer sets."""
    for name, flags in set_cookies(answer):
        yield Cookie(name, flags, answer.path)


async def _flags(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    await surface.alive(http)
    found = [one for answer in await _where_cookies_are_set(http) for one in cookies(answer)]
    found += [one for one in await _of_flows(probes) if one.name not in {other.name for other in found}]
    evidence = observe("Set-Cookie of the pages that set one", listed([one.words for one in found]), http.vantage)
    judged = [one for one in found if SESSIONS.search(one.name) or READ_BY_SCRIPTS.search(one.name)] or found
    if not judged:
        return _configured(probes, requirement, evidence.answer)
    wanted = [flag for word, flag in _FLAG_OF_NAME if word in requirement.text("name").upper()] or list(_SHOWN)
    problems = [f"{one.name} lacks {flag}" for one in judged for flag in wanted if _lacks(one, flag, http)]
    if problems:
        return failed(
            listed(problems, 5),
            evidence,
            mend="set the flags where the cookie is made",
            patch="SESSION_COOKIE_SECURE=True\nSESSION_COOKIE_HTTPONLY=True\nSESSION_COOKIE_SAMESITE=Lax",
        )
    if not http.secure and "secure" in wanted:
        return _plain(judged, evidence)
    return passed(f"{listed([one.words for one in judged], 4)}", evidence)


def _plain(judged: Sequence[Cookie], evidence: Evidence) -> Verdict:
    """Over plain HTTP a cookie without Secure shows little, one with it shows it."""
    if all("secure" in one.flags for one in judged):
        return passed(f"{listed([one.words for one in judged], 4)}", evidence)
    words = "the address is plain HTTP: whether cookies are Secure shows over https"
    return unknown(words, evidence, mend='[http] url = "https://your.app"')


def _lacks(cookie: Cookie, flag: str, http: HttpProbe) -> bool:
    if flag == "secure":
        return http.secure and "secure" not in cookie.flags
    if flag == "httponly":
        return "httponly" not in cookie.flags and not READ_BY_SCRIPTS.search(cookie.name)
    return cookie.flags.get("samesite", "") not in {"lax", "strict"} and not (
        cookie.flags.get("samesite") == "none" and "secure" in cookie.flags
    )


async def _where_cookies_are_set(http: HttpProbe) -> Sequence[Answer]:
    answers = [await http.get("/", headers=surface.HTML)]
    for path in LOGIN_PAGES[:4]:
        if any(one.headers.get("set-cookie") for one in answers):
            break
        answers.append(await http.get(path, headers=surface.HTML))
    return answers


async def _of_flows(probes: Probes) -> Sequence[Cookie]:
    """Cookies that flows were given at sign-in."""
    found: list[Cookie] = []
    for flow in probes.flows.flows if probes.flows else ():
        walk = await probes.flows.walk(flow) if probes.flows else None
        for one in walk.trodden if walk else ():
            found += [Cookie(name, flags, one.step.path) for name, flags in one.cookies]
    return found


def _configured(probes: Probes, requirement: Requirement, told: str) -> Verdict:
    """No cookie was seen: the setting that the line names speaks, if it is there."""
    name = requirement.text("name")
    setting = setting_of(probes, name) if name else None
    if setting is None:
        raise Unobservable(f"no page sets a cookie ({told}); it is set at sign-in", "describe the sign-in as a flow")
    evidence = observe(name, f"{name} is {setting.value} ({setting.source})", "effective configuration")
    if setting.value.strip().lower() not in {"true", "1", "yes", "on", "lax", "strict"}:
        return failed(f"{name} is {setting.value}", evidence, mend="switch it on", patch=f"{name}=True")
    return unknown(
        f"{name} is {setting.value}; no cookie was seen to have the flag",
        evidence,
        mend="describe the sign-in as a flow",
    )


async def _forms(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    await surface.alive(http)
    looked, found = await _posting_forms(http)
    evidence = observe("forms that post", f"{len(found)} on {len(looked)} pages ({listed(looked)})", http.vantage)
    if not found:
        return await _without_forms(probes, http, evidence)
    bare = [path for path, said in found if not _has_token(said)]
    if not bare:
        refusal = await _refuses_without(http, found[0])
        if refusal:
            return failed(refusal, evidence, mend="verify the token on every request that writes")
        return passed(f"{len(found)} forms carry a token, and one sent without it is refused", evidence)
    same_site = [one for path in dict.fromkeys(bare) for one in cookies(await http.get(path, headers=surface.HTML))]
    kept = [one for one in same_site if SESSIONS.search(one.name)]
    if kept and all(one.flags.get("samesite") in {"lax", "strict"} for one in kept):
        return passed(f"no token, but session cookies stay home: {listed([one.words for one in kept], 3)}", evidence)
    return failed(
        f"the form at {bare[0]} carries no token",
        evidence,
        mend="put a token into every form that writes, and send session cookies with SameSite=Lax",
    )


async def _posting_forms(http: HttpProbe) -> tuple[Sequence[str], Sequence[tuple[str, markup.Markup]]]:
    answers = []
    with if_seen():
        answers += [one.answer for one in await surface.pages(http)]
    nowhere = await http.get(surface.NOWHERE, headers=surface.HTML)
    for path in LOGIN_PAGES[:4]:
        answer = await http.get(path, headers=surface.HTML)
        if answer.status == surface.OK and "html" in answer.content_type and answer.body != nowhere.body:
            answers.append(answer)
    read = [(one.path, markup.read(one.text)) for one in answers]
    posting = [
        (path, said) for path, said in read if any(form.get("method", "").lower() == "post" for form in said.forms)
    ]
    return [one.path for one in answers], posting


def _has_token(said: markup.Markup) -> bool:
    named = [one.get("name", "") for one in said.inputs if one.get("value")]
    return any(map(TOKEN_FIELDS.search, named)) or any(map(TOKEN_FIELDS.search, said.meta))


async def _refuses_without(http: HttpProbe, form: tuple[str, markup.Markup]) -> str:
    """Whether the form is taken without its token; nothing but an empty form is sent."""
    path, said = form
    action = next(one.get("action") or path for one in said.forms if one.get("method", "").lower() == "post")
    async with visit(http) as stranger:
        await stranger.send("GET", path, headers=surface.HTML)
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example"}
        answer = await stranger.send("POST", action, headers=headers, content=b"roadworthy=probe")
    return "" if answer.status >= surface.BAD else f"{action} takes a form without its token: {answer.status}"


async def _without_forms(probes: Probes, http: HttpProbe, evidence: Evidence) -> Verdict:
    given = [one for answer in await _where_cookies_are_set(http) for one in cookies(answer)]
    given += list(await _of_flows(probes))
    told = observe("cookies", listed([one.words for one in given]), http.vantage)
    sessions = [one for one in given if SESSIONS.search(one.name)]
    if sessions and all(one.flags.get("samesite") in {"lax", "strict"} for one in sessions):
        return passed(f"session cookies stay home: {listed([one.words for one in sessions], 3)}", told)
    if not given and probes.flows and any(step.bearer for flow in probes.flows.flows for step in flow.steps):
        return not_applicable("people sign in by a bearer token, which no browser sends by itself", told, evidence)
    return unknown("no form that posts was seen, and no session cookie", told, mend="describe the sign-in as a flow")


def _named_site(*, strict: bool) -> Site:
    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            if strict and not asked.headers.get("host", "").startswith("127.0.0.1"):
                return reply({"title": "bad host"}, 400)
            return reply("<h1>Jobs</h1><p>x</p>") if asked.path == "/" else reply("not found", 404)

        return answer

    return made


def _form_site(field: str, *, verifies: bool) -> Site:
    page = f'<html><body><form method="post" action="/login">{field}<input name="email"></form></body></html>'

    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            if asked.method == "POST":
                return reply("forbidden", 403) if verifies else reply("", 302, location="/")
            return reply(page) if asked.path in {"/", "/login"} else reply("not found", 404)

        return answer

    return made


def _cookie_site(flags: str) -> Site:
    return pages({"/": reply("<h1>Jobs</h1><p>x</p>", set_cookie=f"sessionid=abcdef; Path=/{flags}")})


HOSTS = Check(
    id="sec.hosts.forged",
    requirements=("sec.hosts",),
    title="A forged Host header is refused",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_hosts,
    documentation=Documentation(
        what="A request with a made-up Host is refused, and neither it nor X-Forwarded-Host gets into addresses.",
        why="A password reset built from a forged host sends the victim's token to the attacker.",
        how_verified="Asks for a page that answers with a forged Host and a forged X-Forwarded-Host, and compares.",
        how_to_mend="ALLOWED_HOSTS, TrustedHostMiddleware, config.hosts, or a default server in the proxy that "
        "refuses.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.hosts", must_fail=Stage(site=_named_site(strict=False)), mended=Stage(site=_named_site(strict=True))
    ),
)
COOKIES = Check(
    id="sec.cookies.flags",
    requirements=("sec.cookies",),
    title="Cookies are Secure, HttpOnly and SameSite, as sent",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_flags,
    timeout_seconds=70.0,
    documentation=Documentation(
        what="Session cookies are sent with Secure (over https), HttpOnly and SameSite; those that scripts read, "
        "as CSRF "
        "tokens, need no HttpOnly. Where the line names one flag, that one.",
        why="A cookie without them is read by any script on the page, sent over plain HTTP, or sent by other sites.",
        how_verified="Reads Set-Cookie of the home page, usual sign-in pages and the flows of target.toml. "
        "Values are never "
        "shown. Over plain HTTP a missing Secure is unknown.",
        how_to_mend="The framework's settings: SESSION_COOKIE_SECURE, cookie: {secure: true}, config.session_store.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.cookies",
        must_fail=Stage(site=_cookie_site("; Secure")),
        mended=Stage(site=_cookie_site("; Secure; HttpOnly; SameSite=Lax")),
    ),
)
CSRF = Check(
    id="sec.csrf.forms",
    requirements=("sec.csrf",),
    title="Other sites can't send a user's forms",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_forms,
    timeout_seconds=70.0,
    documentation=Documentation(
        what="Forms that post carry a token and are refused without it, or session cookies are SameSite.",
        why="Without either any page that a signed-in user opens can write in her name.",
        how_verified="Reads the forms of up to four pages and the usual sign-in pages; sends the first one "
        "empty, without its "
        "token, from another origin. Without forms the SameSite flag of session cookies decides.",
        how_to_mend="The framework's CSRF protection, and SameSite=Lax on session cookies.",
        not_applicable_when="People sign in by a bearer token in flows of target.toml, and no cookie is set.",
    ),
    fixtures=twins(
        "sec.csrf",
        must_fail=Stage(site=_form_site("", verifies=False)),
        mended=Stage(site=_form_site('<input type="hidden" name="csrf_token" value="t">', verifies=True)),
    ),
)
CHECKS = (HOSTS, COOKIES, CSRF)

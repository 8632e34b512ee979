"""What frameworks are told for production about debugging, hosts, cookies, HTTPS and other origins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.declaring import Run, of_tree
from roadworthy.inspection.catalogue.kit import SWITCHED_ON, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import frameworks
from roadworthy.inspection.probes.frameworks import ANYTHING, Told
from roadworthy.inspection.probes.repo import RepoProbe

Rule = Callable[[Mapping[str, Told]], "tuple[str, Sequence[Told]] | None"]
"""What is wrong ("" for nothing) and the settings that say so; None where they say nothing about it."""


async def _frameworks(probes: Probes) -> tuple[RepoProbe, Mapping[str, Mapping[str, Told]]]:
    repo = offered(probes.repo, "repo")
    told = {
        "Django": await repo.facts(frameworks.django),
        "Rails": await repo.facts(frameworks.rails),
        "Spring": await repo.facts(frameworks.spring),
    }
    return repo, {name: settings for name, settings in told.items() if settings}


def _judged(rules: Mapping[str, Rule], subject: str, mend: str) -> Run:
    """A check that asks each framework's settings by its rule."""

    async def run(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
        repo, found_told = await _frameworks(probes)
        told = {
            name: {key: _in_effect(one, probes) for key, one in settings.items()}
            for name, settings in found_told.items()
        }
        answers = {
            name: found for name, rule in rules.items() if name in told and (found := rule(told[name])) is not None
        }
        if not answers:
            raise Unobservable(
                f"no settings of {listed(rules)} for production that speak of {subject} are in the source tree",
                "offer the running service: [http] url",
            )
        settings = [one for _, found in answers.values() for one in found]
        lines = [f"{one.where}: {one.name} = {_shown(one)}" for one in settings]
        evidence = observe(
            f"settings about {subject}", "\n".join(lines) or "not set: the framework's default", repo.vantage
        )
        problems = [problem for problem, _ in answers.values() if problem]
        if problems:
            return failed(problems[0], evidence, mend=mend)
        unsure = [one for one in settings if one.from_environment or one.computed]
        if unsure:
            return unknown(
                f"the environment decides {unsure[0].name} ({unsure[0].where}); which value is in effect was not seen",
                evidence, mend='[config] env_file = ".env", or pid of the running service',
            )  # fmt: skip
        return passed(f"{listed(answers)} is told so for production: {listed(one.name for one in settings)}", evidence)

    return run


def _in_effect(one: Told, probes: Probes) -> Told:
    """The setting with what the offered configuration makes of it."""
    if not one.variable or probes.config is None:
        return one
    with if_seen():
        given = probes.config.get(one.variable)
        if given is None:
            return replace(one, from_environment=not probes.config.process_seen)
        value = given.value.strip().lower() in SWITCHED_ON if isinstance(one.value, bool) else given.value
        return replace(one, value=value, from_environment=False)
    return one


def _shown(one: Told) -> str:
    if one.computed:
        return "computed"
    return f"{one.value!r}" + (" unless the environment says otherwise" if one.from_environment else "")


def _django_debug(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    debug = told.get("DEBUG")
    if debug is None:
        return None  # Django's default is off, but nobody wrote it down
    return (f"DEBUG is on ({debug.where})" if debug.value is True else ""), [debug]


def _rails_debug(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    local = told.get("consider_all_requests_local")
    if local is None:
        return None
    return (f"errors show internals to everybody ({local.where})" if local.value is True else ""), [local]


def _spring_debug(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    found = [
        one
        for name, one in told.items()
        if name in {"debug", "server.error.include-stacktrace", "spring.devtools.add-properties"}
    ]
    wrong = [one for one in found if str(one.value).lower() in {"true", "always"}]
    return (f"{wrong[0].name} is {wrong[0].value} ({wrong[0].path})" if wrong else "", found) if found else None


def _django_hosts(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    hosts = told.get("ALLOWED_HOSTS")
    if hosts is None:
        return None
    value = hosts.value
    values = [str(one) for one in value] if isinstance(value, list | tuple) else re.split(r"[\s,]+", str(value or ""))
    if "*" in values:
        return f"ALLOWED_HOSTS lets every name in ({hosts.where})", [hosts]
    if not hosts.from_environment and not hosts.computed and not [one for one in values if one and one not in LOCAL]:
        return f"ALLOWED_HOSTS names no public host ({hosts.where})", [hosts]
    return "", [hosts]


LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})  # noqa: S104 - compared with, not bound to


def _all_true(*names: str) -> Rule:
    def rule(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
        found = [told[name] for name in names if name in told]
        missing = [name for name in names if name not in told]
        if guard := _unguarded(told, names):
            return guard
        off = [one for one in found if one.value is not True and not one.from_environment and not one.computed]
        if missing and missing[0] == "SECURE_SSL_REDIRECT":
            return None  # the proxy may do it
        if missing and ANYTHING in told:
            return "", [told[ANYTHING]]
        if missing:
            return f"{missing[0]} is not set: Django's default is off", found
        return (f"{off[0].name} is {off[0].value} ({off[0].where})" if off else ""), found

    return rule


def _rails_cookies(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    loose = next((told[name] for name in frameworks.LOOSE_COOKIES if name in told), None)
    if loose is not None:
        return f"the session's cookie is sent with {loose.name}: {loose.value} ({loose.where})", [loose]
    return _force_ssl(told)


SECURITY = "django.middleware.security.SecurityMiddleware"


def _unguarded(told: Mapping[str, Told], names: Sequence[str]) -> tuple[str, Sequence[Told]] | None:
    """Who redirects is a middleware: without it the setting does nothing."""
    middleware = told.get("MIDDLEWARE")
    if "SECURE_SSL_REDIRECT" not in names or "SECURE_SSL_REDIRECT" not in told or middleware is None:
        return None
    if not isinstance(middleware.value, list | tuple):
        return "", [middleware, told["SECURE_SSL_REDIRECT"]]
    if SECURITY in middleware.value:
        return None
    return f"MIDDLEWARE has no SecurityMiddleware, which redirects ({middleware.where})", [middleware]


def _force_ssl(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    found = told.get("force_ssl")
    if found is None:
        return None  # the proxy may do it
    return (f"config.force_ssl is {found.value} ({found.where})" if found.value is False else ""), [found]


def _lets_anybody_in(one: Told) -> bool:
    patterns = [str(value) for value in one.value] if isinstance(one.value, list | tuple) else []
    return any(re.fullmatch(r"\^?(?:https?\??:?/*)?[(\[]?\.[*+][)\]]?\$?", pattern) for pattern in patterns)


def _django_origins(told: Mapping[str, Told]) -> tuple[str, Sequence[Told]] | None:
    anybody = [told[name] for name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL") if name in told]
    named = [told[name] for name in ("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST") if name in told]
    if any(one.value is True for one in anybody):
        return f"{anybody[0].name} lets every origin in ({anybody[0].where})", anybody
    patterns = [told[name] for name in ("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST") if name in told]
    wide = next((one for one in patterns if _lets_anybody_in(one)), None)
    if wide is not None:
        return f"{wide.name} lets every origin in ({wide.where})", [wide]
    named += patterns
    values = [
        str(value)
        for one in named
        if one not in patterns and isinstance(one.value, list | tuple)
        for value in one.value
    ]
    loose = [value for value in values if "*" in value or "localhost" in value]
    if loose:
        return f"{named[0].name} lets {loose[0]} in ({named[0].where})", named
    return ("", [*anybody, *named]) if anybody or named else None


MODULE = "shop/settings.py"
BASE = "INSTALLED_APPS = ['shop']\nROOT_URLCONF = 'shop.urls'\n"
HOW = (
    "Django's settings by syntax (the plain module, then production's; what stands under `if DEBUG` is left "
    "out), Rails' "
    "production.rb and application.rb, Spring's application files with the production profile. What the environment "
    "decides is unknown; a running service is asked by other checks, which weigh more. "
)


def _check(check: str, title: str, run: Run, severity: Severity, said: tuple[str, str, str], *lines: str) -> Check:
    what, why, mend = said
    page = Documentation(what, why, HOW, mend, "Never; without such settings the line is unknown.")
    return of_tree(check, title, run, severity, page, *({MODULE: BASE + line} for line in lines))


CHECKS = (
    _check(
        "srv.debug.declared",
        "Debugging is off in the settings of production",
        _judged(
            {"Django": _django_debug, "Rails": _rails_debug, "Spring": _spring_debug}, "debugging", "DEBUG = False"
        ),
        Severity.CRITICAL,
        (
            "Debugging is turned off where production reads it.",
            "A debugging page shows code, settings and secrets.",
            "DEBUG = False; config.consider_all_requests_local = false; server.error.include-stacktrace=never.",
        ),
        "DEBUG = True\n",
        "DEBUG = False\n",
    ),
    _check(
        "sec.hosts.declared",
        "The settings of production name the hosts",
        _judged({"Django": _django_hosts}, "host names", 'ALLOWED_HOSTS = ["shop.example"]'),
        Severity.MEDIUM,
        (
            "ALLOWED_HOSTS names public hosts and no *.",
            "A forged host name ends up in links of mails and in caches.",
            "Name the hosts.",
        ),
        "ALLOWED_HOSTS = ['*']\n",
        "ALLOWED_HOSTS = ['shop.example']\n",
    ),
    _check(
        "sec.cookies.declared",
        "The settings of production send cookies over HTTPS only",
        _judged(
            {"Django": _all_true("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"), "Rails": _rails_cookies},
            "cookies",
            "SESSION_COOKIE_SECURE = True; CSRF_COOKIE_SECURE = True",
        ),
        Severity.HIGH,
        (
            "Session and CSRF cookies are secure by setting.",
            "A cookie that goes over plain HTTP is anybody's on the way.",
            "SESSION_COOKIE_SECURE, CSRF_COOKIE_SECURE; config.force_ssl.",
        ),
        "SESSION_COOKIE_SECURE = True\n",
        "SESSION_COOKIE_SECURE = True\nCSRF_COOKIE_SECURE = True\n",
    ),
    _check(
        "tls.https.declared",
        "The settings of production redirect to HTTPS",
        _judged(
            {"Django": _all_true("SECURE_SSL_REDIRECT"), "Rails": _force_ssl}, "HTTPS", "SECURE_SSL_REDIRECT = True"
        ),
        Severity.HIGH,
        (
            "The framework redirects plain requests.",
            "The first request of a visitor is a plain one.",
            "SECURE_SSL_REDIRECT; config.force_ssl; or let the proxy do it, and offer its configuration.",
        ),
        "SECURE_SSL_REDIRECT = False\n",
        "SECURE_SSL_REDIRECT = True\n",
    ),
    _check(
        "sec.cors.declared",
        "The settings of production name the origins that may read answers",
        _judged(
            {"Django": _django_origins}, "other origins", "CORS_ALLOWED_ORIGINS with the origins of your own pages"
        ),
        Severity.HIGH,
        (
            "django-cors-headers lets named origins in, none of them local or a wildcard.",
            "Any page may read what a visitor's browser may.",
            "Name the origins.",
        ),
        "CORS_ALLOW_ALL_ORIGINS = True\n",
        "CORS_ALLOWED_ORIGINS = ['https://shop.example']\n",
    ),
)

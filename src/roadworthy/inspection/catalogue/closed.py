"""Paths that a line says are closed: a stranger who asks for them is refused."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes.http import Answer

REFUSING = frozenset({401, 403, 407})
REDIRECTS = range(300, 400)
SIGN_IN = re.compile(r"log-?in|sign-?in|sso|oauth|authori[sz]e|accounts?|auth\b|session", re.IGNORECASE)
FORM = re.compile(r"<input[^>]{0,300}type=[\"']?password", re.IGNORECASE)
WRITES = re.compile(r"\b(?:POST|PUT|PATCH|DELETE)\b|\b(?:creat|writ|updat|delet|upload|chang|edit)\w*", re.IGNORECASE)


async def _closed(probes: Probes, requirement: Requirement) -> Verdict:
    http, path = offered(probes.http, "http"), requirement.text("path")
    if not path.startswith("/") or "{" in path or "*" in path:
        raise Unobservable("the line names no path that can be asked", "name one: `/api/orders`")
    if WRITES.search(requirement.text("subject").replace(path, " ")):
        raise Unobservable("a stranger's write is not tried", "describe it as a flow that expects 401")
    answer = await http.get(path, headers={"accept": "application/json"}, named=True, follow=False)
    beside = await http.get(surface.NOWHERE, headers={"accept": "application/json"}, follow=False)
    evidence = observe(
        f"GET {path} without credentials", f"{_told(answer)}; a made-up address: {_told(beside)}", http.vantage
    )
    if answer.status in REFUSING or _leads_to_sign_in(answer):
        return passed(f"{path} refuses a stranger without authentication: {_told(answer)}", evidence)
    if answer.status != surface.OK:
        return unknown(f"{path} answers a stranger {_told(answer)}: neither open nor refused", evidence)
    if FORM.search(answer.text):
        return unknown(f"{path} shows a stranger a form for a password: what is behind it was not seen", evidence)
    if answer.body == beside.body:
        return unknown(f"{path} answers like a made-up address: nothing of its own is seen", evidence)
    return failed(
        f"{path} answers a stranger {_told(answer)}", evidence, mend="ask for credentials before anything is answered"
    )


def _told(answer: Answer) -> str:
    onward = urlsplit(answer.headers.get("location", "")).path
    return f"{answer.status}, on to {onward}" if answer.status in REDIRECTS and onward else str(answer.status)


def _leads_to_sign_in(answer: Answer) -> bool:
    """Whether it sends people to sign in; to the same address with a slash, or over TLS, is no refusal."""
    onward = urlsplit(answer.headers.get("location", ""))
    asked = urlsplit(answer.url)
    if answer.status not in REDIRECTS or onward.path.rstrip("/") == asked.path.rstrip("/"):
        return False
    names = {name for name, _ in parse_qsl(onward.query)}
    return bool(SIGN_IN.search(onward.path.replace(asked.path, "/")) or names & {"next", "return_to", "redirect_uri"})


_OPEN = pages({"/api/orders": reply([{"id": 1, "total": 12}])})
_SHUT = pages({"/api/orders": reply({"detail": "Authentication credentials were not provided."}, 401)})
CHECKS = (
    check(
        "auth.closed",
        "stranger",
        "What is said to be closed refuses a stranger",
        _closed,
        Documentation(
            what="The path that the line names answers a request without credentials by 401 or 403, or sends it on to "
            "sign in.",
            why="A route that forgot its guard is found by whoever tries addresses.",
            how_verified="Asks for the path once, with no credentials and following no redirect, and for a made-up "
            "address beside it. Writes are not tried. Who is let in after signing in, and from which networks, "
            "does not show: such words keep the line unknown.",
            how_to_mend="Put the guard before the handler, best as the default of all routes.",
            not_applicable_when="Never.",
        ),
        severity=Severity.CRITICAL,
        params={"path": "/api/orders", "subject": "`/api/orders` requires authentication"},
        must_fail=Stage(site=_OPEN),
        mended=Stage(site=_SHUT),
        covers=(
            *("unauthenticated", "anonymous", "authenticated", "authentication", "authorised", "authorized"),
            *("access", "restricted to", "restricted", "users", "list", "read"),
        ),
    ),
)

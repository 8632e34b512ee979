"""Tokens that were tampered with, provoked with one that a flow of the target signs in for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.flows import undescribed
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.flows import FlowsProbe, Trodden, Walk
from roadworthy.inspection.probes.sessions import visit
from roadworthy.inspection.scenario import Flow, Step

JWT = re.compile(r"^[\w-]{4,}\.[\w-]{4,}\.[\w-]*$")
REFUSALS = frozenset({401, 403})
LONGEST_SECONDS = 30 * 86_400
ROUNDING_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Signed:
    """A token that a flow was given, its claims, and a step that it opened a door with."""

    walk: Walk
    token: str
    claims: Mapping[str, Any]
    door: Trodden


async def signed(flows: FlowsProbe | None) -> Signed | None:
    """The first token that any flow saves and then reads something with; None where no flow does."""
    for flow in flows.flows if flows else ():
        if not any(step.save for step in flow.steps):
            continue
        walk = await flows.walk(flow) if flows else None
        for token in walk.saved.values() if walk else ():
            claims = decoded(token)
            door = next((one for one in (walk.trodden if walk else ()) if _opened(one, token)), None)
            if walk and claims is not None and door is not None:
                return Signed(walk, token, claims, door)
    return None


def decoded(token: str) -> Mapping[str, Any] | None:
    """The claims of a JWT; None for what is none."""
    if not JWT.match(token):
        return None
    try:
        head, claims = (json.loads(_unpacked(part)) for part in token.split(".")[:2])
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) and isinstance(head, dict) and "alg" in head else None


def forged(token: str) -> Iterator[tuple[str, str]]:
    """What was done to a token, and the token."""
    head, claims, signature = token.split(".")
    header, told = json.loads(_unpacked(head)), json.loads(_unpacked(claims))
    for name in ("none", "NONE"):
        yield f"alg {name}", f"{_packed({**header, 'alg': name})}.{claims}."
    raised = {**told, "role": "admin", "is_admin": True, "exp": int(time.time()) + 86_400}
    yield "claims changed under the old signature", f"{head}.{_packed(raised)}.{signature}"
    changed = ("A" if signature[:1] != "A" else "B") + signature[1:]
    yield "signature changed", f"{head}.{claims}.{changed}"
    body = f"{_packed({**header, 'alg': 'HS256'})}.{_packed(raised)}"
    for key in ("", "secret"):
        made = hmac.new(key.encode(), body.encode(), hashlib.sha256).digest()
        yield f"signed with {key or 'an empty key'!r}", f"{body}.{_raw(made)}"


async def _refused(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    mine = await signed(probes.flows)
    if mine is None:
        return await undescribed(
            probes, "Login, then a page of one's own", ["a JWT that opens a door (save, then bearer)"]
        )
    name = next((name for name, value in mine.door.sent_headers.items() if mine.token in value), "authorization")
    sent = mine.door.sent_headers[name]
    async with visit(http) as stranger:
        tried = {"no token": await stranger.send("GET", mine.door.sent_path)}
        for what, token in forged(mine.token):
            headers = {**mine.door.sent_headers, name: sent.replace(mine.token, token)}
            tried[what] = await stranger.send("GET", mine.door.sent_path, headers=headers)
    path = mine.door.step.path
    told = "; ".join(f"{what}: {answer.status}" for what, answer in tried.items())
    asked = f"GET {path} with the token of {mine.walk.flow.name!r}: {mine.door.status}; with forged ones"
    evidence = [observe(asked, told, http.vantage)]
    open_to = [what for what, answer in tried.items() if answer.status < 400]  # noqa: PLR2004 - it was let in
    if open_to:
        return failed(
            f"{path} takes a token with {listed(open_to)}",
            *evidence,
            mend="verify the signature with the one algorithm that you sign with, and refuse alg none",
        )
    odd = [f"{what}: {answer.status}" for what, answer in tried.items() if answer.status not in REFUSALS]
    if odd:
        return unknown(f"{path} answers {odd[0]}: neither let in nor refused", *evidence)
    problem, words = _lifetime(mine.claims, requirement)
    evidence.append(observe("claims of the token", words, http.vantage))
    if problem:
        return failed(problem, *evidence, mend="give tokens an expiry, and the one that the line says")
    if _refreshing(requirement) and not _refreshed(mine.walk):
        told = (
            f"{path} refuses {len(tried)} forged tokens; the line speaks of refreshing, which no step of the flow does"
        )
        return unknown(told, *evidence, mend='{post = "/api/auth/refresh", json = {refresh_token = "{refresh}"}}')
    return passed(f"{path} refuses {len(tried)} forged tokens; {words}", *evidence)


def _refreshing(requirement: Requirement) -> bool:
    return "refresh" in (requirement.text("subject") + requirement.text("name")).lower()


def _refreshed(walk: Walk) -> bool:
    """Whether the flow gets a new token for an old one."""
    return any(
        "refresh" in f"{one.step.path} {one.step.json} {one.step.form}" and not one.problem for one in walk.trodden
    )


def _lifetime(claims: Mapping[str, Any], requirement: Requirement) -> tuple[str, str]:
    """What is wrong with how long the token lives, and how long that is."""
    end, start = claims.get("exp"), claims.get("iat") or claims.get("nbf")
    if not isinstance(end, int | float):
        return "the token never expires: it has no exp", "no exp"
    seconds = float(end) - float(start if isinstance(start, int | float) else time.time())
    words = f"it lives {round(seconds / ROUNDING_SECONDS) * ROUNDING_SECONDS} seconds"
    wanted = requirement.number("ttl_seconds")
    if wanted is not None and not _refreshing(requirement) and abs(seconds - wanted) > ROUNDING_SECONDS:
        return f"{words}, the line says {wanted:g}", words
    return (f"{words}: over 30 days" if seconds > LONGEST_SECONDS else ""), words


def _opened(one: Trodden, token: str) -> bool:
    good = one.step.method == "GET" and 200 <= one.status < 300 and not one.problem  # noqa: PLR2004 - let in
    return good and any(token in value for value in one.sent_headers.values())


def _packed(value: Mapping[str, Any]) -> str:
    return _raw(json.dumps(value, separators=(",", ":")).encode())


def _raw(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


_KEY = b"the-fixture-signs-with-this-long-key"


def _issued(seconds: int | None = 1800) -> str:
    now = int(time.time())
    claims = {"sub": "7", "iat": now} | ({"exp": now + seconds} if seconds else {})
    body = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    return f"{body}.{_raw(hmac.new(_KEY, body.encode(), hashlib.sha256).digest())}"


def gate(*, verifies: bool = True, seconds: int | None = 1800) -> Site:
    """A service that issues tokens and reads them; a careless one takes any that can be decoded."""

    def good(token: str) -> bool:
        if decoded(token) is None:
            return False
        body, _, signature = token.rpartition(".")
        return not verifies or signature == _raw(hmac.new(_KEY, body.encode(), hashlib.sha256).digest())

    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            if asked.path == "/api/login":
                return reply({"access_token": _issued(seconds)})
            if asked.path == "/api/me":
                token = asked.headers.get("authorization", "").removeprefix("Bearer ")
                return reply({"name": "Kim"}) if good(token) else reply({"title": "no"}, 401)
            return reply({"title": "not found"}, 404)

        return answer

    return made


SIGNING_IN = Flow(
    "Login",
    [
        Step(post="/api/login", json={"email": "probe@example.test"}, save={"token": "$.access_token"}),
        Step(get="/api/me", bearer="{token}", contains="Kim"),
    ],
)
FORGED = Check(
    id="auth.jwt.forged",
    requirements=("auth.jwt",),
    title="Forged tokens are refused, and real ones expire",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_refused,
    timeout_seconds=70.0,
    documentation=Documentation(
        what="A page that a token opens stays shut without it, with alg none, with changed claims, with a changed "
        "signature and with a guessed key; the token has an expiry, within 30 days or as the line says.",
        why="Who can write a token is every user at once; one that never expires is a password that can't be changed.",
        how_verified="Takes a token that a flow of target.toml saves and reads something with, and asks for the "
        "same page "
        "with it forged. exp minus iat is the lifetime. Waiting for it to expire is left out.",
        how_to_mend="Verify with the one algorithm that you sign with; a key of 32 random bytes; exp of minutes.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "auth.jwt",
        {"ttl_seconds": 1800},
        must_fail=Stage(site=gate(verifies=False), flows=[SIGNING_IN]),
        mended=Stage(site=gate(), flows=[SIGNING_IN]),
    ),
)

CHECKS = (FORGED,)

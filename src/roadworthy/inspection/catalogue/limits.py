"""Rate limits, found by exceeding them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed, setting_of, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import Answer, Burst, HttpProbe
from roadworthy.inspection.scopes import own_limit

REFUSED = 429
USUAL_LIMIT = 120
MARGIN_REQUESTS = 5
MINUTE = 60
MOST_REQUESTS = 400
EXEMPT_REQUESTS = 100
WINDOWS = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86_400}
LIMIT_HEADERS = ("ratelimit-limit", "x-ratelimit-limit")
_LEFT_HEADERS = ("ratelimit-remaining", "x-ratelimit-remaining")
SHOWN_HEADERS = ("retry-after", "ratelimit-policy", "ratelimit", *LIMIT_HEADERS, *_LEFT_HEADERS)
_WINDOW_OF_NAME = re.compile(r"PER_(SECOND|MINUTE|HOUR|DAY)")
_OFF = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Exceeded:
    """What came of too many requests: the ordinal of the first 429, and whether a forged address postponed it.

    `allowed` is the highest limit of a minute that the line, a header or the configuration states; None if none does.
    """

    path: str
    burst: Burst
    ordinal: int | None
    forged_escapes: bool
    allowed: float | None = None

    @property
    def evidence(self) -> Evidence:
        """The provocation in words."""
        first = (
            f"the first 429 was request {self.ordinal}"
            if self.ordinal
            else f"no 429 in {counted(len(self.burst.answers), 'request')}"
        )
        forged = "; a new X-Forwarded-For on each request escaped it" if self.forged_escapes else ""
        last = self.burst.answers[-1].brief(*_present(self.burst.answers[-1])) if self.burst.answers else ""
        asked = f"GET {self.path} again and again, each with another X-Forwarded-For"
        return observe(asked, f"{first}{forged}; {last}", self.burst.vantage, basis=f"{first}{forged}")


def _present(answer: Answer) -> Sequence[str]:
    return [name for name in SHOWN_HEADERS if name in answer.headers]


def _reachable(requirement: Requirement) -> None:
    """Whether a readable route can stand for what the line means.

    Raises:
        Unobservable: it means a limit of its own, of sign-in, uploads or the like, and names no route.
    """
    if requirement.text("path").startswith("/") or requirement.params.get("exempt"):
        return
    scope = requirement.text("scope")
    meant = own_limit(requirement.text("name")) or ("" if scope == "ip" else scope)
    if meant:
        raise Unobservable(
            f"the line means the limit of '{meant}': another route's limit says nothing about it",
            "name the route in the line, one that can be read: `/api/login`",
        )


async def exceed(probes: Probes, requirement: Requirement) -> Exceeded:
    """Send more requests than the limit allows, with a forged client address each; without, if that escaped."""
    http = offered(probes.http, "http")
    _reachable(requirement)
    path = await surface.limited_path(http, requirement)
    allowed = await _allowed(probes, http, path, requirement)
    # never fewer than for the usual limit: then one provocation answers every line about this route
    count = min(MOST_REQUESTS, int(max(allowed or 0, USUAL_LIMIT)) + MARGIN_REQUESTS)
    forged = await _requests(http, path, count, forged=True)
    if forged.first(REFUSED) is not None:
        return Exceeded(path, forged, forged.first(REFUSED), forged_escapes=False, allowed=allowed)
    plain = await _requests(http, path, count, forged=False)
    first = plain.first(REFUSED)
    return Exceeded(path, plain, first, forged_escapes=first is not None, allowed=allowed)


async def _requests(http: HttpProbe, path: str, count: int, *, forged: bool) -> Burst:
    return await http.burst(
        path,
        count,
        name=f"limit of {path}, {'forged' if forged else 'plain'}",
        headers=(lambda number: {"x-forwarded-for": f"203.0.113.{number % 250 + 1}"}) if forged else (lambda _: {}),
        stop=lambda answer: answer.status == REFUSED,
    )


async def _allowed(probes: Probes, http: HttpProbe, path: str, requirement: Requirement) -> float | None:
    """The highest limit that the line, the headers or the configuration state for a minute."""
    answer = await http.get(path)
    each_second = requirement.number("per_second")
    stated = [
        requirement.number("per_minute"),
        each_second * MINUTE if each_second else None,
        _policies(answer).get(MINUTE),
        _configured(probes, "per_minute"),
    ]
    return max((number for number in stated if number), default=None)


def _configured(probes: Probes, window: str) -> float | None:
    name = f"RATE_LIMIT_{window.upper()}"
    setting = setting_of(probes, name)
    return float(setting.value) if setting and setting.value.isdigit() else None


def _policies(answer: Answer) -> Mapping[int, float]:
    """Limits by window in seconds, as headers state them: `60;w=60, 1000;w=3600`, `"api";q=60;w=60`."""
    found: dict[int, float] = {}
    for part in answer.headers.get("ratelimit-policy", "").split(","):
        quota, window = re.search(r"(?:^|q=|\s)(\d{1,15})(?=;|$)", part.strip()), re.search(r"w=(\d{1,15})", part)
        if quota and window:
            found[int(window[1])] = float(quota[1])
    for name in LIMIT_HEADERS:
        value = answer.headers.get(name, "")
        if value.isdigit():
            found.setdefault(60, float(value))
        for quota_text, window_text in re.findall(r"(?<!\d)(\d{1,15});[ \t]{0,3}w=(\d{1,15})", value):
            found.setdefault(int(window_text), float(quota_text))
    return found


async def _limited(probes: Probes, requirement: Requirement) -> Verdict:
    exceeded = await exceed(probes, requirement)
    evidence = [exceeded.evidence]
    name = requirement.text("name")
    setting = setting_of(probes, name) if name else None
    if setting is not None:
        evidence.append(observe(name, f"{name} is {setting.value} ({setting.source})", "effective configuration"))
    problem = _open(exceeded)
    if problem:
        return failed(
            problem,
            *evidence,
            mend="limit requests by client address; believe X-Forwarded-For from your proxies only",
            patch="RATE_LIMIT_ENABLED=true",
        )
    if not exceeded.ordinal:
        return _unrefused(exceeded, evidence)
    if setting is not None and setting.value.lower() in _OFF:
        return unknown(f"{name} is {setting.value}, yet requests are refused: something else limits them", *evidence)
    return passed(f"request {exceeded.ordinal} to {exceeded.path} is refused with 429", *evidence)


def _open(exceeded: Exceeded) -> str:
    if exceeded.forged_escapes:
        return "the limit is escaped by forging X-Forwarded-For"
    through, seconds = len(exceeded.burst.answers), exceeded.burst.seconds
    if exceeded.ordinal is None and exceeded.allowed and through > exceeded.allowed and seconds < MINUTE:
        return (
            f"{through} requests in {seconds:.0f} s to {exceeded.path}, none refused; {exceeded.allowed:g} are stated"
        )
    return ""


def _unrefused(exceeded: Exceeded, evidence: Sequence[Evidence]) -> Verdict:
    """Nothing was refused, and no limit is known that should have been."""
    pace = len(exceeded.burst.answers) / max(exceeded.burst.seconds, 1.0) * MINUTE
    count = min(int(pace), len(exceeded.burst.answers)) if exceeded.burst.complete else int(pace)
    return unknown(
        f"up to {count} requests a minute to {exceeded.path} were not refused; a higher limit may exist",
        *evidence,
        mend="say the limit in the line (60 a minute), in RateLimit-Policy or in RATE_LIMIT_PER_MINUTE",
    )


async def _exempt(probes: Probes, requirement: Requirement) -> Verdict:
    """A route that must never be limited, where others are."""
    http = offered(probes.http, "http")
    limited = await exceed(probes, Requirement(requirement.id))
    path = requirement.text("path") or next(iter(requirement.names("paths")), "/health")
    burst = await http.burst(path, EXEMPT_REQUESTS, name=f"exempt {path}", stop=lambda answer: answer.status == REFUSED)
    ordinal = burst.first(REFUSED)
    words = f"request {ordinal} was refused" if ordinal else f"none of {len(burst.answers)} refused"
    evidence = [observe(f"GET {path}, {EXEMPT_REQUESTS} times", words, burst.vantage), limited.evidence]
    if ordinal:
        return failed(f"{path} is limited too: {words}", *evidence, mend=f"leave {path} out of the rate limit")
    if not limited.ordinal:
        return unknown("nothing is limited, so no route is excluded from it", *evidence)
    if limited.ordinal > len(burst.answers):
        return unknown(f"{len(burst.answers)} requests to {path} are fewer than the limit of others allows", *evidence)
    if burst.answers[-1].status >= surface.BAD:
        return unknown(f"{path} answers {burst.answers[-1].status}", *evidence)
    return passed(f"{path} is never refused, while {limited.path} is", *evidence)


async def _on(probes: Probes, requirement: Requirement) -> Verdict:
    return await (_exempt if requirement.params.get("exempt") else _limited)(probes, requirement)


async def _values(probes: Probes, requirement: Requirement) -> Verdict:
    stated = _stated(requirement)
    exceeded = await exceed(probes, requirement)
    evidence = [exceeded.evidence]
    policies = _policies(exceeded.burst.answers[0]) if exceeded.burst.answers else {}
    evidence.append(observe("stated limits", _policy_words(probes, policies), "headers and effective configuration"))
    problems, unseen = [], []
    if exceeded.forged_escapes:
        problems.append("forging X-Forwarded-For escapes the limit")
    through = len(exceeded.burst.answers)
    for window, number in stated.items():
        if window == "per_minute" and exceeded.ordinal is None and through > number and exceeded.burst.seconds < MINUTE:
            problems.append(
                f"{through} requests went through in {exceeded.burst.seconds:.0f} s, the line allows {number:g}"
            )
            continue
        found = _found(window, exceeded, policies, probes)
        if found is None:
            unseen.append(f"the limit {window.replace('_', ' ')}")
        elif not _agrees(found, number, measured=window == "per_minute"):
            problems.append(f"{found:g} {window.replace('_', ' ')} are let through, the line allows {number:g}")
    if problems:
        return failed("; ".join(problems), *evidence, mend="set the limits of the line", patch=_patch(stated))
    if unseen or not stated:
        return unknown(
            f"{' and '.join(unseen) or 'no number in the line'}: not seen",
            *evidence,
            mend="send RateLimit-Policy, or offer the configuration",
        )
    shown = ", ".join(f"{number:g} {window.replace('_', ' ')}" for window, number in stated.items())
    return passed(f"the limit is {shown}, as the line says", *evidence)


def _stated(requirement: Requirement) -> Mapping[str, float]:
    stated = {window: number for window in WINDOWS if (number := requirement.number(window)) is not None}
    named = _WINDOW_OF_NAME.search(requirement.text("name"))
    if named and requirement.text("value").isdigit():
        stated.setdefault(f"per_{named[1].lower()}", float(requirement.text("value")))
    return stated


def _found(window: str, exceeded: Exceeded, policies: Mapping[int, float], probes: Probes) -> float | None:
    """The limit of a window: a minute by what was let through, the others by what is stated."""
    if window == "per_minute":
        return exceeded.ordinal - 1 if exceeded.ordinal else None
    return policies.get(WINDOWS[window]) or _configured(probes, window)


def _agrees(found: float, stated: float, *, measured: bool) -> bool:
    """A bucket that refills lets a few more through while one counts; never fewer."""
    return stated <= found <= stated + max(1, stated // 20) if measured else found == stated


def _policy_words(probes: Probes, policies: Mapping[int, float]) -> str:
    words = [f"{limit:g} in {window} s (header)" for window, limit in sorted(policies.items())]
    for window in WINDOWS:
        number = _configured(probes, window)
        words += [f"RATE_LIMIT_{window.upper()} is {number:g}"] if number is not None else []
    return ", ".join(words) or "none is stated"


def _patch(stated: Mapping[str, float]) -> str:
    return "\n".join(f"RATE_LIMIT_{window.upper()}={number:g}" for window, number in stated.items())


async def _told(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    path = await surface.limited_path(http, requirement)
    answer = await http.get(path)
    present = [name for name in answer.headers if re.fullmatch(r"(?:x-)?ratelimit(?:-[\w-]+)?", name)]
    evidence = observe(f"GET {path}", answer.brief(*present), http.vantage, basis=", ".join(sorted(present)))
    if not present:
        return failed(
            f"{path} sends no RateLimit header ({counted(len(answer.headers), 'header')} looked at)",
            evidence,
            mend="send RateLimit-Policy and RateLimit (or X-RateLimit-Limit and -Remaining)",
        )
    return passed(f"{path} sends {', '.join(sorted(present))}", evidence)


class _Limiter:
    """A service that lets `limit` requests an address through; `gullible` ones believe X-Forwarded-For."""

    def __init__(self, limit: int, *, gullible: bool = False) -> None:
        self._limit, self._gullible = limit, gullible

    def __call__(self) -> Handler:
        seen: dict[str, int] = {}

        def answer(asked: Asked) -> Reply:
            forged = asked.headers.get("x-forwarded-for") if self._gullible else None
            client = forged or asked.client
            seen[client] = seen.get(client, 0) + 1
            if seen[client] > self._limit:
                return reply({"title": "Too many requests"}, REFUSED, retry_after="60")
            return reply({"items": []}, ratelimit_policy=f"{self._limit};w=60, 1000;w=3600")

        return answer


LIMITED = Check(
    id="rl.on.exceeded",
    requirements=("rl.on",),
    covers=("escaped", "evaded", "bypassed"),
    title="Too many requests are refused",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_on,
    provokes=True,
    timeout_seconds=100.0,
    documentation=Documentation(
        what="Requests beyond the limit get 429, whatever X-Forwarded-For says. For a line that excludes a route: "
        "that route never does, "
        "while others do.",
        why="One script without a limit takes the service from everybody; one that believes a forged header has no "
        "limit.",
        how_verified=f"Sends more requests than the limit allows (at most {MOST_REQUESTS}), each with another "
        "X-Forwarded-For; again without "
        "if none was refused. On loopback they come from an address of their own, so that nobody else is locked out.",
        how_to_mend="Limit by the address that your own proxy reports; keep the counters where all processes see them.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "rl.on",
        {"path": "/api/items", "per_minute": 20},
        must_fail=Stage(site=_Limiter(20, gullible=True)),
        mended=Stage(site=_Limiter(20)),
    ),
)

VALUES = Check(
    id="rl.values.exceeded",
    requirements=("rl.values",),
    title="The limit is the number in the line",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_values,
    provokes=True,
    timeout_seconds=100.0,
    documentation=Documentation(
        what="The first refused request is the one after the line's number; limits for longer windows are stated as "
        "in the line.",
        why="A limit counted in each process lets through as many times more as there are processes.",
        how_verified="Exceeds the limit of a minute and reads the ordinal of the first 429; an hour's or a day's "
        "limit is read from "
        "RateLimit-Policy or the configuration, never exhausted.",
        how_to_mend="Set RATE_LIMIT_PER_MINUTE and RATE_LIMIT_PER_HOUR; share the counters.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "rl.values",
        {"path": "/api/items", "per_minute": 20, "per_hour": 1000},
        must_fail=Stage(site=_Limiter(40)),
        mended=Stage(site=_Limiter(20)),
    ),
)

TOLD = Check(
    id="rl.headers.sent",
    requirements=("rl.headers",),
    title="Answers tell how much of the limit is left",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_told,
    documentation=Documentation(
        what="An ordinary answer carries RateLimit headers.",
        why="A client that knows what is left slows down by itself.",
        how_verified="Asks a limited route once and reads the headers.",
        how_to_mend="Send RateLimit-Policy and RateLimit.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "rl.headers",
        {"path": "/api/items"},
        must_fail=Stage(site=lambda: lambda _: reply({"items": []})),
        mended=Stage(site=_Limiter(20)),
    ),
)

CHECKS = (LIMITED, VALUES, TOLD)

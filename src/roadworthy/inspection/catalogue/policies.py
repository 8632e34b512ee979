"""What the values of security headers are worth to a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

HALF_A_YEAR_SECONDS = 15_768_000
FRAME_OPTIONS = frozenset({"deny", "sameorigin"})
REFERRER_POLICIES = {
    **dict.fromkeys(("no-referrer", "origin", "origin-when-cross-origin", "same-origin", "strict-origin"), True),
    "strict-origin-when-cross-origin": True,
    "unsafe-url": False,
    "no-referrer-when-downgrade": False,
}
"""Known ones, and whether they keep the address from other sites."""
ANYWHERE = frozenset({"*", "http:", "https:", "http://*", "https://*"})
SCRIPT_ANYWHERE = ANYWHERE | {"data:", "blob:"}
_NONCE_OR_HASH = re.compile(r"^'(?:nonce|sha256|sha384|sha512)-")


def worth(name: str, headers: Mapping[str, str]) -> str:
    """What is wrong with the header `name` among `headers`; empty where it does what it is there for."""
    if name == "x-frame-options" and (ancestors := _sources(headers, "frame-ancestors")):
        return _framed(ancestors)
    value = headers.get(name, "").strip()
    if not value:
        return f"lacks {name}"
    judge = _JUDGES.get(name)
    return judge(value) if judge else ""


def _sources(headers: Mapping[str, str], directive: str) -> Sequence[Sequence[str]]:
    """Sources of a directive, for each policy that has it; a browser enforces all of them."""
    policies = _policies(headers.get("content-security-policy", ""))
    return [policy[directive] for policy in policies if directive in policy]


def _policies(value: str) -> Sequence[Mapping[str, Sequence[str]]]:
    """Policies of the header, each as directive -> sources in lower case; of a directive given twice the first."""
    found = []
    for policy in value.lower().split(","):
        words = [part.split() for part in policy.split(";")]
        found.append({one[0]: tuple(one[1:]) for one in reversed(words) if one})
    return [one for one in found if one]


def _framed(ancestors: Sequence[Sequence[str]]) -> str:
    closed = any(not ANYWHERE & set(sources) for sources in ancestors)
    return "" if closed else "frame-ancestors lets any site frame it"


def _content(value: str) -> str:
    problems = [_scripts(policy) for policy in _policies(value)] or ["content-security-policy says nothing"]
    return "" if "" in problems else problems[0]


def _scripts(policy: Mapping[str, Sequence[str]]) -> str:
    """How any script could run under this policy."""
    governing = [
        policy.get(name, policy.get("script-src", policy.get("default-src")))
        for name in ("script-src", "script-src-elem", "script-src-attr")
    ]
    if any(sources is None for sources in governing):
        return "its content-security-policy has neither default-src nor script-src"
    loose = [sources for sources in governing if sources and _lets_any_run(sources)]
    return "its content-security-policy lets any script run" if loose else ""


def _lets_any_run(sources: Sequence[str]) -> bool:
    """A nonce or hash makes browsers pass over 'unsafe-inline', strict-dynamic makes them pass over hosts."""
    strict = "'strict-dynamic'" in sources
    vouched = strict or any(_NONCE_OR_HASH.match(source) for source in sources)
    return ("'unsafe-inline'" in sources and not vouched) or (bool(SCRIPT_ANYWHERE & set(sources)) and not strict)


def _every(value: str) -> Sequence[str]:
    return [part.strip().lower() for part in value.split(",")]


def _sniffing(value: str) -> str:
    return "" if set(_every(value)) == {"nosniff"} else f"x-content-type-options is {value[:40]}, not nosniff"


def _frame_options(value: str) -> str:
    said = set(_every(value))
    known = len(said) == 1 and said <= FRAME_OPTIONS
    return "" if known else f"x-frame-options is {value[:40]}, neither DENY nor SAMEORIGIN"


def _referrer(value: str) -> str:
    """The last known policy of the list is in effect."""
    known = [part for part in _every(value) if part in REFERRER_POLICIES]
    if known and REFERRER_POLICIES[known[-1]]:
        return ""
    return f"referrer-policy is {value[:40]}: {'it gives addresses away' if known else 'no policy known'}"


def _transport(value: str) -> str:
    age = re.search(r"(?:^|;)\s*max-age\s*=\s*\"?(\d{1,12})", value, re.IGNORECASE)
    long = age is not None and int(age[1]) >= HALF_A_YEAR_SECONDS
    return "" if long else "strict-transport-security keeps less than half a year"


_JUDGES: Mapping[str, Callable[[str], str]] = {
    "content-security-policy": _content,
    "x-content-type-options": _sniffing,
    "x-frame-options": _frame_options,
    "referrer-policy": _referrer,
    "strict-transport-security": _transport,
}
"""A header without a judge counts by being there."""

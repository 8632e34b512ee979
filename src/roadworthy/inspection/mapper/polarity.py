"""Which way round a line is to be judged: as its requirement is, as bad news, or as the opposite claim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from roadworthy.inspection.mapper import reservations
from roadworthy.inspection.mapper.phrases import phrases
from roadworthy.inspection.mapper.rules import Match
from roadworthy.inspection.mapper.text import Line
from roadworthy.inspection.model import Requirement


class Sense(StrEnum):
    """How the verdict on the requirement and the line belong together.

    ASKED: the line holds when the requirement does. INVERSE: it states trouble ("No rollback plan exists"), and a tick
    is bad news. OPPOSITE: it claims that something is off ("gzip is disabled"), which is false where it is seen on.
    UNTOLD: it speaks of a lack, and no verdict on a presence would settle it.
    """

    ASKED = "asked"
    INVERSE = "inverse"
    OPPOSITE = "opposite"
    UNTOLD = "untold"


LACK_IS_GOOD = frozenset({
    "sec.nosecrets", "sec.gitignore", "sec.secretkey", "sec.logs_clean", "sec.depscan", "sec.sast", "sec.trusted_net",
    "sec.nonroot", "sec.cors", "sec.sqli", "code.debug", "code.quality", "srv.errors", "srv.debug", "srv.prodserver",
    "db.leak", "db.leastpriv", "db.slowq", "db.engine", "img.tag", "fe.smoke", "auth.closed", "host.ssh", "ci.zero",
    "perf.errors", "jobs.retry", "test.unit", "process.step", "mon.errors", "k8s.rbac", "k8s.secctx", "sec.docs_off",
    "db.vacuum", "tls.versions", "db.index_waste",
})  # fmt: skip
"""Requirements of which a line that begins with "No" is the wish itself: "No secrets in code"."""
SHOWN_BY_FAILURE = frozenset({
    "ci.rollback", "dr.plan", "doc.deploy", "doc.api", "doc.arch", "doc.runbook", "doc.schema", "doc.user",
    "cfg.example", "ci.depbot", "rl.on", "srv.compress", "srv.pagination", "log.structured", "srv.debug",
    "sec.docs_off", "k8s.pdb", "k8s.hpa", "sec.csrf",
})  # fmt: skip
"""Requirements that fail only where the thing is not there at all. Others also fail when it is stale, wrong or too
small, and "No backups exist" is not true because the last one is three days old."""
_DENIED = re.compile(
    r"\b(?:not?|never|without|neither|nothing|none|cannot|avoid)\b|n['\u2019]t\b|\bnon[- ]", re.IGNORECASE
)
_BROKEN = re.compile(
    r"\b(?:is|are|was|were|keeps?)\s+(?:\w+ly\s+|still\s+)?(?:failing|broken|down|stale|outdated|expired"
    r"|unreachable(?! (?:from|by|to)\b)|flaky|insecure|weak|unencrypted|unprotected|untested|unmonitored)\b"
    r"|\b(?:crash(?:ed|es|ing)|down|unavailable|missing|hanging|hung|failing|broken|stuck|corrupt(?:ed)?|exhausted"
    r"|unresponsive|leaking)\W*$",
    re.IGNORECASE,
)
"""What is wrong whatever it is said of."""
_SUPPOSED = re.compile(r"\b(?:when|if|while|once|after|until|unless|that|even|in case|whenever)\b", re.IGNORECASE)
"""Words under which something broken is only supposed."""
_CASES = ("alert.", "bk.alerts", "cache.fallback", "srv.fallback", "srv.breaker", "srv.retry")
"""Requirements that are about the case that something is broken."""
_LEADING_LACK = re.compile(r"^\W*(?:no|missing|lack(?:s|ing)?(?: of)?|without|absence of)\b", re.IGNORECASE)
_NOT_BUT_NULL = re.compile(r"\bnot\b(?!\s+null\b)", re.IGNORECASE)
"""NOT NULL is what a constraint is called."""
_LACKING = frozenset({"no", "not", "without", "missing", "lacks"})
_VERB = re.compile(
    r"\b(?:depends?|requires?|uses?|runs?|contains?|relies|rely|needs?|has|have|is|are|can|may|allows?|accepts?|takes?)\b",
    re.IGNORECASE,
)
_GOOD_LACK = re.compile(
    r"\bno (?:pending|unapplied|outstanding|unused|missing|unresolved|open|known|critical|broken|failed|failing|dead"
    r"|stale)\b|\bbuckets?\b[^.;]{0,20}\bnot (?:be )?public(?:ly)?\b"
    r"|\b(?:no|without)(?: \w+)? (?:downtime|lock(?:s|ing)?|interruptions?|data loss)\b",
    re.IGNORECASE,
)
"""What is better not there, whatever it is."""
_NOT_DONE = re.compile(
    r"\b(?:not|n['\u2019]t)\s+(?:\w+ly |yet |been |all |in )?"
    r"(?:configured|set(?: up)?|implemented|tested|installed|running|working|done|in place|defined|added|connected"
    r"|deployed|monitored|available|present|started|created|place|automated|scheduled|verified)\b"
    r"|\b(?:is|are|was|were) (?:missing|absent|lacking)\b",
    re.IGNORECASE,
)
_DEMAND = re.compile(
    r"\b(?:must|required?s?|should|ensure|need(?:s|ed)?|use an?|enable|recommended|improves|never|always|mandatory)\b",
    re.IGNORECASE,
)
_MUST = re.compile(r"\bmust (?!not\b|never\b)", re.IGNORECASE)
"""A lack named to warn of it asks for the presence: "No rate limiting will allow abuse: MUST enable"."""
_MENDED = re.compile("\N{RIGHTWARDS ARROW}|->|=>")
"""After it stands what is to be done about what stands before it."""
_SWITCHING = reservations.SWITCHES | {"off", "turned", "switched", "currently", "now", "completely", "still"}
_PLACES = re.compile(
    r"\b(?:for|on|in|at|of|to|from|when|while|during|if|unless|until|by|per|inside)\b|/\w", re.IGNORECASE
)
"""Where something is off: a check that looks elsewhere proves nothing about it."""


def sense(line: Line, matches: Sequence[Match], asked: Sequence[Requirement]) -> Sense:
    """Which way round `line` is to be judged, by the words that its requirements leave unread."""
    first = matches[0].requirement
    if _MENDED.search(line.item.text) or _GOOD_LACK.search(line.item.text):
        return Sense.ASKED
    if _states_trouble(line, first):
        return Sense.INVERSE
    if _is_lacking(line, matches[0]):
        return Sense.INVERSE
    word = reservations.negation(line, matches, LACK_IS_GOOD)
    named = word == "not" and not _NOT_BUT_NULL.search(line.item.text)
    if (
        not word
        or named
        or (word not in reservations.OFF and (_MUST.search(line.item.text) or _is_supposed(line, word)))
    ):
        return Sense.ASKED
    whole = (
        len(asked) == 1 and not _says_more(line, matches) and not _PLACES.search(_after_switch(line.item.text, word))
    )
    return Sense.OPPOSITE if word in reservations.OFF and (whole or _has_place(asked)) else Sense.UNTOLD


def is_shown(sense_of_line: Sense, asked: Sequence[Requirement]) -> bool:
    """Whether a failure of what is asked proves what the line states."""
    return sense_of_line is not Sense.ASKED and all(one.id in SHOWN_BY_FAILURE for one in asked)


def _states_trouble(line: Line, requirement: str) -> bool:
    text = line.item.text
    if _BROKEN.search(text) and not _DENIED.search(text) and not _DEMAND.search(text):
        return not _SUPPOSED.search(text) and not requirement.startswith(
            ("alert.", "bk.alerts", "cache.fallback", "srv.")
        )
    states = any(phrase.concerns(requirement) and phrase.pattern.search(text) for phrase in phrases("trouble"))
    return states and not _DENIED.search(text)


def _is_lacking(line: Line, match: Match) -> bool:
    """Whether the line states the lack of what it names: "No rollback plan exists", "Sentry is not configured"."""
    text = line.item.text
    if _DEMAND.search(text) or (match.requirement in LACK_IS_GOOD - reservations.DENIED_BUT_NOT_SWITCHED):
        return False
    if _NOT_DONE.search(text):
        return not _SUPPOSED.search(text)
    if match.requirement in LACK_IS_GOOD:
        return False
    taken = [position for position in match.taken if position and line.own[position].text != "null"]
    before = {line.own[position - 1].text for position in taken}
    if _LEADING_LACK.match(text):
        return not _VERB.search(text)  # "No alert depends on one person" speaks of every alert
    return bool(before & _LACKING)


def _is_supposed(line: Line, word: str) -> bool:
    """Whether the lack is a case that the line provides for: "degrades when Redis is not available"."""
    before, found, _ = line.item.text.lower().partition(word)
    return bool(found and _SUPPOSED.search(before))


def _says_more(line: Line, matches: Sequence[Match]) -> bool:
    """Whether it is something narrower that is off: "TLS 1.0 disabled", "weak ciphers disabled"."""
    taken = frozenset().union(*(match.taken for match in matches))
    return any(line.own[position].text not in _SWITCHING for position in line.telling - taken)


def _after_switch(text: str, word: str) -> str:
    return text[text.lower().find(word) + len(word) :]


def _has_place(asked: Sequence[Requirement]) -> bool:
    """Whether a single requirement carries the path that the line speaks of."""
    return len(asked) == 1 and bool(asked[0].params.get("path"))

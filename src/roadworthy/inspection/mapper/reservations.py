"""What a line says beyond what its requirements look at: a line with such a remainder can't be said to hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.mapper.phrases import phrases
from roadworthy.inspection.mapper.rules import Match
from roadworthy.inspection.mapper.text import Line
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.requirements import kind_of

DENIALS = frozenset(["not", "no", "never", "without", "don", "doesn", "isn", "aren", "cannot", "unnecessary"])
SWITCHES = frozenset(
    [
        "disabled",
        "disable",
        "disables",
        "removed",
        "remove",
        "hidden",
        "hide",
        "forbidden",
        "prohibited",
        "blocked",
        "delete",
        "deletes",
        "deleted",
        "deactivate",
        "deactivated",
    ]
)
OFF = frozenset(["disabled", "off", "removed"])
"""Words that say of a thing that it is not in effect, whoever they are said to."""
TURNING = frozenset({*DENIALS, *SWITCHES, *OFF, "off", "turned", "switched", "missing", "lacks", "lack", "lacking"})
"""Words that turn a line round; where it is read that way, they are understood."""
FOREIGN = frozenset([
    "désactivé", "désactivée", "désactivés", "désactivées", "deaktiviert", "desactivado", "desactivada", "nicht",
    "kein", "keine", "keinen", "ohne", "pas", "sans", "sin", "não", "tidak", "jangan", "bez",
])  # fmt: skip
"""Denials in the languages whose technical words are read all the same."""
WHOLE_LINES = frozenset(["subject"])
"""Parameters that repeat the line's words, figures and all."""
DENIED_BUT_NOT_SWITCHED = frozenset(["db.slowq", "jobs.retry", "mon.errors", "test.unit", "perf.errors"])
"""No slow queries is good; the log of slow queries disabled is not."""
_SWITCHED_OFF = re.compile(r"\b(?:is|are|be|turned?|switch(?:ed)?|set to|=)\s+[`'\"]?off\b|\boff\W*$", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w./:#-])(\d+(?:[.,]\d+)*)(?![\w./:-]*[a-z]*/\w)(?![.:]?\d)")
"""A figure standing by itself: no part of a name, a version in a path, an address or a date."""
_AUDIENCE = re.compile(
    r"(?<![\d,.])\d[\d,.]{0,20}\s?[km]?\+?\s{1,3}(?:(?:concurrent|simultaneous|active)\s+)?users\b", re.IGNORECASE
)
"""Whom it is for ("for 1,000+ users"): a figure only where load is what the line is about."""
_SAID_WELL = re.compile(
    r"\b(?:http|status|code|with|an?|returns?|answers?|retourne|gives?)\s+`?20[0-4]\b", re.IGNORECASE
)
"""An answer that is well, which every check of an answer looks for."""
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_UNITS = (1, 60, 3600, 86_400, 604_800, 1000, 1e6, 1024, 1024**2, 1024**3, 100, 24, 7, 30)
"""What a figure is multiplied or divided by on its way into a parameter: minutes, percent, megabytes."""

_CODE = re.compile(r"`[^`]*`")
_COMPARED = re.compile(
    r"\d\s?%\s+(?:faster|slower|reduc\w+|improv\w+|increas\w+|decreas\w+|less|fewer|better|smaller|quicker)\b"
    r"|\b\d+x (?:faster|more|better)|\b(?:reduced|improved|increased|decreased) by \d",
    re.IGNORECASE,
)
_DELIBERATION = re.compile(
    r"^\W*(?:review|re-?read|look (?:at|through|over)|go (?:through|over)|discuss|decide|consider|think about)\b(?!ed)",
    re.IGNORECASE,
)
"""Somebody is to look or to think: that what is looked at is there doesn't show that it was done."""
_KNOWN = re.compile(
    r"\b(?:is|are|been|be)\s+(?:\w+ly\s+)?(?:understood|known|agreed|considered|discussed|reviewed|intentional"
    r"|explicit|deliberate|clear|realistic|justified|planned|budgeted)\b"
    r"|\bwe (?:know|understand)\b|\bteam (?:knows|understands)\b",
    re.IGNORECASE,
)
_ARRANGED = re.compile(
    r"\b(?:ordered|chosen|hired|booked|discussed|negotiated|selected|contract signed|explained|scheduled with)\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"^\W*(?:recommendations?|future(?: work| enhancements?| improvements?)?|ideas?|nice to have)\s*:"
    r"|\bin (?:the )?future\b|\bat (?:some|a later) (?:point|time)\b|\beventually\b",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"\bsigned\b(?! (?:urls?|images?|cookies?|commits?|tokens?|requests?|releases?|in\b|out\b))", re.IGNORECASE
)
_HOSTED = re.compile(
    r"\bforce[- ]?push|\bdirect (?:push|commit)|\bpush\w* direct|\bcode ?owners\b(?! file)|\bcode owner review"
    r"|\b(?:stale|dismiss\w*)\b.{0,30}\b(?:approvals?|reviews?)\b|\b(?:approvals?|reviews?)\b.{0,30}\bdismiss"
    r"|\blinear history\b|\bbranch deletion\b|\bdelet\w+ (?:protected )?branches\b|\bsigned commits\b"
    r"|\bconversations?\b.{0,20}\bresol|\bapprovals?\b.{0,30}\bmerg",
    re.IGNORECASE,
)
"""Rules about who may push and merge: a pipeline's files show neither that they hold nor that they don't."""
_UNSEEN = (
    (_HOSTED, "it asks for a rule of the place that hosts the repository, which no file shows"),
    (_WISH, "it wishes for something later, and does not say how things stand"),
    (_SIGNED, "it asks that somebody signed, which the system does not show"),
    (_ARRANGED, "it asks that people arranged something, which the system does not show"),
    (_COMPARED, "it compares with a baseline that the line does not give"),
    (_DELIBERATION, "it asks somebody to look or to decide, which leaves nothing to see"),
    (_KNOWN, "it asks that people know it or have thought of it, which the system does not show"),
)
_WRITTEN = re.compile(r"\b(?:documented|written down|described|explained)\b", re.IGNORECASE)
_DONE = re.compile(r"\b(?:tested|configured|enabled|set up|implemented|validated|verified)\b", re.IGNORECASE)
_ACTIONS = re.compile(
    r"\b(?:roll ?back|abort|stop|escalation) (?:triggers?|if|when|criteria|conditions?)\b"
    r"|\bwhen to (?:consider )?(?:a )?(?:roll(?:ing)? ?back|abort|stop|escalate)|\bif any of (?:these|the following)\b"
    r"|\bdo(?:n'?t| not) (?:deploy|launch|ship|release|go)\b|\bred flags?\b|\banti-?patterns?\b"
    r"|(?<!go/)(?<!go / )\bno-?go\b|\bwhen things go wrong\b",
    re.IGNORECASE,
)
"""Headings whose lines name trouble."""
_MORE = r"(?:>|\u2265|\b(?:over|above|exceed\w*|more than|greater than|at least)\b)\s*\$?\d"
_LESS = r"(?:<|\u2264|\b(?:under|below|less than|at most|drops? to)\b)\s*\d"
_BEYOND: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("perf.errors", "perf.latency", "perf.memory"), re.compile(_MORE, re.IGNORECASE)),
    **dict.fromkeys(("perf.uptime", "test.cov", "cache.hit", "perf.rps"), re.compile(_LESS, re.IGNORECASE)),
}
"""Requirements with a figure to keep -> how a line says that it is passed."""
_NOT_EVADED = re.compile(
    r"\b(?:not|cannot|can't|doesn't|don't)\s+(?:be\s+)?(?:bypass|circumvent|evade|escape|get around|spoof)",
    re.IGNORECASE,
)
"""What holds although somebody tries: the wish itself."""


def negation(line: Line, matches: Sequence[Match], natural: frozenset[str]) -> str:
    """The word by which `line` asks for the lack of what its requirements look for; empty if there is none.

    A word that a rule itself looks for is part of what it recognises ("docs disabled"). `natural` are the requirements
    that are met by the lack of something, and may be denied in any words ("no slow queries").
    """
    read = frozenset().union(*(match.taken for match in matches))
    natural &= {match.requirement for match in matches}
    if natural - DENIED_BUT_NOT_SWITCHED or _NOT_EVADED.search(line.item.text):
        return ""
    looked_for = SWITCHES if natural else SWITCHES | DENIALS | FOREIGN
    said = _said(line)
    for word in line.own:
        if word.text in looked_for and word.position not in read and _stands_alone(word.text, said):
            return word.text
    off = any(word.text == "off" and word.position in read for word in line.own)
    return "off" if not off and _SWITCHED_OFF.search(said) else ""


def _said(line: Line) -> str:
    """The line without its asides and without code, in whose options "no" is part of a name."""
    return _CODE.sub(" ", line.outside_parentheses)


def _stands_alone(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){word}(?:['\u2019]t)?(?![\w-])", text, re.IGNORECASE) is not None


def unmet(line: Line, asked: Sequence[Requirement]) -> str:
    """Why no verdict on what is asked would settle the line, where it asks for more than can be seen; else empty."""
    text = line.item.text
    for heading in (*line.item.section[-1:], *line.item.context):
        if _ACTIONS.search(heading):
            return f"under {heading!r} it says when to act, not how things stand"
    for pattern, reason in _UNSEEN:
        if pattern.search(text):
            return reason
    if any(kind_of(one.id) in {Kind.ARTIFACT, Kind.HUMAN} for one in asked):
        return ""
    if _WRITTEN.search(text) and not _DONE.search(text):
        return "it asks that it be written down, which the system does not show"
    passed = any(_is_passed(one.id, text) for one in asked)
    return "it names a figure to be passed, and checks look whether it is kept" if passed else ""


def _is_passed(requirement: str, text: str) -> bool:
    """Whether a limit is named as something to go beyond: "error rate > 5%" is no wish."""
    beyond = _BEYOND.get(requirement)
    return bool(beyond and beyond.search(text))


def qualifiers(line: Line, asked: Sequence[Requirement]) -> Iterator[str]:
    """Words that narrow what is asked and that no check looks at: "off-site", "behind a password"."""
    for phrase in phrases("qualifiers"):
        match = phrase.pattern.search(line.item.text)
        if match and any(phrase.concerns(one.id) for one in asked):
            yield match[0].strip().lower()


def unread_figures(line: Line, asked: Sequence[Requirement]) -> Iterator[str]:
    """Figures of `line`, outside parentheses, that no requirement carries: "at least 50" where no size is read."""
    read = [value for one in asked for name, value in one.params.items() if name not in WHOLE_LINES]
    carried = [figure for value in read for figure in _figures(value)]
    text = _SAID_WELL.sub(" ", line.outside_parentheses)
    if not any(one.id.startswith("perf.") for one in asked):
        text = _AUDIENCE.sub(" ", text)
    for match in _NUMBER.finditer(text):
        whole, _, part = match[1].replace(",", "").partition(".")
        figure = float(f"{whole}.{part.replace('.', '')}")  # a version has several dots
        if figure and not any(_same(figure, other) for other in carried):
            yield match[1]


def _figures(value: object) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from map(float, _FIGURE.findall(value))
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _figures(one)


def _same(figure: float, other: float) -> bool:
    return any(
        abs(figure * unit - other) < 1e-9 * max(1.0, other) or abs(figure - other * unit) < 1e-9 * figure
        for unit in _UNITS
    )

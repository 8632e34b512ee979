"""Whether a line and a flow name the same thing: "User registration and login" and "Register, then sign in"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FILLING = """
a an the of for to and or if some with in on at by from is are be all any each every end via through then into our
your its
test tests tested testing tester try verify verified check checks checked ensure confirm validate validated manual
manually automated successful successfully correctly properly working works work functional function functions
functioning operational complete completed completely implemented implement available ready live system systems
feature features flow flows process core critical key main major basic important primary user users e2e smoke journey
journeys path paths new optimized production deployed deployment api app application-wide module modules page pages ui
"""
FILLING = frozenset(_FILLING.split())
"""Words that say how a line speaks, not of what."""
_SAME: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\b(?:sign(?:ing|s)?[ -]?in|log(?:ging|s)?[ -]?(?:in|on)|sign-?on|logins?)\b"), "login"),
    (re.compile(r"\bauthenticat\w*|\bauth\b"), "login"),
    (re.compile(r"\b(?:sign(?:ing|s)?[ -]?up|regist\w+|(?:account|user) creation|onboard\w*)\b"), "registration"),
    (re.compile(r"\b(?:sign(?:ing|s)?[ -]?out|log(?:ging|s)?[ -]?(?:out|off))\b"), "logout"),
)
STEM_CHARACTERS = 5
"""Words of a family share so many letters: upload, uploads, uploading; posting and post share a whole word."""
SHORTEST_STEM = 3


def significant(text: str) -> tuple[str, ...]:
    """The words that say what a text is about, in order, each once."""
    plain = re.sub(r"\(\s*/[^)]*\)|`[^`]*`", " ", text.lower())
    for pattern, word in _SAME:
        plain = pattern.sub(word, plain)
    return tuple(dict.fromkeys(word for word in re.findall(r"[^\W_]+", plain) if word not in FILLING))


def same(one: str, other: str) -> bool:
    """Whether two words belong to one family."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= SHORTEST_STEM and longer in {
        f"{shorter}{end}" for end in ("s", "es", "ed", "ing", "er", "ings")
    }:
        return True
    return len(shorter) >= STEM_CHARACTERS and shorter[:STEM_CHARACTERS] == longer[:STEM_CHARACTERS]


def named(words: Iterable[str], phrases: Iterable[str]) -> frozenset[str]:
    """Which of `words` any of `phrases` names."""
    told = [word for phrase in phrases for word in significant(phrase)]
    return frozenset(word for word in words if any(same(word, other) for other in told))


def within(phrase: str, words: Iterable[str]) -> bool:
    """Whether a phrase speaks of nothing but `words`."""
    own, known = significant(phrase), tuple(words)
    return bool(own) and all(any(same(word, other) for other in known) for word in own)


def literal(phrase: str, text: str) -> bool:
    """Whether a phrase of two words or more stands in a text, word for word."""
    wanted, given = (" ".join(re.findall(r"[^\W_]+", part.lower())) for part in (phrase, text))
    return " " in wanted and f" {wanted} " in f" {given} "

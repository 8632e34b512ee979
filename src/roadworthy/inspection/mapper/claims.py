"""Which of the rules that hold for a line say what it claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from roadworthy.inspection.mapper.phrases import harmless
from roadworthy.inspection.mapper.rules import Index, Match, Text
from roadworthy.inspection.mapper.text import ASIDE_WEIGHT, CONJUNCTIONS, TITLE_WEIGHT, Line, Word
from roadworthy.inspection.model import Form, Item

LEAST_SCORE = 0.9
LEAST_SCORE_ALONE = 1.9
"""A sentence or a second claim must be as clear as two words that belong together."""
LEAST_SHARE = 0.5
LEAST_SHARE_LONG = 0.2
SHORT_WORDS = 10
CLEAR_SCORE = 3.0
MORE_CLAIMS = 3
CLAIMS_LIMIT = 6
LEAST_SCORE_OUTSIDE = 0.95
LEAST_SCORE_ASIDE = 1.75
LEAST_SCORE_JOINED = 1.4
"""A claim that "and" sets apart needs less than one after a comma."""
WINDOW_WORDS = 7
"""Words of a claim stand together; further apart they belong to different claims."""
LEAST_SHARE_WIDE = 0.4
WINDOW_WORDS_WIDE = 3
"""Rules of wider wordings hold only where they explain much of the line, by words that stand closely together."""
ENUMERATED = 3
"""Words between the subjects of an enumeration: more, and they are claims apart."""
ALTERNATIVE = "or"
_EXPLAINS = re.compile(
    r"\([^)]{0,300}\b(?:e\.?g|etc|such as|like|optional\w*|recommended|cannot|can't|because|so that|instead|not|or"
    r"|currently|default)\b|\(\s*(?:if|when|via|by|using|see|for|from|with|without|to)\b",
    re.IGNORECASE,
)
"""Parentheses that explain, give examples or ways, and claim nothing of their own."""
_ASKING = frozenset({
    "validate", "validated", "confirm", "confirmed", "perform", "performed", "review", "reviewed", "test", "tested",
    "run", "execute", "must", "should", "after", "before", "each", "every", "when", "where", "also", "only", "not",
})  # fmt: skip
"""Words by which something is asked: they say little about what."""
_COUNTS = (
    r"[^\W\d]{0,40}\d\w*|seconds?|minutes?|hours?|days?|weeks?|months?|quarters?|years?|once|twice|least"
    r"|characters|chars"
)
_ASKS_OR_COUNTS = re.compile("|".join((*sorted(_ASKING), _COUNTS)))
_ADDS_NOTHING = frozenset({"tested", "secured", "accessible", "reachable", "communicated", "details", "both", "more"})
JOINING = frozenset({"and", "&", "+"})
"""What joins claims for certain; commas also stand between the parts of one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a line claims: all of `matches`, or one of them (`any_of`); `unread` are claims that nothing recognises."""

    matches: tuple[Match, ...]
    any_of: bool = False
    unread: tuple[str, ...] = ()


def claims(
    known: Index, line: Line, more: Iterable[Match], demands: Callable[[Item], bool], *, wide: bool = False
) -> Claims | None:
    """The claims of `line` by the rules `known` and the matches `more`; None where they are not clear enough.

    `wide`: the rules take more than narrow ones would, and must explain more of the line.
    """
    text = Text.of(line)
    matches = [*_matches(known, text), *more]
    if wide:
        matches = [match for match in matches if _explains(match, line)]
    best = best_per_requirement(_outside_asides(matches, line))
    if not best or not _is_clear(best[0], line, demands):
        return None
    first = best[0]
    apart = _left_outside(first, line)
    if not any(word.text in {*CONJUNCTIONS, ALTERNATIVE} for word in line.own):
        return Claims((first, *_of_aside((first,), matches, line)), unread=apart)
    more = tuple(more)
    joined = _joined(known, first, line, more)
    claimed = (first, *(match for match, _ in joined[:MORE_CLAIMS]))
    claimed = (*claimed, *_sharing(first, claimed, matches, line.own))
    chosen = (*claimed, *_of_aside(claimed, matches, line))
    any_of = bool(joined) and all(joint == ALTERNATIVE for _, joint in joined)
    left = [*_matches(known, text.without(_taken(chosen))), *more]
    beyond = (_phrase(match) for match, _ in joined[MORE_CLAIMS:])
    unread = (*apart, *beyond, *_unread(chosen, left, line), *_half_read(chosen, left, line.own))
    return Claims(tuple(sorted(chosen, key=lambda match: match.first)), any_of, unread)


def _joined(known: Index, first: Match, line: Line, more: Sequence[Match]) -> list[tuple[Match, str]]:
    """Further claims, each by words of its own, and the word that joins it to the first."""
    text, chosen = Text.of(line), [first]
    found: list[tuple[Match, str]] = []
    while len(found) < CLAIMS_LIMIT:
        others = [*_matches(known, text.without(_taken(chosen))), *more]
        said = {match.requirement for match in chosen}
        joints = {
            match: joint
            for match in others
            if match.requirement not in said and (joint := _joint(match, first, line.own))
        }
        best = best_per_requirement(joints)
        if not best:
            break
        chosen.append(best[0])
        found.append((best[0], joints[best[0]]))
    return found


def _sharing(first: Match, claimed: Sequence[Match], matches: Iterable[Match], words: Sequence[Word]) -> list[Match]:
    """Claims that share what is said of the first: "PostgreSQL and Redis are up"."""
    said = {match.requirement for match in claimed}
    sharing = [match for match in matches if match.requirement not in said and _shares(match, first, claimed, words)]
    return best_per_requirement(sharing)[:MORE_CLAIMS]


def _shares(match: Match, first: Match, claimed: Sequence[Match], words: Sequence[Word]) -> bool:
    """Whether both end in the same words, and nothing but an enumeration stands between what they begin with."""
    shared = match.taken & first.taken
    own, other = match.taken - shared, first.taken - shared
    if not shared or not own or not other or own & _taken(claimed) or match.score < LEAST_SCORE_JOINED:
        return False
    if any(words[place].text.startswith("#") for place in own) or max(own | other) > min(shared):
        return False
    low, high = sorted((own, other), key=min)
    between = words[max(low) + 1 : min(high)]
    return max(low) < min(high) and {word.text for word in between} & JOINING != set() and len(between) <= ENUMERATED


def _taken(matches: Iterable[Match]) -> frozenset[int]:
    return frozenset().union(*(match.taken for match in matches))


def _outside_asides(matches: Sequence[Match], line: Line) -> Sequence[Match]:
    """Without those that rest on parentheses alone, where something outside them says clearly what is asked."""
    outside = [match for match in matches if not _is_aside(match, line)]
    return outside if any(match.score >= LEAST_SCORE_OUTSIDE for match in outside) else matches


def _is_aside(match: Match, line: Line) -> bool:
    places = [line.own[position] for position in match.taken if not line.own[position].text.startswith("#")]
    return bool(places) and all(word.weight == ASIDE_WEIGHT for word in places)


def _of_aside(claimed: Sequence[Match], matches: Sequence[Match], line: Line) -> tuple[Match, ...]:
    """What the parentheses add to the claim before them: "Unit tests pass (coverage > 80%)"; not what they explain."""
    if _is_aside(claimed[0], line) or _EXPLAINS.search(line.item.text):
        return ()
    said = {match.requirement for match in claimed}
    asides = [match for match in matches if _is_aside(match, line) and match.requirement not in said]
    best = best_per_requirement(match for match in asides if match.score >= LEAST_SCORE_ASIDE)
    return tuple(best[:1])


def _left_outside(first: Match, line: Line) -> tuple[str, ...]:
    """What stands outside the parentheses, where only what stands in them is understood."""
    if not _is_aside(first, line):
        return ()
    outside = " ".join(line.own[position].text for position in sorted(line.telling))
    return (outside,) if outside else ()


def best_per_requirement(matches: Iterable[Match]) -> list[Match]:
    """The weightiest match of each requirement, weightiest first; of equals the one that begins earlier."""
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.requirement)
        if held is None or match.score > held.score:
            best[match.requirement] = match
    return sorted(best.values(), key=lambda match: (-round(match.score, 3), match.first))


def _matches(known: Index, text: Text) -> list[Match]:
    return [match for rule in known.candidates(text) if (match := rule.match(text)) and match.spread <= WINDOW_WORDS]


def _is_clear(match: Match, line: Line, demands: Callable[[Item], bool]) -> bool:
    """Whether the match is enough to say what the line asks; less is needed where the line is surely an item."""
    told = line.telling
    long = len(told) > SHORT_WORDS and match.score < CLEAR_SCORE and not match.set_off(line.own)
    if long and len(match.taken & told) < LEAST_SHARE_LONG * len(told):
        return False
    if line.item.firm:
        return match.score >= LEAST_SCORE
    if match.score >= LEAST_SCORE_ALONE:
        return line.item.form is not Form.PROSE or demands(line.item)
    short = line.item.form is not Form.PROSE and len(told) <= SHORT_WORDS
    return short and match.score >= LEAST_SCORE and len(match.taken & told) >= LEAST_SHARE * len(told)


def _explains(match: Match, line: Line) -> bool:
    """Whether `match` says what most of the line is about, or of its set-off beginning where it rests on that."""
    told = {place for place in line.telling if not _ASKS_OR_COUNTS.fullmatch(line.own[place].text)}
    if match.set_off(line.own):
        told = {place for place in told if line.own[place].weight == TITLE_WEIGHT}
    explained = {place for place in told if place in match.taken or match.knows(line.own[place])}
    return match.spread <= WINDOW_WORDS_WIDE and len(explained) >= LEAST_SHARE_WIDE * len(told)


def left_over(found: Claims, line: Line, known: Collection[str]) -> tuple[str, ...]:
    """What a line says beyond the words that its claims rest on, and beyond those `known` of what it asks."""
    taken = _taken(found.matches)
    words = (line.own[place] for place in sorted(line.telling - taken))
    left = [word.text for word in words if not _is_known(word.text, known)]
    return (" ".join(left),) if left else ()


def understood(found: Claims, line: Line) -> frozenset[str]:
    """The words that the claims of a line rest on."""
    return frozenset(line.own[place].text for place in _taken(found.matches))


def _is_known(word: str, known: Collection[str]) -> bool:
    """Whether `word` says nothing of its own; figures are told by others."""
    if word in harmless() or {word, f"{word}s", word.removesuffix("s")} & set(known) or any(map(str.isdigit, word)):
        return True
    return any(one.endswith("*") and word.startswith(one[:-1]) for one in known)


def _joint(match: Match, first: Match, words: Sequence[Word]) -> str:
    """The word that joins `match` to the first claim, or "" where it is no claim of its own."""
    if match.score < LEAST_SCORE_JOINED or match.taken & first.taken:
        return ""
    # A title and its explanation are one claim: only words of the same part of the line are compared.
    parts = {words[i].weight for i in match.taken} & {words[i].weight for i in first.taken}
    if not parts:
        return ""
    one, other = (_within(claim, max(parts), words) for claim in (first, match))
    between = [word.text for start, end in _gaps(one, other) for word in words[start + 1 : end]]
    joints = {ALTERNATIVE, *(JOINING if match.score < LEAST_SCORE_ALONE else CONJUNCTIONS)}
    return next((word for word in between if word in joints), "")


def _gaps(first: frozenset[int], other: frozenset[int]) -> Iterator[tuple[int, int]]:
    """What lies between the places of two claims: where the later one begins, and where `first` goes on after it."""
    low, high = sorted((first, other), key=min)
    yield max((place for place in low if place < min(high)), default=0), min(high)
    after = [place for place in first if place > max(other)]
    if after and not any(min(other) < place < max(other) for place in first):
        yield max(other), min(after)


def _within(match: Match, weight: float, words: Sequence[Word]) -> frozenset[int]:
    return frozenset(position for position in match.taken if words[position].weight == weight)


def _unread(chosen: Sequence[Match], others: Sequence[Match], line: Line) -> tuple[str, ...]:
    """Parts joined by "and" of which no word is explained: "Rate limiting and DDoS protection"."""
    weight = max((line.own[position].weight for position in chosen[0].taken), default=ASIDE_WEIGHT)
    if weight == ASIDE_WEIGHT:
        return ()
    said = {match.requirement for match in chosen}
    explained = _taken((*chosen, *(match for match in others if match.requirement in said)))
    parts = _parts([word for word in line.own if word.weight == weight and not word.text.startswith("#")])
    return tuple(
        " ".join(word.text for word in part)
        for part in parts
        if not any(word.position in explained or any(match.knows(word) for match in chosen) for word in part)
        and any(word.position in line.telling and word.text not in _ADDS_NOTHING for word in part)
    )


def _half_read(chosen: Sequence[Match], left: Iterable[Match], words: Sequence[Word]) -> Iterator[str]:
    """Subjects of an enumeration that are known, and no claim was read of them: "Redis and Celery are running"."""
    said, taken = {match.requirement for match in chosen}, _taken(chosen)
    for match in best_per_requirement(left):
        own = match.taken
        begins = min(own, default=0)
        joined = begins > 0 and words[begins - 1].text in JOINING and not own & taken
        if not joined or match.requirement in said or max(own) > max(taken, default=0):
            continue
        known = any(one.knows(words[place]) for one in chosen for place in own)
        if match.score >= LEAST_SCORE and not known and all(words[place].weight != ASIDE_WEIGHT for place in own):
            yield _phrase(match)


def _phrase(match: Match) -> str:
    """The words of the line that a match rests on."""
    return " ".join(own_words(match))


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    """What "and" sets apart; in an enumeration ("A, B and C") also what commas do."""
    texts = [word.text for word in words]
    listed = any(text in JOINING and "," in texts[:i] for i, text in enumerate(texts))
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.text in JOINING or (listed and word.text == ","):
            parts.append([])
        elif word.text not in CONJUNCTIONS:
            parts[-1].append(word)
    return [part for part in parts if part]


def own_words(match: Match) -> Iterator[str]:
    """The words of the line that a match rests on, term by term."""
    for found in match.found:
        if found.claimed:
            yield " ".join(word.text for word in found.words)

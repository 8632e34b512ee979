"""Which of the rules that hold for a line say what it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from roadworthy.inspection.mapper.rules import Match, Rule, Text
from roadworthy.inspection.mapper.text import ASIDE_WEIGHT, CONJUNCTIONS, Line, Word
from roadworthy.inspection.model import Form, Item

LEAST_SCORE = 0.9
LEAST_SCORE_ALONE = 1.9
"""A sentence or a second claim must be as clear as two words that belong together."""
LEAST_SHARE = 0.5
LEAST_SHARE_LONG = 0.2
SHORT_WORDS = 10
CLEAR_SCORE = 3.0
MORE_CLAIMS = 2
WINDOW_WORDS = 7
"""Words of a claim stand together; further apart they belong to different claims."""
ALTERNATIVE = "or"
_ADDS_NOTHING = frozenset({"tested", "secured", "accessible", "reachable", "communicated", "details", "both", "more"})
JOINING = frozenset({"and", "&", "+"})
"""What joins claims for certain; commas also stand between the parts of one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a line claims: all of `matches`, or one of them (`any_of`); `unread` are claims that nothing recognises."""

    matches: tuple[Match, ...]
    any_of: bool = False
    unread: tuple[str, ...] = ()


def claims(known: Sequence[Rule], line: Line, more: Iterable[Match], demands: Callable[[Item], bool]) -> Claims | None:
    """The claims of `line` by the rules `known` and the matches `more`; None where they are not clear enough."""
    text = Text.of(line)
    matches = [*_matches(known, text, line), *more]
    best = best_per_requirement(matches)
    if not best or not _is_clear(best[0], line, demands):
        return None
    first = best[0]
    if not any(word.text in {*CONJUNCTIONS, ALTERNATIVE} for word in line.own):
        return Claims((first,))
    # The words of the first claim are taken away, so that the second is found by words of its own.
    others = [*_matches(known, text.without(first.taken), line), *more]
    joined = [(match, _joint(match, first, line.own)) for match in others if match.requirement != first.requirement]
    second = best_per_requirement(match for match, joint in joined if joint)[:MORE_CLAIMS]
    chosen = (first, *second)
    any_of = bool(second) and all(joint == ALTERNATIVE for match, joint in joined if match in second)
    return Claims(tuple(sorted(chosen, key=lambda match: match.first)), any_of, _unread(chosen, others, line))


def best_per_requirement(matches: Iterable[Match]) -> list[Match]:
    """The weightiest match of each requirement, weightiest first; of equals the one that begins earlier."""
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.requirement)
        if held is None or match.score > held.score:
            best[match.requirement] = match
    return sorted(best.values(), key=lambda match: (-round(match.score, 3), match.first))


def _matches(known: Sequence[Rule], text: Text, line: Line) -> list[Match]:
    return [
        match
        for rule in known
        if (match := rule.match(text)) and (match.spread <= WINDOW_WORDS or match.set_off(line.own))
    ]


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


def _joint(match: Match, first: Match, words: Sequence[Word]) -> str:
    """The word that joins `match` to the first claim, or "" where it is no claim of its own."""
    if match.score < LEAST_SCORE_ALONE or match.taken & first.taken:
        return ""
    # A title and its explanation are one claim: only words of the same part of the line are compared.
    parts = {words[i].weight for i in match.taken} & {words[i].weight for i in first.taken}
    if not parts:
        return ""
    low, high = sorted((_within(one, max(parts), words) for one in (first, match)), key=min)
    start = max((position for position in low if position < min(high)), default=0)
    between = [word.text for word in words[start + 1 : min(high)]]
    return next((word for word in between if word == ALTERNATIVE or word in CONJUNCTIONS), "")


def _within(match: Match, weight: float, words: Sequence[Word]) -> frozenset[int]:
    return frozenset(position for position in match.taken if words[position].weight == weight)


def _unread(chosen: Sequence[Match], others: Sequence[Match], line: Line) -> tuple[str, ...]:
    """Parts joined by "and" of which no word is explained: "Rate limiting and DDoS protection"."""
    weight = max((line.own[position].weight for position in chosen[0].taken), default=ASIDE_WEIGHT)
    if weight == ASIDE_WEIGHT:
        return ()
    explained = frozenset().union(*(match.taken for match in (*chosen, *others)))
    parts = _parts([word for word in line.own if word.weight == weight and not word.text.startswith("#")])
    return tuple(
        " ".join(word.text for word in part)
        for part in parts[1:]
        if not any(word.position in explained or any(match.knows(word) for match in chosen) for word in part)
        and any(word.position in line.telling and word.text not in _ADDS_NOTHING for word in part)
    )


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.text in JOINING:
            parts.append([])
        elif word.text not in CONJUNCTIONS:
            parts[-1].append(word)
    return parts


def own_words(match: Match) -> Iterator[str]:
    """The words of the line that a match rests on, term by term."""
    for found in match.found:
        if not found.above:
            yield " ".join(word.text for word in found.words)

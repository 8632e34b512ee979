"""Chooses among the rules that hold for a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.checklist import words
from roadworthy.inspection.mapper import code, params, rules, values
from roadworthy.inspection.mapper.rules import Match, Rule, Text
from roadworthy.inspection.mapper.text import CONJUNCTIONS, Line, Word
from roadworthy.inspection.model import Form, Item, Requirement
from roadworthy.inspection.requirements import kind_of

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
VARIABLE_SCORE = 2.1
_LONE_VARIABLE = re.compile(r"^`?(?P<name>[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+)(?:\s?=\s?(?P<value>[^`\s]+))?`?[.;]?$")
_DEMAND = re.compile(
    r"\b(?:must|required?s?|should|ensure|need(?:s|ed)?|use an?|enable|recommended|improves|never|always|mandatory)\b",
    re.IGNORECASE,
)
"""What makes a sentence a demand."""
_ABOUT_ITSELF = re.compile(
    r"\bthis (?:check ?list|guide|document|page|section|file)\b|^(?:recommend\w*|current)\b[^:]*:", re.IGNORECASE
)
_OPEN_QUESTION = re.compile(r"^\W*(?:what|how|which|who|why|when|where)\b.*\?\W*$", re.IGNORECASE)
"""Only people can answer it; "Are backups automated?" can be."""
_LACK = re.compile(r"^\W*(?:no|missing|lack(?:s|ing)?(?: of)?|without|absence of)\b", re.IGNORECASE)
LACK_IS_GOOD = frozenset({
    "sec.nosecrets", "sec.gitignore", "sec.secretkey", "sec.logs_clean", "sec.depscan", "sec.sast", "sec.trusted_net",
    "sec.nonroot", "sec.cors", "sec.sqli", "code.debug", "code.quality", "srv.errors", "srv.debug", "srv.prodserver",
    "db.leak", "db.slowq", "db.engine", "img.tag", "fe.smoke", "host.ssh", "ci.zero", "perf.errors", "jobs.retry",
    "test.unit", "process.step", "mon.errors",
})  # fmt: skip
"""Requirements of which a line that begins with "No" is the wish itself: "No secrets in code"."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A line with what it asks: all of `requirements`, or any one of them where the line says "or"."""

    item: Item
    requirements: tuple[Requirement, ...]
    any_of: bool = False


class Mapper:
    """Maps lines by rules; holds no state but the rules."""

    def __init__(self, known: Sequence[Rule] | None = None) -> None:
        """Take other rules than those that come with the inspector, for tests."""
        self._rules = tuple(known) if known is not None else rules.load()

    def map(self, items: Iterable[Item]) -> list[Mapped]:
        """Every line that is an item: those that are firm, and those that ask for something known."""
        mapped = (self.map_one(item) for item in items)
        return [one for one in mapped if one.item.firm or one.requirements]

    def map_one(self, item: Item) -> Mapped:
        """What `item` asks; no requirement means unmapped."""
        found = self._requirements(item)
        item = replace(
            item,
            kind=_kind(found) if found else item.kind,
            inverse=bool(found) and _is_inverse(item, found[0]),
            conditional=bool(words.condition_of(item.text)),
            optional=words.is_optional(item.text, *item.section),
        )
        return Mapped(item, found)

    def _requirements(self, item: Item) -> tuple[Requirement, ...]:
        if _OPEN_QUESTION.match(item.text):
            return ()
        if item.form is Form.CODE:
            one = code.map_code(item)
            return (params.refined(one),) if one else ()
        lone = _LONE_VARIABLE.match(item.text)
        if lone and (one := code.variable(lone["name"], lone["value"])):
            return (params.refined(one),)
        return tuple(self._by_rules(item))

    def _by_rules(self, item: Item) -> Iterator[Requirement]:
        line = Line(item)
        text = Text.of(line)
        matches = [match for rule in self._rules if (match := rule.match(text)) and _stands_together(match, line)]
        matches += _by_variables(line)
        best = _best_per_requirement(matches)
        if not best or not _is_clear(best[0], line):
            return
        first = best[0]
        others = [m for m in matches if m.requirement != first.requirement and _is_another_claim(m, first, line.own)]
        chosen = [first, *_best_per_requirement(others)[:MORE_CLAIMS]]
        for match in sorted(chosen, key=lambda match: match.first):
            for told in params.read(match.requirement, item):
                yield params.refined(Requirement(match.requirement, told, _why(match, item)))


def _kind(requirements: Sequence[Requirement]) -> Kind:
    """A line of several claims is a machine's as soon as a machine can verify one of them."""
    kinds = [kind_of(one.id) for one in requirements]
    return Kind.MACHINE if Kind.MACHINE in kinds else kinds[0]


def _is_inverse(item: Item, requirement: Requirement) -> bool:
    """Whether the line states the lack of something good: "No rollback plan exists"."""
    if requirement.id in LACK_IS_GOOD or _DEMAND.search(item.text):
        return False
    return bool(_LACK.match(item.text))


def _by_variables(line: Line) -> Iterator[Match]:
    """What the environment variables in a sentence stand for: "Set `HSTS_ENABLED=true`"."""
    for name in values.env_names(line.outside_parentheses):
        one = code.variable(name, None)
        if one and one.id != "cfg.env":
            yield Match(one.id, VARIABLE_SCORE, ())


def _is_clear(match: Match, line: Line) -> bool:
    """Whether the match is enough to say what the line asks; less is needed where the line is surely an item."""
    told = line.telling
    long = len(told) > SHORT_WORDS and match.score < CLEAR_SCORE and not match.set_off(line.own)
    if long and len(match.taken & told) < LEAST_SHARE_LONG * len(told):
        return False
    if line.item.firm:
        return match.score >= LEAST_SCORE
    if match.score >= LEAST_SCORE_ALONE:
        return line.item.form is not Form.PROSE or _demands(line.item)
    short = line.item.form is not Form.PROSE and len(told) <= SHORT_WORDS
    return short and match.score >= LEAST_SCORE and len(match.taken & told) >= LEAST_SHARE * len(told)


def _demands(item: Item) -> bool:
    """Whether a sentence asks for something; one that leads in ("... managed through:") or names itself does not."""
    if _ABOUT_ITSELF.search(item.text):
        return False
    return bool(_DEMAND.search(item.text)) or bool(item.title and not item.text.endswith(":"))


def _stands_together(match: Match, line: Line) -> bool:
    return match.spread <= WINDOW_WORDS or match.set_off(line.own)


def _best_per_requirement(matches: Iterable[Match]) -> list[Match]:
    """The weightiest match of each requirement, weightiest first; of equals the one that begins earlier."""
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.requirement)
        if held is None or match.score > held.score:
            best[match.requirement] = match
    return sorted(best.values(), key=lambda match: (-round(match.score, 3), match.first))


def _is_another_claim(match: Match, first: Match, words: Sequence[Word]) -> bool:
    """Whether `match` stands on other words of the line, joined to the first claim by "and", a comma or the like."""
    if match.score < LEAST_SCORE_ALONE or match.taken & first.taken:
        return False
    # A title and its explanation are one claim: only words of the same part of the line are compared.
    parts = {words[i].weight for i in match.taken} & {words[i].weight for i in first.taken}
    if not parts:
        return False
    low, high = sorted((_within(one, max(parts), words) for one in (first, match)), key=min)
    start = max((position for position in low if position < min(high)), default=0)
    return any(word.text in CONJUNCTIONS for word in words[start + 1 : min(high)])


def _within(match: Match, weight: float, words: Sequence[Word]) -> frozenset[int]:
    return frozenset(position for position in match.taken if words[position].weight == weight)


def _why(match: Match, item: Item) -> str:
    own = " ".join(f"'{' '.join(word.text for word in found.words)}'" for found in match.found if not found.above)
    above = [" ".join(word.text for word in found.words) for found in match.found if found.above]
    under = item.section[-1] if item.section else ""
    return f"{own} under '{under}'" if above and under else own

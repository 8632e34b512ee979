"""What the verdicts on a line looked at: in their evidence, by what they were told, and by what checks declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roadworthy.contracts.checks import BlastRadius, Verdict
from roadworthy.inspection.model import Check, Requirement, Strength
from roadworthy.inspection.remainder.lexicon import LONGEST, Sort, plain
from roadworthy.inspection.remainder.reading import Claimed
from roadworthy.inspection.requirements import BY_ID

FROM_THE_LINE = frozenset({"subject", "condition"})
"""Parameters that repeat the line's own words."""
FILES_OF_SETTINGS, DOTENV = frozenset({".env"}), "dotenv"
SPOKEN_TO = {"postgres": "postgresql", "redis": "redis", "nginx": "nginx", "prometheus": "prometheus"}
"""A probe that a check needs -> what answers it, or whose configuration it reads."""
PERIODS = frozenset({"hours", "days", "seconds"})
_EVERY = re.compile(
    r"\b(?:all|every|each|none of|nothing|only|never)\b|\bno (?:\w+ ){1,3}(?:is|was|were|are|has|holds?|that|of)\b",
    re.IGNORECASE,
)
"""A finding that speaks of all there is, or of none."""
_PERIOD = re.compile(r"^(?:annual|year|quarter|month|week|dai|hour|night)")
_ABSENT_BEFORE = frozenset({"no", "not", "without", "neither", "none", "lacks", "nor", "lacking"})
_ABSENT_AFTER = frozenset({"0", "none", "absent", "missing", "lacks"})
SHORTEST_STEM = 4


@dataclass(frozen=True)
class Answered:
    """A check, what it was asked and what it concluded."""

    check: Check
    requirement: Requirement
    verdict: Verdict

    @cached_property
    def seen(self) -> str:
        """Everything that the verdict says it saw."""
        parts = (f"{one.asked} ; {one.answer} ; {one.vantage}" for one in self.verdict.evidence)
        return " ; ".join((self.verdict.summary, *parts))

    @cached_property
    def told(self) -> str:
        """What it was asked by parameters, and what it declares to look at."""
        given = (
            f"{name} {' '.join(map(str, value)) if isinstance(value, tuple) else value}"
            for name, value in self.requirement.params.items()
            if name not in FROM_THE_LINE
        )
        spoken_to = (SPOKEN_TO.get(name, "") for name in self.check.needs)
        return " ; ".join((*given, *self.check.covers, *spoken_to))

    @cached_property
    def about(self) -> str:
        """What its requirement and the check are called."""
        spec = BY_ID.get(self.requirement.id)
        return f"{spec.title if spec else ''} ; {self.check.title}"


@dataclass(frozen=True)
class Seen:
    """All that the deciding answers looked at."""

    answers: Sequence[Answered]

    @cached_property
    def _spoken(self) -> Mapping[str, bool]:
        """Words and names in the evidence -> whether any place says that it is there."""
        return _grams(" ; ".join(one.seen for one in self.answers))

    @cached_property
    def _told(self) -> Mapping[str, bool]:
        return _grams(" ; ".join(one.told for one in self.answers))

    @cached_property
    def _about(self) -> Mapping[str, bool]:
        return _grams(" ; ".join(one.about for one in self.answers))

    @cached_property
    def _reads_a_setting(self) -> bool:
        """Whether a check was told a variable: in what file it is to stand is a way to set it."""
        return any("name" in answer.requirement.params for answer in self.answers)

    @cached_property
    def _text(self) -> str:
        return " ; ".join(part for one in self.answers for part in (one.seen, one.told)).lower()

    def covers(self, one: Claimed, *, there: bool = True) -> bool:
        """Whether it was looked at; `there`: and a thing was found to be there."""
        if one.sort is Sort.NAME:
            return any(name in self._text for name in one.spellings) or (
                bool(one.spellings & FILES_OF_SETTINGS) and self._reads_a_setting
            )
        if one.sort is Sort.OPPOSITE:
            return False  # what is wrong is read by the rule, or nobody looked for it
        if one.denied:
            return not self._names(one.spellings, self._spoken, there=True)
        if one.sort is Sort.THING:
            return self._names(one.spellings, self._told) or self._names(one.spellings, self._spoken, there=there)
        known = (self._told,) if one.sort is Sort.BEHAVES else (self._spoken, self._told, self._about)
        return any(self._names(one.spellings, grams) for grams in known) or self._shows(one)

    def speaks_of(self, word: str) -> bool:
        """Whether the evidence, or what the checks were told and are about, holds `word`."""
        known = (self._spoken, self._told, self._about)
        said = any(form in grams for grams in known for form in _forms(word))
        return said or (word == DOTENV and self._reads_a_setting)

    def declares(self, phrase: str) -> bool:
        """Whether a check says that it looks at every word of `phrase`."""
        declared = {word for answer in self.answers for said in answer.check.covers for word in plain(said)}
        return set(plain(phrase)) <= declared

    def speaks_of_all(self) -> bool:
        """Whether a finding is about all there is, or says that there is none."""
        return any(_EVERY.search(answer.verdict.summary) for answer in self.answers)

    def is_about_all(self) -> bool:
        """Whether every verdict is one on the service as a whole, whatever part of it a line names."""
        return all(_behaves_as_a_whole(answer) for answer in self.answers)

    def _names(self, spellings: Iterable[str], known: Mapping[str, bool], *, there: bool = False) -> bool:
        forms = [form for spelling in spellings for form in _forms(spelling)]
        return any(form in known and (known[form] or not there) for form in forms)

    def _shows(self, one: Claimed) -> bool:
        """Whether the way of looking shows it, whatever it is said of."""
        if one.sort is Sort.EVERY:
            return self.speaks_of_all()
        if one.sort is Sort.BEHAVES:
            return any(map(_behaves, self.answers))
        if one.sort is Sort.WEAK:
            return any(map(_tries if one.spellings & TRIED else _behaves, self.answers))
        if one.sort is Sort.STRONG and _PERIOD.match(one.words.lower()):
            return any(PERIODS & set(answer.requirement.params) for answer in self.answers)
        return False


TRIED = frozenset({"tested"})


def _behaves(answer: Answered) -> bool:
    return answer.check.strength > Strength.FILE


def _behaves_as_a_whole(answer: Answered) -> bool:
    """What behaves so wherever one looks, and what stands in none of the files, is so for every part."""
    if answer.check.strength is Strength.BEHAVIOUR:
        return True
    return answer.check.strength is Strength.FILE and bool(_EVERY.search(answer.verdict.summary))


def _tries(answer: Answered) -> bool:
    return answer.check.strength is Strength.BEHAVIOUR and answer.check.blast_radius is not BlastRadius.READ_ONLY


def _grams(text: str) -> Mapping[str, bool]:
    """Every run of up to three words, written together -> whether it is said of any that it is there."""
    found: dict[str, bool] = {}
    for part in re.split(r"[;,\n]", text):
        words = plain(part)
        for size in range(1, LONGEST + 1):
            for first in range(len(words) - size + 1):
                gram = "".join(words[first : first + size])
                found[gram] = found.get(gram, False) or _is_there(words, first, size)
    return found


def _is_there(words: Sequence[str], first: int, size: int) -> bool:
    before, after = words[max(0, first - 1) : first], words[first + size : first + size + 1]
    return not (_ABSENT_BEFORE & set(before) or _ABSENT_AFTER & set(after))


def _forms(word: str) -> Iterable[str]:
    """A word, and its plural or singular."""
    yield word
    yield f"{word}s"
    if word.endswith("y"):
        yield f"{word[:-1]}ies"
    if word.endswith("s") and len(word) > SHORTEST_STEM:
        yield word[:-1]

"""Rules as data: which words, under which headings and without which others, ask for which requirement.

A rule is a line of a `.rules` file: `requirement: term term ...`. All its terms must be found.

    cache | caching     alternatives (written without spaces), one is enough
    monitor*            any word that begins so
    rate_limit*         words that follow each other
    @redis              may also stand in a heading, the sentence leading in, or the enclosing item
    ~$backup            as @, and left for other claims: it says what the line is about, not what is claimed
    !alert*             must not stand in the line;  !@alert* neither in the line nor above it
    ^check|verify       only as the line's first word;  documented|^document  holds it of that alternative alone
    #rate               a value of this sort: see `values.signs`
    +1                  counts this much more than its words alone; -0.5 less
    $db                 alternatives named once at the top of a file: `$db = database*|db|postgres*`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

from roadworthy.inspection.mapper.text import TITLE_WEIGHT, Line, Word, positions
from roadworthy.inspection.requirements import BY_ID

FOLLOWING_WORD_BONUS = 0.25
BEGINNING = 3
"""Letters by which words with any ending are indexed."""
FOLDERS = ("", "wide")
"""Where rules stand: narrow ones, and wider wordings."""


@dataclass(frozen=True, slots=True)
class Found:
    """Words of a line (or above it) that a term was looking for."""

    words: tuple[Word, ...]
    above: bool
    lent: bool = False

    @property
    def claimed(self) -> bool:
        """Whether its words are those of the claim: in the line itself, and not merely what it is about."""
        return not self.above and not self.lent

    @property
    def weight(self) -> float:
        """What the match counts: each word, and a little more where several follow each other."""
        return sum(word.weight for word in self.words) + FOLLOWING_WORD_BONUS * (len(self.words) - 1)


@dataclass(frozen=True, slots=True)
class Term:
    """Alternatives, each a sequence of words (a trailing * stands for any ending).

    `anywhere`: it may stand above the line as well; `leading`: those that stand only at its beginning; `lent`: other
    claims may rest on the same words.
    """

    alternatives: tuple[tuple[str, ...], ...]
    anywhere: bool = False
    leading: frozenset[tuple[str, ...]] = frozenset()
    lent: bool = False
    exact: Mapping[str, tuple[tuple[int, tuple[str, ...]], ...]] = field(init=False, repr=False, compare=False)
    stems: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Arrange the alternatives by the words that they begin with."""
        stems = tuple(one[0][:-1] for one in self.alternatives if one[0].endswith("*"))
        firsts = dict.fromkeys(one[0] for one in self.alternatives if not one[0].endswith("*"))
        ranked = tuple(enumerate(self.alternatives))
        exact = {first: tuple((i, one) for i, one in ranked if one[0] == first) for first in firsts}
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "stems", stems)

    def find(self, text: Text) -> Found | None:
        """The weightiest place in the line, or above it where that is allowed."""
        own = [Found(words, above=False, lent=self.lent) for words in self._places(text.own, text.own_index)]
        if own:
            return max(own, key=lambda found: found.weight)
        above = (
            [Found(words, above=True) for words in self._places(text.above, text.above_index)] if self.anywhere else []
        )
        return max(above, key=lambda found: found.weight, default=None)

    def _places(self, words: tuple[Word, ...], index: Mapping[str, list[Word]]) -> list[tuple[Word, ...]]:
        """Where it stands, in the order of its alternatives: the words of a line are few, the alternatives many."""
        found: list[tuple[int, int, tuple[Word, ...]]] = []
        for text, starts in index.items():
            for rank, alternative in self._beginning_with(text):
                for start in starts:
                    place = words[start.position : start.position + len(alternative)]
                    at_its_place = alternative not in self.leading or start.position == 0
                    if at_its_place and len(place) == len(alternative) and all(map(_is, place, alternative)):
                        found.append((rank, start.position, place))
        return [place for _, _, place in sorted(found, key=lambda one: one[:2])]

    def _beginning_with(self, text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        yield from self.exact.get(text, ())
        if self.stems and text.startswith(self.stems):
            starred = ((i, one) for i, one in enumerate(self.alternatives) if one[0][-1:] == "*")
            yield from ((i, one) for i, one in starred if text.startswith(one[0][:-1]))


def _is(word: Word, pattern: str) -> bool:
    return word.text.startswith(pattern[:-1]) if pattern.endswith("*") else word.text == pattern


@dataclass(frozen=True, slots=True)
class Text:
    """A line prepared for many rules."""

    own: tuple[Word, ...]
    above: tuple[Word, ...]
    own_index: Mapping[str, list[Word]]
    above_index: Mapping[str, list[Word]]

    @classmethod
    def of(cls, line: Line) -> Text:
        """Index the words of `line`."""
        return cls(line.own, line.above, positions(line.own), positions(line.above))

    def without(self, taken: frozenset[int]) -> Text:
        """The same line with these words made unrecognisable; the others keep their places."""
        own = tuple(replace(word, text="") if word.position in taken else word for word in self.own)
        return Text(own, self.above, positions(own), self.above_index)

    @property
    def title(self) -> Text:
        """The set-off beginning alone: what follows explains it, and rules nothing out."""
        own = tuple(word for word in self.own if word.weight == TITLE_WEIGHT)
        return Text(own, self.above, positions(own), self.above_index)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that holds for a line, and on which words."""

    requirement: str
    score: float
    found: tuple[Found, ...]
    rule: Rule | None = None

    def knows(self, word: Word) -> bool:
        """Whether its rule would have taken `word` as well: "registration and login" is one claim."""
        terms = self.rule.wanted if self.rule else ()
        return any(len(one) == 1 and _is(word, one[0]) for term in terms for one in term.alternatives)

    @property
    def first(self) -> int:
        """The position of its first word in the line."""
        return min((word.position for found in self.found if found.claimed for word in found.words), default=0)

    @property
    def spread(self) -> int:
        """How many words lie between the first and the last that it rests on; values and titles may stand anywhere."""
        found = (word for found in self.found if found.claimed for word in found.words)
        places = sorted(
            {word.position for word in found if not word.text.startswith("#") and word.weight != TITLE_WEIGHT}
        )
        return places[-1] - places[0] - len(places) + 1 if places else 0

    def set_off(self, words: tuple[Word, ...], *, wholly: bool = False) -> bool:
        """Whether it rests on the set-off beginning of the line, partly or `wholly`."""
        places = [words[position].weight == TITLE_WEIGHT for position in self.taken]
        return all(places) if wholly else any(places)

    @property
    def taken(self) -> frozenset[int]:
        """The positions of its words in the line."""
        return frozenset(word.position for found in self.found if found.claimed for word in found.words)


@dataclass(frozen=True, slots=True)
class Rule:
    """See the module."""

    requirement: str
    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...]
    bonus: float
    source: str

    def match(self, text: Text) -> Match | None:
        """How the rule holds for `text`, if it does; at least one of its words stands in the line itself."""
        found: list[Found] = []
        for term in self.wanted:
            place = term.find(text)
            if place is None:
                return None
            found.append(place)
        match = Match(self.requirement, self.bonus + _weight(found), tuple(found), self)
        within = text.title if match.taken and match.set_off(text.own, wholly=True) else text
        if all(place.above for place in found) or any(term.find(within) for term in self.unwanted):
            return None
        return match


class Index:
    """Rules by a word that each of them needs, so that a line is compared only with those that may hold for it."""

    def __init__(self, known: Sequence[Rule]) -> None:
        """Index `known`; their order stays."""
        self._known = tuple(known)
        self._by_word: dict[str, set[int]] = {}
        self._by_beginning: dict[str, set[int]] = {}
        for place, rule in enumerate(known):
            needed = next(term for term in rule.wanted if not term.anywhere)
            for first, *_ in needed.alternatives:
                held = self._by_beginning if first.endswith("*") else self._by_word
                held.setdefault(first.rstrip("*")[:BEGINNING] if first.endswith("*") else first, set()).add(place)

    def candidates(self, text: Text) -> Iterator[Rule]:
        """The rules of which `text` holds a word that they need."""
        places: set[int] = set()
        for word in text.own_index:
            places |= self._by_word.get(word, set())
            for length in range(1, BEGINNING + 1):
                places |= self._by_beginning.get(word[:length], set())
        return (self._known[place] for place in sorted(places))


def _weight(found: Sequence[Found]) -> float:
    """What all words count, a word that serves two terms only once."""
    seen: set[tuple[bool, int]] = set()
    total = 0.0
    for place in found:
        new = [word for word in place.words if (place.above, word.position) not in seen]
        seen |= {(place.above, word.position) for word in new}
        total += place.weight if len(new) == len(place.words) else sum(word.weight for word in new)
    return total


class RuleError(ValueError):
    """A line of a rules file cannot be read; the message says which and why."""


def parse(text: str, source: str) -> Iterator[Rule]:
    """The rules of a file.

    Raises:
        RuleError: an unknown requirement, an unknown $name, or a rule without a word of its own.
    """
    numbered = [(i, raw.split("  # ")[0].strip()) for i, raw in enumerate(text.splitlines(), 1)]
    said = [(f"{source}:{i}", line) for i, line in numbered if line and not line.startswith("# ")]
    names: dict[str, str] = {}
    for where, line in said:
        if line.startswith("$"):
            name, _, value = line.partition("=")
            names[name.strip()] = _expanded(value.strip(), names, where)
    for where, line in said:
        if not line.startswith("$"):
            yield _rule(line, names, where)


def _rule(line: str, names: Mapping[str, str], where: str) -> Rule:
    requirement, _, body = line.partition(": ")
    if requirement not in BY_ID:
        raise RuleError(f"{where}: no requirement is called {requirement!r}")
    wanted, unwanted, bonus = [], [], 0.0
    for part in _expanded(body, names, where).split():
        if part[0] in "+-":
            bonus = float(part)
        elif part.startswith("!"):
            unwanted.append(_term(part[1:]))
        else:
            wanted.append(_term(part))
    if not any(not term.anywhere for term in wanted):
        raise RuleError(f"{where}: no word that the line itself must hold")
    return Rule(requirement, tuple(wanted), tuple(unwanted), bonus, where)


def _term(text: str) -> Term:
    alternatives = tuple(tuple(one.lstrip("^").split("_")) for one in text.lstrip("@^~").split("|"))
    lent, whole = text.startswith("~"), text.startswith("^")
    leading = frozenset(one for one, raw in zip(alternatives, text.split("|"), strict=True) if whole or "^" in raw)
    return Term(alternatives, anywhere=lent or text.startswith("@"), leading=leading, lent=lent)


def _expanded(text: str, names: Mapping[str, str], where: str) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    if "$" in text:
        raise RuleError(f"{where}: an unknown $name in {text!r}")
    return text


def load(folder: str = "") -> tuple[Rule, ...]:
    """Every rule of `folder` (the narrow ones stand in none) that comes with the inspector."""
    place = resources.files(__package__).joinpath("rules", folder)
    files = sorted((file for file in place.iterdir() if file.name.endswith(".rules")), key=lambda file: file.name)
    return tuple(rule for file in files for rule in parse(file.read_text("utf-8"), f"{folder}/{file.name}".lstrip("/")))


def tiers() -> tuple[tuple[Rule, ...], ...]:
    """The narrow rules, and these with the wider ones, which are asked only where the narrow ones know nothing."""
    loaded = [load(folder) for folder in FOLDERS]
    return tuple(tuple(rule for tier in loaded[: number + 1] for rule in tier) for number in range(len(loaded)))


def vocabulary(known: Sequence[Rule]) -> Mapping[str, frozenset[str]]:
    """Of each requirement the words that any of its rules looks for: what a line about it may say."""
    words: dict[str, set[str]] = {}
    for rule in known:
        for term in rule.wanted:
            words.setdefault(rule.requirement, set()).update(*term.alternatives)
    return {requirement: frozenset(found) for requirement, found in words.items()}

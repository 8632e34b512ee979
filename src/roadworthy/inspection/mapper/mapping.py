"""Chooses among the rules that hold for a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.checklist import words
from roadworthy.inspection.mapper import claims, code, params, reservations, rules, values
from roadworthy.inspection.mapper.rules import Match, Rule
from roadworthy.inspection.mapper.text import Line
from roadworthy.inspection.model import Form, Item, Requirement
from roadworthy.inspection.requirements import kind_of

VARIABLE_SCORE = 2.1
_LONE_VARIABLE = re.compile(r"^`?(?P<name>[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+)(?:\s?=\s?(?P<value>[^`\s]+))?`?[.;]?$")
_DEMAND = re.compile(
    r"\b(?:must|required?s?|should|ensure|need(?:s|ed)?|use an?|enable|recommended|improves|never|always|mandatory)\b",
    re.IGNORECASE,
)
"""What makes a sentence a demand."""
_MUST = re.compile(r"\bmust (?!not\b|never\b)", re.IGNORECASE)
_ABOUT_ITSELF = re.compile(
    r"\bthis (?:check ?list|guide|document|page|section|file)\b|^(?:recommend\w*|current)\b[^:]*:", re.IGNORECASE
)
_OPEN_QUESTION = re.compile(r"^\W*(?:what|how|which|who|why|when|where)\b.*\?\W*$", re.IGNORECASE)
"""Only people can answer it; "Are backups automated?" can be."""
_COMPARED = re.compile(
    r"\d\s?%\s+(?:faster|slower|reduc\w+|improv\w+|increas\w+|decreas\w+|less|fewer|better|smaller|quicker)\b"
    r"|\b\d+x faster|\b(?:reduced|improved|increased|decreased) by \d",
    re.IGNORECASE,
)
_DELIBERATION = re.compile(
    r"^\W*(?:review|re-?read|look (?:at|through|over)|go (?:through|over)|discuss|decide|consider|think about)\b(?!ed)",
    re.IGNORECASE,
)
"""Somebody is to look or to think: that what is looked at is there doesn't show that it was done."""
LACKING = frozenset({"no", "not", "without", "missing", "lacks"})
_LACK = re.compile(r"^\W*(?:no|missing|lack(?:s|ing)?(?: of)?|without|absence of)\b", re.IGNORECASE)
LACK_IS_GOOD = frozenset({
    "sec.nosecrets", "sec.gitignore", "sec.secretkey", "sec.logs_clean", "sec.depscan", "sec.sast", "sec.trusted_net",
    "sec.nonroot", "sec.cors", "sec.sqli", "code.debug", "code.quality", "srv.errors", "srv.debug", "srv.prodserver",
    "db.leak", "db.leastpriv", "db.slowq", "db.engine", "img.tag", "fe.smoke", "host.ssh", "ci.zero", "perf.errors",
    "jobs.retry", "test.unit", "process.step", "mon.errors",
})  # fmt: skip
"""Requirements of which a line that begins with "No" is the wish itself: "No secrets in code"."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A line with what it asks: all of `requirements`, or any one of them where the line says "or".

    `unread`: further claims of the line that nothing recognises; it can't be said to hold. `unmeasurable`: why no
    check could verify it ("60% faster" than what?).
    """

    item: Item
    requirements: tuple[Requirement, ...]
    any_of: bool = False
    unread: tuple[str, ...] = ()
    unmeasurable: str = ""


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
        if item.form is Form.CODE or _OPEN_QUESTION.match(item.text):
            one = code.map_code(item) if item.form is Form.CODE else None
            return _mapped(item, (params.refined(one),) if one else ())
        lone = _LONE_VARIABLE.match(item.text)
        if lone and (one := code.variable(lone["name"], lone["value"])):
            return _mapped(item, (params.refined(one),))
        line = Line(item)
        found = claims.claims(self._rules, line, list(_by_variables(line)), _demands)
        if found is None or (not item.firm and _is_denied(found.matches[0], line)):
            return _mapped(item, ())
        asked = tuple(one for match in found.matches for one in _requirements(match, item))
        mapped = _mapped(item, asked, denied=_is_denied(found.matches[0], line))
        unread = (*found.unread, *reservations.unread_figures(line, asked))
        return replace(
            mapped, any_of=found.any_of, unread=unread, unmeasurable=_unmeasurable(mapped, line, found.matches)
        )


def _unmeasurable(mapped: Mapped, line: Line, matches: Sequence[Match]) -> str:
    if _COMPARED.search(line.item.text):
        return "it compares with a baseline that the line does not give"
    if _DELIBERATION.match(line.item.text):
        return "it asks somebody to look or to decide, which leaves nothing to see"
    # "No rate limiting will allow abuse: MUST enable" demands it after all.
    demanded = mapped.item.inverse or bool(_MUST.search(line.item.text))
    word = "" if demanded else reservations.negation(line, matches, LACK_IS_GOOD)
    return f"it asks for the lack of something ({word!r}), and checks look for its presence" if word else ""


def _mapped(item: Item, requirements: tuple[Requirement, ...], *, denied: bool = False) -> Mapped:
    conditional, optional = bool(words.condition_of(item.text)), words.is_optional(item.text, *item.section)
    kind = _kind(requirements) if requirements else item.kind
    inverse = denied and requirements[0].id not in LACK_IS_GOOD
    return Mapped(replace(item, kind=kind, inverse=inverse, conditional=conditional, optional=optional), requirements)


def _requirements(match: Match, item: Item) -> Iterator[Requirement]:
    for told in params.read(match.requirement, item):
        yield params.refined(Requirement(match.requirement, told, _why(match, item)))


def _kind(requirements: Sequence[Requirement]) -> Kind:
    """A line of several claims is a machine's as soon as a machine can verify one of them."""
    kinds = [kind_of(one.id) for one in requirements]
    return Kind.MACHINE if Kind.MACHINE in kinds else kinds[0]


def _is_denied(match: Match, line: Line) -> bool:
    """Whether the line states the lack of what it names: "No rollback plan exists", "single node, no pooling"."""
    if match.requirement in LACK_IS_GOOD or _DEMAND.search(line.item.text):
        return False
    before = {line.own[position - 1].text for position in match.taken if position}
    return bool(_LACK.match(line.item.text) or before & LACKING)


def _by_variables(line: Line) -> Iterator[Match]:
    """What the environment variables in a sentence stand for: "Set `HSTS_ENABLED=true`"."""
    for name in values.env_names(line.outside_parentheses):
        one = code.variable(name, None)
        if one and one.id != "cfg.env":
            yield Match(one.id, VARIABLE_SCORE, ())


def _demands(item: Item) -> bool:
    """Whether a sentence asks for something; one that leads in ("... managed through:") or names itself does not."""
    if _ABOUT_ITSELF.search(item.text):
        return False
    return bool(_DEMAND.search(item.text)) or bool(item.title and not item.text.endswith(":"))


def _why(match: Match, item: Item) -> str:
    own = " ".join(f"'{words}'" for words in claims.own_words(match))
    above = any(found.above for found in match.found)
    return f"{own} under '{item.section[-1]}'" if above and item.section else own

"""Chooses among the rules that hold for a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from roadworthy.inspection.checklist import words
from roadworthy.inspection.mapper import claims, code, last, overrides, params, polarity, reservations, rules, values
from roadworthy.inspection.mapper.phrases import harmless
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.mapper.rules import Found, Match, Rule
from roadworthy.inspection.mapper.text import LINE_NUMBER, Line, tokens
from roadworthy.inspection.mapper.told import Mapped, kind_of_line
from roadworthy.inspection.model import Form, Item, Requirement

VARIABLE_SCORE = 2.1
LEADING_BONUS = 1.0
"""A line that begins with a variable is about it first."""
LOOKED_FOR_WHOLE = frozenset({"feature.exists", "flow.generic", "test.smoke", "process.step"})
"""Anything may stand for these; their checks look for everything that the line names, and pass for nothing less."""
NAMED_BY_LINE = frozenset({"perf.latency"})
"""Their checks look for what the line is about by its words."""
_LONE_VARIABLE = re.compile(r"^`?(?P<name>[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+)(?:\s?=\s?(?P<value>[^`\s]+))?`?[.;]?$")
_LONE_COMMAND = re.compile(r"^`(?P<command>[a-z][\w.-]*(?:\s[^`]+)?)`[.;]?$")
_BLANK = re.compile(r"(?:^|:)[\s*]*_{2,}[\s*]*(?:/\s*\d+)?[\s*]*$")
"""Room for somebody to write in: a name, a date, a mark."""
_DEMAND = re.compile(
    r"\b(?:must|required?s?|should|ensure|need(?:s|ed)?|use an?|enable|recommended|improves|never|always|mandatory)\b",
    re.IGNORECASE,
)
"""What makes a sentence a demand."""
_ABOUT_ITSELF = re.compile(
    r"\bthis (?:check ?list|guide|document|page|section|file)\b|^(?:recommend\w*|current)\b[^:]*:", re.IGNORECASE
)
_OPEN_QUESTION = re.compile(
    r"^\W*(?:(?:what|how|which|who|why|when|where)\b|(?:do|does|is|has|have|can) (?:your|the|our) (?:organi[sz]ation"
    r"|company|business|teams?|staff)\b|do (?:you|we)\b).*\?\W*$",
    re.IGNORECASE,
)
"""Only people can answer it; "Are backups automated?" can be."""


class Mapper:
    """Maps lines by rules; holds no state but the rules."""

    def __init__(self, known: Sequence[Rule] | None = None) -> None:
        """Take other rules than those that come with the inspector, for tests."""
        tiers = (tuple(known),) if known is not None else rules.tiers()
        self._tiers = [rules.Index(one) for one in tiers]
        self._words = rules.vocabulary(tiers[0])

    def map(self, items: Iterable[Item]) -> list[Mapped]:
        """Every line that is an item: those that are firm, and those that ask for something known."""
        mapped = (self.map_one(item) for item in items)
        return [one for one in mapped if one.item.firm or one.requirements]

    def map_one(self, item: Item) -> Mapped:
        """What `item` asks; no requirement means unmapped.

        Raises:
            InvalidOverride: its comment in the file names what there is not.
        """
        if item.override:
            return self._overridden(item)
        said = replace(item, text=LINE_NUMBER.sub("", item.text, count=1))
        if item.form is Form.CODE or _is_open_question(said):
            one = code.map_code(item) if item.form is Form.CODE else None
            return _of_command(item, one) if one else _mapped(item, ())
        if _BLANK.search(said.text):
            return _mapped(item, ())
        command = _LONE_COMMAND.match(said.text)
        if command and (one := code.map_code(replace(said, text=command["command"], language="shell"))):
            return _of_command(item, one)
        lone = _LONE_VARIABLE.match(said.text)
        if lone and (one := code.variable(lone["name"], lone["value"])):
            return _mapped(item, (params.refined(last.rotated(item, one)),))
        return self._by_words(item, Line(said))

    def _overridden(self, item: Item) -> Mapped:
        """What the comment says; where that is what the words say as well, they are looked at as without it."""
        said, own = overrides.read(item), self.map_one(replace(item, override=""))
        if [one.id for one in said.requirements] != [one.id for one in own.requirements]:
            return said
        return replace(said, understood=own.understood, left=tuple(one for one in own.left if one in said.unread))

    def _by_words(self, item: Item, line: Line) -> Mapped:
        found = self._claims(item, line)
        if found is None or (
            last.suite(item) and not any(one.requirement.startswith("test.") for one in found.matches)
        ):
            return _of_anything(item)
        asked, groups = _asked(found.matches, line.item)
        mapped = _mapped(item, asked)
        sense = polarity.sense(line, found.matches, mapped.requirements)
        if not item.firm and sense is not Sense.ASKED:
            return _mapped(item, ())
        left = self._left(found, line, mapped.requirements, turned=sense is not Sense.ASKED)
        return replace(
            mapped,
            item=replace(mapped.item, inverse=sense is Sense.INVERSE),
            any_of=found.any_of,
            alternatives=groups,
            sense=sense,
            shown_by_failure=polarity.is_shown(sense, mapped.requirements),
            unread=tuple(dict.fromkeys((*_unread(found, line, mapped.requirements), *left))),
            understood=claims.understood(found, line),
            left=left,
            unmeasurable=reservations.unmet(line, mapped.requirements) or _UNTOLD.get(sense, ""),
        )

    def _claims(self, item: Item, line: Line) -> claims.Claims | None:
        """What the first tier of rules that knows the line reads in it; what may be no item at all must be plain."""
        more = list(_by_variables(line))
        tiers = self._tiers if item.firm or item.claimed is not None else self._tiers[:1]
        told = (claims.claims(tier, line, more, _demands, wide=i > 0) for i, tier in enumerate(tiers))
        return next((found for found in told if found), None)

    def _left(self, found: claims.Claims, line: Line, asked: Sequence[Requirement], *, turned: bool) -> tuple[str, ...]:
        """What the line says in words that nobody knows of what is `asked`; `turned`: its denials are understood."""
        if all(one.id in NAMED_BY_LINE or _is_looked_for_whole(one) for one in asked):
            return ()
        known = {word for one in asked for word in (*self._words.get(one.id, ()), *_told(one))}
        known.update(*(harmless(one.id.partition(".")[0]) for one in asked))
        known.update(reservations.TURNING if turned else ())
        phrases = (*_unread(found, line, asked), *values.files(line.item.text))
        known.update(word for phrase in phrases for word in tokens(phrase))
        return claims.left_over(found, line, known)


def _unread(found: claims.Claims, line: Line, asked: Sequence[Requirement]) -> tuple[str, ...]:
    """Claims, figures and qualifiers of the line that no check of what is `asked` looks at."""
    left = (*reservations.unread_figures(line, asked), *reservations.qualifiers(line, asked))
    return left if all(_is_looked_for_whole(one) for one in asked) else (*found.unread, *left)


def _is_looked_for_whole(one: Requirement) -> bool:
    return one.id in LOOKED_FOR_WHOLE and not one.params.get("path")


def _of_command(item: Item, one: Requirement) -> Mapped:
    """A line of code. A command to type is no proof of what would happen without anybody who types it."""
    mapped = _mapped(item, (params.refined(one),))
    if one.id == "ci.deploy":
        return replace(mapped, unmeasurable="it is a command that somebody types, not what happens by itself")
    starts_a_file = one.id == "srv.prodserver" and not one.params.get("server")
    return replace(mapped, unread=(item.text.strip("`"),)) if starts_a_file else mapped


def _of_anything(item: Item) -> Mapped:
    """A line that no rule knows, by its heading or its form; it can't be said to hold by what answers for these."""
    asked, why = last.requirement(item)
    if not asked:
        named = last.leading_variable(item)
        return replace(_mapped(item, (named,)), unread=(item.text,)) if named else _mapped(item, ())
    told = params.read(asked, item).params[0]
    mapped = _mapped(item, (params.refined(Requirement(asked, told, why)),))
    return mapped if asked in LOOKED_FOR_WHOLE else replace(mapped, unread=(item.text,))


def _is_open_question(item: Item) -> bool:
    """Whether only people can answer it: "How do we scale?", "Does your organization track costs?"."""
    return bool(_OPEN_QUESTION.match(item.text)) or (item.form is Form.PROSE and item.text.endswith("?"))


def _told(one: Requirement) -> Iterator[str]:
    """The words of the values that were read from the line."""
    for name, value in one.params.items():
        if name not in reservations.WHOLE_LINES:
            for part in value if isinstance(value, tuple) else (value,):
                yield from tokens(str(part))


_UNTOLD = {Sense.UNTOLD: "it asks for the lack of something, and checks look for its presence"}


def _mapped(item: Item, requirements: tuple[Requirement, ...]) -> Mapped:
    conditional, optional = bool(words.condition_of(item.text)), words.is_optional(item.text, *item.section)
    kind = kind_of_line(requirements) if requirements else item.kind
    return Mapped(replace(item, kind=kind, conditional=conditional, optional=optional), requirements)


def _asked(matches: Sequence[Match], item: Item) -> tuple[tuple[Requirement, ...], tuple[int, ...]]:
    """What the claims ask, and the number of the group of alternatives that each belongs to."""
    asked: list[Requirement] = []
    groups: list[int] = []
    for match in matches:
        told = params.read(match.requirement, item)
        first = len(asked)
        for place, one in enumerate(told.params, first):
            asked.append(params.refined(Requirement(match.requirement, one, _why(match, item))))
            groups.append(first if told.any_of else place)
    return tuple(asked), tuple(groups) if len(set(groups)) < len(groups) else ()


def _by_variables(line: Line) -> Iterator[Match]:
    """What the environment variables in a sentence stand for: "Set `HSTS_ENABLED=true`"."""
    for name in values.env_names(line.outside_parentheses):
        one = code.variable(name, None)
        if one and one.id != "cfg.env":
            leads = line.item.text.lstrip("`").startswith(name)
            found = (Found(line.own[: len(tokens(name))], above=False),) if leads else ()
            yield Match(one.id, VARIABLE_SCORE + (LEADING_BONUS if leads else 0), found)


def _demands(item: Item) -> bool:
    """Whether a sentence asks for something; one that leads in ("... managed through:") or names itself does not."""
    if _ABOUT_ITSELF.search(item.text):
        return False
    return bool(_DEMAND.search(item.text)) or bool(item.title and not item.text.endswith(":"))


def _why(match: Match, item: Item) -> str:
    if match.rule is None:  # it rests on a setting that the line names
        return f"variable {', '.join(values.env_names(item.text))}"
    own = " ".join(values.SIGN_NAMES.get(said) or f"'{said}'" for said in claims.own_words(match))
    above = any(found.above for found in match.found)
    return f"{own} under '{item.section[-1]}'" if above and item.section else own

"""What a comment in the checklist says that its line asks, read and written.

Terms stand with semicolons between:

    db.pool min=20                      a requirement and its parameters, whose names may be cut short
    db.engine engine=mysql | redis.up   alternatives: one is enough
    also "off-site"                     a further claim that no check looks at: the line is not said to hold
    without "in Vault"                  the line is judged without these words, which no check looks at
    unseen "compared with what?"        no check could settle the line, for this reason
    inverse, opposite                   the line states trouble, or that a thing is off
    ignore "about the mobile app"       the line is left to people, for this reason
    unmapped                            nobody knows yet what it asks
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.errors import InvalidOverride
from roadworthy.inspection.mapper import params, polarity
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.mapper.text import LINE_NUMBER
from roadworthy.inspection.mapper.told import Mapped, kind_of_line
from roadworthy.inspection.model import Item, Param, Requirement
from roadworthy.inspection.requirements import BY_ID

WHY = "as a comment in the checklist says"
FROM_THE_LINE = frozenset({"subject", "condition"})
"""Parameters that repeat the line's words: never written, always read from it."""
OF_MANY = frozenset({"packages", "in_file", "name", "value"})
"""Parameters that a line may give to any requirement: what brings it about, and the setting that it was read from."""
_LISTS = frozenset({"columns", "names", "headers", "paths", "what", "whose", "packages", "ports"})
_NUMBERS = re.compile(
    r"^(?:min|max|per)_(?!.*name)|seconds$|hours$|days$|bytes$|size$|ratio$|^(?:workers|cores|users|attempts|extra"
    r"|percentile|max_overflow|per_core|level_number)$"
)
_SWITCHES = frozenset({"exempt", "below", "cached", "readiness"})
_TERM = re.compile(r'(?:[^;"]|"(?:\\.|[^"\\])*")+')
_ALTERNATIVE = re.compile(r'(?:[^|"]|"(?:\\.|[^"\\])*")+')
_WORD = re.compile(r'(?P<name>[\w.-]+)=(?P<value>"(?:\\.|[^"\\])*"|[^\s"]*)|(?P<bare>"(?:\\.|[^"\\])*"|\S+)')
_PLAIN = re.compile(r"[\w./:@{}*+%,-]+")
_ESCAPED = re.compile(r"\\(?:u([0-9a-f]{4})|(.))")
_UNSAFE = re.compile(r'["\\<>`|;\[\]&\x00-\x1f*_~$]|--')


@dataclass(slots=True)
class _Said:
    requirements: list[Requirement] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unseen: str = ""
    ignore: str = ""
    sense: Sense = Sense.ASKED


def read(item: Item) -> Mapped:
    """What the comment of `item` says.

    Raises:
        InvalidOverride: an unknown requirement, parameter or value, with the line and what was probably meant.
    """
    said = _Said()
    for term in _TERM.findall(item.override):
        if term.strip():
            _take(said, term.strip(), item)
    asked = tuple(said.requirements)
    kind = Kind.HUMAN if said.ignore else kind_of_line(asked) if asked else item.kind
    return Mapped(
        replace(item, kind=kind, inverse=said.sense is Sense.INVERSE, firm=True),
        asked,
        alternatives=tuple(said.groups) if len(set(said.groups)) < len(asked) else (),
        unread=tuple(said.also),
        unmeasurable=said.unseen,
        sense=said.sense,
        shown_by_failure=polarity.is_shown(said.sense, asked),
        left_out=said.ignore,
        without=tuple(said.without),
    )


def _take(said: _Said, term: str, item: Item) -> None:
    word, _, rest = term.partition(" ")
    match word.strip(":"):
        case "also":
            said.also.append(_words(rest, item))
        case "without":
            said.without.append(_words(rest, item))
        case "unseen":
            said.unseen = _words(rest, item)
        case "ignore":
            said.ignore = _words(rest, item)
        case "inverse" | "opposite":
            said.sense = Sense(word.strip(":"))
        case "unmapped":
            pass
        case _:
            group = len(said.requirements)
            for alternative in _ALTERNATIVE.findall(term):
                said.requirements.append(_requirement(alternative.strip(), item))
                said.groups.append(group)


def _words(rest: str, item: Item) -> str:
    words = _unquoted(rest.strip()).strip()
    if not words:
        raise _invalid(item, "no words follow", 'say which: ignore "about the mobile app"')
    return words


def _requirement(text: str, item: Item) -> Requirement:
    words = list(_WORD.finditer(text))
    requirement = _known(words[0]["bare"] or words[0][0] if words else text, item)
    given = _in_its_words(requirement, item)
    for match in words[1:]:
        if not match["name"]:
            raise _invalid(
                item, f"{match['bare']!r} is no parameter of {requirement}", f"write name=value: {_takes(requirement)}"
            )
        parameter = _parameter(requirement, match["name"], item)
        given[parameter] = _value(parameter, match["value"], item)
    return Requirement(requirement, given, WHY)


def _in_its_words(requirement: str, item: Item) -> dict[str, Param]:
    """The parameters that merely repeat the line."""
    said = replace(item, text=LINE_NUMBER.sub("", item.text, count=1))
    told = params.read(requirement, said).params[0]
    return {name: value for name, value in told.items() if name in FROM_THE_LINE}


def _known(name: str, item: Item) -> str:
    if name in BY_ID:
        return name
    near = (
        difflib.get_close_matches(name, BY_ID, n=3, cutoff=0.5)
        or [one for one in BY_ID if one.startswith(name[:3])][:3]
    )
    hint = f"did you mean {', '.join(near)}?" if near else "`roadworthy inspect CHECKLIST.md --plan` shows the ids"
    raise _invalid(item, f"no requirement is called {name!r}", hint)


def _parameter(requirement: str, name: str, item: Item) -> str:
    takes = BY_ID[requirement].params
    if name in takes or name in FROM_THE_LINE | OF_MANY:
        return name
    begun = [one for one in takes if one.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    problem = f"{name!r} may be {' or '.join(begun)}" if begun else f"{requirement} takes no {name!r}"
    raise _invalid(item, problem, _takes(requirement))


def _takes(requirement: str) -> str:
    takes = BY_ID[requirement].params
    return f"{requirement} takes {', '.join(takes)}" if takes else f"{requirement} takes no parameters"


def _value(name: str, text: str, item: Item) -> Param:
    value = _unquoted(text)
    if not value:
        raise _invalid(item, f"{name} has no value", f"write {name}=VALUE, or leave it out")
    if name in _LISTS or (name == "tool" and "," in value):
        return tuple(part.strip() for part in value.split(","))
    if name in _SWITCHES:
        if value not in {"true", "false"}:
            raise _invalid(item, f"{name} is true or false, not {value!r}", f"write {name}=true")
        return value == "true"
    return _number(name, value, item) if _NUMBERS.search(name) else value


def _number(name: str, value: str, item: Item) -> int | float:
    share = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)%", value)
    if share and name.endswith("ratio"):
        return round(float(share[1]) / 100, 6)
    if not re.fullmatch(r"\d+(?:\.\d+)?", value):
        raise _invalid(item, f"{name} is a number, not {value!r}", f"write it as in {name}=20")
    return float(value) if "." in value else int(value)


def _invalid(item: Item, problem: str, remedy: str) -> InvalidOverride:
    return InvalidOverride(f"line {item.override_line}: <!-- roadworthy: {item.override[:60]} -->: {problem}", remedy)


def _unquoted(text: str) -> str:
    if not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], text[1:-1])


def write(mapped: Mapped) -> str:
    """The comment that says what `mapped` says, without its marks."""
    if not mapped.requirements:
        return "unmapped"
    asked = [" | ".join(_written(mapped.requirements[i]) for i in group) for group in mapped.groups]
    return "; ".join([*asked, *_remarks(mapped)])


def _remarks(mapped: Mapped) -> Iterator[str]:
    if mapped.sense in {Sense.INVERSE, Sense.OPPOSITE}:
        yield str(mapped.sense)
    yield from (f"also {_quoted(words)}" for words in mapped.unread)
    yield from (f"without {_quoted(words)}" for words in mapped.without)
    if mapped.unmeasurable:
        yield f"unseen {_quoted(mapped.unmeasurable)}"


def _written(requirement: Requirement) -> str:
    told = ((name, value) for name, value in requirement.params.items() if name not in FROM_THE_LINE)
    return " ".join([requirement.id, *(f"{name}={_as_value(value)}" for name, value in told)])


def _as_value(value: Param) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if _PLAIN.fullmatch(text) and not _UNSAFE.search(text) else _quoted(text)


def _quoted(text: str) -> str:
    """In quotes, with nothing in it that would end the comment or act in Markdown."""
    safe = _UNSAFE.sub(lambda match: "".join(f"\\u{ord(character):04x}" for character in match[0]), text)
    return f'"{safe}"'

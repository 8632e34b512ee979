"""Which words of a line carry a claim of their own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from roadworthy.inspection.remainder.lexicon import LONGEST, Entry, Sort, entries

_CODE = re.compile(r"`[^`]*`")
"""Code of several words is the way to do something, and no part of what is claimed."""
_EXAMPLES = re.compile(
    r"\([^)]{0,300}\b(?:e\.?g|etc|such as|like|optional\w*|recommended|cannot|can't|because|instead|currently|default"
    r"|if|when)\b[^)]{0,300}\)|\b(?:e\.g\.|such as|for example|for instance)[^.;]*",
    re.IGNORECASE,
)
_EXPLAINING = re.compile(
    r"(?:\bso that\b|\bbecause\b|\bin order to\b|\bto (?:prevent|avoid|reduce|improve|allow|ensure|protect|handle)\b"
    r"|\bfor (?:better|faster|easier|improved)\b|\bimproves?\b|\binstead of\b|\brather than\b).*$",
    re.IGNORECASE,
)
"""What it is for: a reason claims nothing."""
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_SPAN = re.compile(r"`([^`\s]+)`")
_PATH = re.compile(r"(?<![\w.:/~}-])(/(?:[\w.{}*-]+/?)+)")
_FILE = re.compile(
    r"(?<![\w/.-])((?:[\w.-]+/)*[\w-][\w.-]*\.(?:py|m?[jt]sx?|rb|go|java|php|rs|sh|sql|ya?ml|toml|conf|cfg|ini|json|md|html?|css|env|lock"
    r"|txt|xml|service|timer|pem|crt|key))\b",
    re.IGNORECASE,
)
_SETTING = re.compile(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b")
_SNAKE = re.compile(r"(?<![\w./-])([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b(?![./])")
_HEADER = re.compile(
    r"\b(X-[A-Z][\w-]*|(?:[A-Z][a-z]+-)+(?:Policy|Options|Control|Security|Type|Origin|Headers|Site|Protection|Transport|By))\b"
)
_REGION = re.compile(
    r"\b((?:us|eu|ap|sa|ca|me|af|il)-(?:gov-)?(?:north|south|east|west|central)\w*-\d)\b", re.IGNORECASE
)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/`'\")]*", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"^[\s,`*]*(?:/|\||\bor\b)[\s,`*]*(?:an?\b\s*)?$", re.IGNORECASE)
_COMMA = re.compile(r"^\s*,\s*$")
_OR_BEFORE = re.compile(r"(?:\bor\b|/)\W*$", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:no|not|never|without|none|nothing|zero|0|cannot|if|when|while|until|unless|alerts?|on)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"^\W*(?:(?:will|does|do|can|is|must|should)\s*)?(?:not\b|cannot\b|n['\u2019]t\b)", re.IGNORECASE
)
_NOT_BEFORE = re.compile(r"\b(?:not|instead of|rather than|replaces|from)\s+$", re.IGNORECASE)
_HARMS = re.compile(
    r"\b(?:errors?|problems?|issues?|failures?)\s+(?:prevent|block|caus|affect|break)\w*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Words of a line that claim something: as they stand there, why they do, and what else they go by.

    `place`: where they begin; `end`: where they end. `group`: others of its group are alternatives, and it is `listed`
    where an "or" joins it to these. `denied`: the line
    says that it is not there.
    """

    words: str
    sort: Sort
    spellings: frozenset[str]
    place: int
    end: int
    group: int = 0
    listed: bool = False
    denied: bool = False


def claimed(text: str) -> tuple[Claimed, ...]:
    """What `text` claims by words of its own, in order; examples, reasons and commands claim nothing."""
    said = saying(text)
    names = list(_names(said))
    bare = list(said)
    for one in names:
        bare[one.place : one.end] = " " * (one.end - one.place)
    others = "".join(bare)
    found = [*names, *_of_lexicons(others), *_opposite(others)]
    return _grouped(sorted(found, key=lambda one: (one.place, -one.end)), said)


def saying(text: str) -> str:
    """`text` with what claims nothing made blank, every other character in its place."""
    text = _CODE.sub(lambda match: _blank(match) if any(map(str.isspace, match[0])) else match[0], text)
    for pattern in (_EXAMPLES, _EXPLAINING):
        text = pattern.sub(_blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _names(said: str) -> Iterator[Claimed]:
    """Identifiers: code spans, paths, files, settings, regions."""
    taken: list[tuple[int, int]] = []
    bare = _ADDRESS.sub(_blank, said)
    for pattern in (_SPAN, _FILE, _PATH, _SETTING, _SNAKE, _HEADER, _REGION):
        for match in pattern.finditer(bare):
            start, end = match.span(1)
            if not any(start < held[1] and end > held[0] for held in taken):
                taken.append((start, end))
                name = match[1].partition("=")[0].partition("(")[0].strip("\"'.,;:@<>[]{}").rstrip("/")
                if name:
                    yield Claimed(match[1], Sort.NAME, frozenset([name.lower()]), start, end)


def _of_lexicons(said: str) -> Iterator[Claimed]:
    tokens = list(_TOKEN.finditer(said))
    for sort in (Sort.THING, Sort.STRONG, Sort.WEAK, Sort.EVERY, Sort.BEHAVES, Sort.WHO, Sort.ACT):
        known, until = entries(sort), 0
        for first in range(len(tokens)):
            if first >= until:
                size, entry = _longest(tokens[first : first + LONGEST], known)
                own = tokens[first : first + size]
                if entry and not (entry.proper and not _is_proper(own[0], said)):
                    start, end = own[0].start(), own[-1].end()
                    denied = sort is Sort.THING and _is_denied(own, said)
                    yield Claimed(said[start:end], sort, entry.spellings, start, end, denied=denied)
                    until = first + size


def _longest(tokens: Sequence[re.Match[str]], known: Mapping[str, Entry]) -> tuple[int, Entry | None]:
    for size in range(len(tokens), 0, -1):
        entry = known.get("".join(token[0].lower() for token in tokens[:size]))
        if entry:
            return size, entry
    return 0, None


def _is_denied(tokens: Sequence[re.Match[str]], said: str) -> bool:
    """Whether the line does without it: "SQLite will not do", "instead of MySQL"."""
    after, before = said[tokens[-1].end() :], said[: tokens[0].start()]
    return bool(_NOT_AFTER.match(after) or _NOT_BEFORE.search(before))


def _is_proper(token: re.Match[str], said: str) -> bool:
    return token[0][0].isupper() and bool(said[: token.start()].strip())


def _opposite(said: str) -> Iterator[Claimed]:
    """A line that ends in what is wrong, or says what errors do."""
    if _DENIED.search(said):
        return
    known, tokens = entries(Sort.OPPOSITE), list(_TOKEN.finditer(said))
    last = tokens[-1] if tokens else None
    harms = _HARMS.search(said)
    if harms:
        yield Claimed(harms[0], Sort.OPPOSITE, frozenset(["".join(harms[0].lower().split())]), *harms.span())
    elif last and len(tokens) > 1 and last[0].lower() in known:
        yield Claimed(last[0], Sort.OPPOSITE, frozenset([last[0].lower()]), *last.span())


def _grouped(found: Sequence[Claimed], said: str) -> tuple[Claimed, ...]:
    """Things with "or" or a slash between them are alternatives, and so are those before them in the same row."""
    grouped: list[Claimed] = []
    after: dict[Sort, Claimed] = {}
    for one in reversed(found):
        following = after.get(one.sort)
        between = said[one.end : following.place] if following and one.sort is Sort.THING else None
        joined = between is not None and (
            _ALTERNATIVE.match(between) or (_COMMA.match(between) and following is not None and following.listed)
        )
        group = following.group if joined and following else one.place + 1
        held = replace(one, group=group, listed=bool(joined) or _is_last_of_several(one, said))
        after[one.sort] = held
        grouped.append(held)
    return tuple(reversed(grouped))


def _is_last_of_several(one: Claimed, said: str) -> bool:
    """Whether "or" stands right before it."""
    return bool(_OR_BEFORE.search(said[: one.place]))


def words_of(found: Collection[Claimed]) -> tuple[str, ...]:
    """As they stand in the line, each once."""
    return tuple(dict.fromkeys(one.words for one in found))

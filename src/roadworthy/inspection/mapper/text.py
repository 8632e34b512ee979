"""A line as words that rules can look for, with signs where values stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from roadworthy.inspection.mapper import values
from roadworthy.inspection.mapper.phrases import in_english
from roadworthy.inspection.model import Item

TITLE_WEIGHT, BODY_WEIGHT, ASIDE_WEIGHT = 1.6, 1.0, 0.75
NEAR_WEIGHT, FAR_WEIGHT = 0.8, 0.45
"""What a word counts by where it stands: the set-off beginning of a line says most, a parenthesis gives examples;
the nearest heading carries half of the meaning, one further up less."""

_TOKEN = re.compile(r"(?<![\w.])\.[a-z]+|[a-z0-9\u00c0-\u1fff\u2c00-\uffff]+|[,;&]|(?<=\s)\+(?=\s)", re.IGNORECASE)
CONJUNCTIONS = frozenset({",", ";", "&", "+", "and"})
_HOST = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/`'\")]*", re.IGNORECASE)
_SNIPPET = re.compile(
    r"`(?:(?:node|python3?|php|ruby|perl|bash|sh|deno|bun) --?(?:c|e|r|p|eval)|openssl [a-z]+) [^`]*`"
)
"""A program in a line, given as the way to do something: its words are not the author's."""
_METHOD = re.compile(r"\b[A-Z]\w*\.[a-z](?=\w*_\w)\w+(?:\(\))?|\b[a-z](?=\w*_\w)\w+\(\)")
"""A method of somebody's code: what it is called after says nothing about what the line asks."""
_HUMPS = re.compile(r"\b[A-Za-z][a-z]{2,}(?:[A-Z][a-z]+)+\b")
_HUMP = re.compile(r"[A-Z]?[a-z]+")
_ONE_WORD = frozenset({
    "javascript", "typescript", "github", "gitlab", "opentelemetry", "cloudflare", "cloudfront", "cloudwatch",
    "uptimerobot", "pagerduty", "statuscake", "whitenoise", "elasticsearch", "opensearch", "letsencrypt", "bitbucket",
    "sonarqube", "clickhouse", "graphql", "rabbitmq", "mongodb", "dynamodb", "fluentbit", "datadog", "bugsnag",
    "newrelic", "sendgrid", "haproxy", "openapi", "redoc",
})  # fmt: skip
"""Names that are written with humps and are one word all the same."""
LINE_NUMBER = re.compile(
    "^(?:[A-Z]{1,8}[-.]?\\d+(?:[-.]\\d+)*|\\d+(?:\\.\\d+)+)\\s*(?:[:\N{EN DASH}\N{EM DASH}-]|\\.)\\s+(?=\\S)"
)
"""What a line is called by in its document: "PRC-27-003 - ", "2.1.4: "."""
_SPECIAL = {".env": "dotenv", ".gitignore": "gitignore", ".dockerignore": "dockerignore", ".github": "github"}
_TITLE_BREAK = re.compile("\\s(?:-|\N{EN DASH}|\N{EM DASH}|\N{RIGHTWARDS ARROW}|->)\\s+|:\\s+")
TITLE_LIMIT_WORDS = 6
LEAST_HUMP_CHARACTERS = 4
_EMPTY = frozenset({
    "a", "an", "the", "of", "for", "to", "in", "on", "at", "by", "with", "and", "or", "is", "are", "be", "been",
    "has", "have", "all", "any", "your", "our", "its", "it", "this", "that", "as", "from", "into", "via", "per",
    "set", "up", "setup", "use", "used", "using", "add", "added", "adds", "enable", "enabled", "enables", "configure",
    "configured", "configuration", "implement", "implemented", "ensure", "verify", "verified", "check", "checked",
    "create", "created", "make", "install", "installed", "working", "works", "properly", "proper", "correctly",
    "correct", "complete", "completed", "ready", "done", "running", "active", "place", "production", "system", "app",
    "application", "service", "required", "recommended", "optional", "new", ",", ";", "&", "+",
})  # fmt: skip
"""Words that say little about what a line is about."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case, where it stands in its line, and how much it counts."""

    text: str
    position: int
    weight: float


@dataclass(frozen=True)
class Line:
    """An item as the rules see it: its own words, and those that stand above it."""

    item: Item

    @cached_property
    def own(self) -> tuple[Word, ...]:
        """The words of the line itself, then signs for the values in it (`#rate`, `#percent`, ...)."""
        title, rest = map(in_english, self.parts)
        marked = [(word, TITLE_WEIGHT) for word in tokens(values.without_sources(title))]
        for depth, piece in _by_depth(rest):
            marked += [(word, ASIDE_WEIGHT if depth else BODY_WEIGHT) for word in tokens(values.without_sources(piece))]
        signs = [(sign, BODY_WEIGHT) for sign in values.signs(self.item.text)]
        return tuple(Word(word, i, weight) for i, (word, weight) in enumerate(marked + signs))

    @cached_property
    def above(self) -> tuple[Word, ...]:
        """The words of the headings, the sentence that leads in and the enclosing items."""
        near = in_english(" ; ".join((*self.item.section[-1:], *self.item.context)))
        far = in_english(" ; ".join(self.item.section[:-1]))
        marked = [(word, NEAR_WEIGHT) for word in tokens(near)] + [(word, FAR_WEIGHT) for word in tokens(far)]
        return tuple(Word(word, i, weight) for i, (word, weight) in enumerate(marked))

    @cached_property
    def outside_parentheses(self) -> str:
        """The line without its asides."""
        return "".join(piece for depth, piece in _by_depth(self.item.text) if not depth)

    @cached_property
    def telling(self) -> frozenset[int]:
        """The positions of the words outside parentheses that say what the line is about."""
        return frozenset(
            word.position
            for word in self.own
            if word.weight != ASIDE_WEIGHT and not word.text.startswith("#") and word.text not in _EMPTY
        )

    @cached_property
    def parts(self) -> tuple[str, str]:
        """The set-off beginning of the line ("**Redis caching** - ...", "Redis caching: ...") and the rest."""
        text, title = self.item.text, self.item.title
        if title and text.startswith(title) and len(text) > len(title) + 1:
            return title, text[len(title) :]
        match = _TITLE_BREAK.search(text)
        if match and 0 < len(tokens(text[: match.start()])) <= TITLE_LIMIT_WORDS and "(" not in text[: match.start()]:
            return text[: match.start()], text[match.end() :]
        return "", text


def tokens(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case; `pool_size`, `rate-limit` and `ci/cd` are two words each.

    `ServiceAccount` is three: as it stands, and its parts.
    """
    return tuple(_words(_HUMPS.sub(_with_parts, _METHOD.sub(" ", _HOST.sub(" ", _SNIPPET.sub(" ", text))))))


def _with_parts(match: re.Match[str]) -> str:
    parts = _HUMP.findall(match[0])
    telling = all(len(part) >= LEAST_HUMP_CHARACTERS for part in parts) or len(parts) > 2  # noqa: PLR2004 - PostgreSQL has two
    return f"{match[0]} {' '.join(parts)}" if telling and match[0].lower() not in _ONE_WORD else match[0]


def _words(text: str) -> Iterator[str]:
    for raw in _TOKEN.findall(text.lower().replace("\u2019", "'")):
        word = _SPECIAL.get(raw)
        if word:
            yield word
        elif bare := raw.lstrip("."):
            yield bare


def _by_depth(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of `text` with the number of parentheses around each."""
    depth, start = 0, 0
    for i, character in enumerate(text):
        if character in "()":
            yield depth, text[start:i]
            depth, start = max(0, depth + (1 if character == "(" else -1)), i + 1
    yield depth, text[start:]


def positions(words: tuple[Word, ...]) -> Mapping[str, list[Word]]:
    """Where each word stands."""
    found: dict[str, list[Word]] = {}
    for word in words:
        found.setdefault(word.text, []).append(word)
    return found

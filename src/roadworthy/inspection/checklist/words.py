"""What a line of a checklist carries besides its words: emoji, status words, marks, conditions."""

from __future__ import annotations

import re

from markdown_it.token import Token

DONE = frozenset("✅☑✔✓🟢👍🆗")
OPEN = frozenset("❌✖✗🔴🟡🟠⭕⬜🔲🚫⏳🚧☐◻")
_VARIATION = "\N{VARIATION SELECTOR-16}"
TEXT_LIMIT_CHARACTERS = 1_000
"""Whatever a line claims, it does so in fewer; readers of values need not be linear beyond."""
_PICTURES = re.compile("[\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001fbff]")
"""Symbols, dingbats and emoji with their joiners; arrows and mathematical signs stay, they mean something."""
_DONE_WORDS = r"done|passed|pass|complete|completed|ok|yes|implemented|ready|verified|configured|enabled"
_OPEN_WORDS = r"todo|pending|open|no|failed|missing|in progress|planned|not started|partial|blocked|n/?a|tbd|unknown"
_STATUS_WORD = re.compile(rf"^\W*(?:(?P<done>{_DONE_WORDS})|(?P<open>{_OPEN_WORDS}))\b\W*$", re.IGNORECASE)
BOX_ALONE = re.compile(r"\[(?P<mark>[ xX]?)\]")
"""A box that stands by itself, as in a cell of a table."""
_CONDITION = re.compile(
    r"\b(?:if|unless) (?:needed|necessary|applicable|appropriate|required|relevant|used|using|any|available|possible"
    r"|multiple|you|your|exists?|desired|enabled|running|behind|there (?:is|are)|\w+ (?:is |are )?enabled)\b"
    r"[^).;,]{0,60}"
    r"|\b(?:as|when|where) (?:needed|necessary|applicable|appropriate|required|relevant|possible)\b(?=\s*(?:[).;,]|$))"
    r"|\b(?:when|where) using\b[^).;,]{0,40}",
    re.IGNORECASE,
)
_OPTIONAL = re.compile(r"\b(?:optional(?:ly)?|nice to have|recommended|consider)\b", re.IGNORECASE)


def plain(inline: Token) -> str:
    """The words of an inline token: without emphasis and link targets, code kept in backticks, cut at the limit."""
    return _squeezed("".join(_piece(child) for child in inline.children or ()))[:TEXT_LIMIT_CHARACTERS]


def bold_start(inline: Token) -> str:
    """The bold words that the line begins with, or "": what its author thinks it is called."""
    words: list[str] = []
    depth = 0
    for child in inline.children or ():
        if child.type == "strong_open":
            depth += 1
        elif child.type == "strong_close":
            return _squeezed("".join(words))[:TEXT_LIMIT_CHARACTERS]
        elif depth:
            words.append(_piece(child))
        elif without_pictures(_piece(child)).strip(" []xX"):
            return ""
    return ""


def _piece(token: Token) -> str:
    if token.type == "code_inline":
        return f"`{token.content}`"
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    return token.content if token.type in {"text", "image"} else ""


def without_pictures(text: str) -> str:
    """`text` without emoji, arrows and dingbats."""
    return _squeezed("".join(c for c in text if not _PICTURES.match(c)))


def claim_of(text: str) -> bool | None:
    """What `text` says about itself by emoji or by being a mere status word: done, open, or nothing."""
    for character in text.replace(_VARIATION, ""):
        if character in DONE or character in OPEN:
            return character in DONE
    box = BOX_ALONE.fullmatch(text.strip())
    if box:
        return box["mark"] in {"x", "X"}
    word = _STATUS_WORD.match(without_pictures(text))
    return None if word is None else word["done"] is not None


def is_mere_status(text: str) -> bool:
    """Whether `text` says nothing but done or open: a box, a mark, a status word, or nothing at all."""
    rest = without_pictures(text)
    return not rest or BOX_ALONE.fullmatch(text.strip()) is not None or _STATUS_WORD.match(rest) is not None


def condition_of(text: str) -> str:
    """The words under which the line asks at all ("if needed"), or ""."""
    match = _CONDITION.search(text)
    return match[0].strip() if match else ""


def is_optional(*texts: str) -> bool:
    """Whether the team calls it optional or recommended, in the line or in its heading."""
    return any(_OPTIONAL.search(text) for text in texts)


def _squeezed(text: str) -> str:
    return " ".join(text.split())

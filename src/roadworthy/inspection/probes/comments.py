"""Code without its comments, or without what its strings say: what only speaks of a thing does not do it.

Everything stays at its line and column: what goes is turned to blanks. One pass over the text tells strings from
comments, so that a `//` in an address opens none and a quote in a comment closes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_QUOTES = r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'"
_TRIPLE = r"\"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z)|'{3}(?:\\.|[^\\])*?(?:'{3}|\Z)"
_BACKTICKS = r"`(?:\\.|[^`\\])*+(?:`|\Z)"
_SLASHED = r"(?<![:\\\w])//[^\n]*|/\*.*?(?:\*/|\Z)"
_HASHED = r"(?<!\S)#[^\n]*"
XML = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
"""Comments of HTML, XML and Markdown."""
TEMPLATES = re.compile(r"<!--.*?(?:-->|\Z)|\{#.*?(?:#\}|\Z)|<%#.*?(?:%>|\Z)", re.DOTALL)
"""Comments of pages that a server fills in."""
HASHED = re.compile(_HASHED)
"""Comments of shells, YAML and configuration files: from a # that stands by itself to the end of the line."""


def _lexer(strings: str, comments: str) -> re.Pattern[str]:
    return re.compile(f"(?P<comment>{comments})|(?P<string>{strings})", re.DOTALL | re.MULTILINE)


_C_LIKE = _lexer(f"{_TRIPLE}|{_QUOTES}|{_BACKTICKS}", _SLASHED)
_LEXERS: Mapping[str, re.Pattern[str]] = {
    "python": _lexer(f"{_TRIPLE}|{_QUOTES}", r"\#[^\n]*"),
    "ruby": _lexer(f"{_QUOTES}", rf"^=begin\b.*?(?:^=end\b[^\n]*|\Z)|{_HASHED}"),
    "php": _lexer(f"{_QUOTES}", rf"{_SLASHED}|{_HASHED}|<!--.*?(?:-->|\Z)"),
    "javascript": _lexer(f"{_QUOTES}|{_BACKTICKS}", rf"{_SLASHED}|<!--.*?(?:-->|\Z)"),
}


def blank(text: str, language: str) -> str:
    """`text` with its comments turned to blanks. `language`: as `sources.LANGUAGES` calls it; unknown ones as C's."""
    return _lexer_of(language).sub(lambda found: _blanked(found[0]) if found["comment"] else found[0], text)


def unquoted(text: str, language: str) -> str:
    """`text` with comments turned to blanks, and so what stands in strings of several words.

    Strings of a single word stay but in Python: elsewhere they name modules, which is no talk.
    """

    def away(found: re.Match[str]) -> str:
        words = found[0]
        if found["comment"] or language == "python":
            return _blanked(words)
        if not re.search(r"\s", words):
            return words
        return words[0] + _blanked(words[1:-1]) + words[-1]

    return _lexer_of(language).sub(away, text)


def without(text: str, comments: re.Pattern[str]) -> str:
    """`text` with what `comments` finds turned to blanks."""
    return comments.sub(lambda found: _blanked(found[0]), text)


def _lexer_of(language: str) -> re.Pattern[str]:
    return _LEXERS.get(language, _C_LIKE)


def _blanked(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)

"""Mistyped words: taken out of a search, and put back corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What follows a minus is left out of the search, and "or" joins: neither is ever mistaken for something else.
WORD = re.compile(r"(?<![\w-])[^\W\d_]{4,40}(?!\w)", re.UNICODE)
WORDS_MAX = 6


def questionable(text: str) -> list[str]:
    """The words of `text` that could be mistyped, in lower case: letters alone, four at least; `WORDS_MAX` of them."""
    return list(dict.fromkeys(word.lower() for word in WORD.findall(text)))[:WORDS_MAX]


def corrected(text: str, better: Mapping[str, str]) -> str:
    """`text` with words replaced by what `better` says of them; quotes, minus signs and all else stay."""
    return WORD.sub(lambda found: better.get(found[0].lower(), found[0]), text)

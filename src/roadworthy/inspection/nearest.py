"""What somebody may have meant who typed something that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKENESS_MIN = 0.5


def nearest(typed: str, known: Iterable[str], *, quotes: str = "") -> str:
    """`"; did you mean x?"`, or nothing where nothing is like it."""
    found = difflib.get_close_matches(typed, list(known), n=1, cutoff=LIKENESS_MIN)
    return f"; did you mean {quotes}{found[0]}{quotes}?" if found else ""

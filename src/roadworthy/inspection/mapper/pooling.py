"""How large a pool of connections a line asks for."""

from __future__ import annotations

import re

from roadworthy.inspection.mapper import readers
from roadworthy.inspection.mapper.readers import Params

_POOL_SIZES = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "min_size": r"\b(?:at least|min(?:imum)?\.?(?: of)?|no (?:less|fewer) than)\s+(\d{1,6})\b(?!\s*%)",
        "max_size": r"\b(?:at most|up to|max(?:imum)?\.?(?: of)?|no more than)\s+(\d{1,6})\b(?!\s*%)",
        "size": r"\bpool(?: size)?(?: of|:| is| =)? (\d{1,6})\b(?!\s*%)",
    }.items()
}
_RANGE = re.compile("(?<![\\w.=])(\\d{1,6})\\s?(?:-|\N{EN DASH}|to)\\s?(\\d{1,6})(?![\\w%])")


def sizes(text: str) -> Params:
    """As in "50-100 connections", "100 concurrent connections", "a pool of at least 50", "pool size 20"."""
    match = _RANGE.search(text)
    if match:
        return {"min_size": int(match[1]), "max_size": int(match[2])}
    if told := readers.given(text, name="size", what="connection_?limit"):
        return told
    for name, pattern in _POOL_SIZES.items():
        if match := pattern.search(text):
            return {name: int(match[1])}
    return readers.counted(text, name="max_size", what=r"connections?") if "pool_size" not in text else {}

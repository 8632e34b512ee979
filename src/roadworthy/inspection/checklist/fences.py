"""Code fences that were never closed, as in files that were cut or pasted together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from roadworthy.inspection.checklist.evidence import BLANK

_FENCE = re.compile(r"^(?P<mark>\s{0,12}(?:`{3,}|~{3,}))(?P<info>[^`]*)$")
_STRUCTURE = re.compile(r"^(?:\s*[-*+] \[[ xX]\] \S*[^=]*$|#{2,6} \S)")


def mended(lines: Sequence[str]) -> list[str]:
    """`lines` with a fence closed where the Markdown obviously goes on; their number stays.

    A fence is taken for unclosed when another one opens inside it, or the file ends. It then ends at the first empty
    line before a heading or a box.
    """
    result = list(lines)
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if not match:
            continue
        if opened is None:
            opened = (number, match["mark"])
        elif match["info"].strip():
            _close(result, opened, number)
            opened = (number, match["mark"])
        else:
            opened = None
    if opened is not None:
        _close(result, opened, len(lines))
    return result


def _close(lines: list[str], opened: tuple[int, str], end: int) -> None:
    start, mark = opened
    numbers = [number for number in range(start + 1, end) if lines[number] != BLANK]
    for number, following in itertools.pairwise(numbers):
        if not lines[number].strip() and _STRUCTURE.match(lines[following]):
            lines[number] = mark
            return

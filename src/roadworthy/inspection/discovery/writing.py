"""A target.toml as text: every part with the reason why it is there."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from roadworthy.inspection.discovery.parts import Part

WIDTH = 110
HEAD = """\
# What `roadworthy inspect` may look at. Written by `roadworthy target`, yours to edit: each part is optional, and what
# is missing leaves lines unknown. ${NAME} is taken from the environment, else from [config]: no secret stands here.
"""


def written(parts: Sequence[Part]) -> str:
    """The whole file."""
    return "\n".join([HEAD, *map(_part, parts)])


def _part(part: Part) -> str:
    said = part.why if part.found else f"Not found: {part.why}"
    comment = textwrap.wrap(said.replace("\n", " "), WIDTH, break_on_hyphens=False, break_long_words=False)
    lines = [f"[{part.name}]", *(f"{key} = {_value(value)}" for key, value in part.keys.items())]
    shown = lines if part.found else [f"# {line}" for line in lines]
    return "".join(f"{line}\n" for line in [*(f"# {line}" for line in comment), *shown])


def _value(value: str | int) -> str:
    """A value as TOML: its basic strings are written as JSON's are, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")

"""Rows of a table as lines of a checklist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from roadworthy.inspection.checklist import words
from roadworthy.inspection.model import Form, Item

_STATUS = re.compile(
    r"\b(?:status|state|done|result|pass(?:ed)?|ready|complete[d]?|ok|verdict)\b|^\W*[✅✔☑]|状态", re.IGNORECASE
)
_CLAIM = re.compile(
    r"\b(?:check|item|gate|criteri\w+|requirement|control|task|step|feature|component|area|target|goal|metric|what"
    r"|description|category|setting|variable|endpoint|test|expected|value)s?\b|检查|字段|标准|约束",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:owner|assignee|responsible|who|date|due|eta|priority|severity|effort|time|notes?|comments?|links?|evidence|verified"
    r"|by|phase|id|#|no\.?)\b|^#$|^\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: tuple[Token, ...]


def read(tokens: Sequence[Token], section: tuple[str, ...], context: tuple[str, ...]) -> tuple[int, list[Item]]:
    """The number of tokens that the table starting at `tokens[0]` takes, and an item a row of its body."""
    size = next(i for i, token in enumerate(tokens) if token.type == "table_close") + 1
    head, *body = _rows(tokens[:size])
    names = tuple(words.plain(cell) for cell in head.cells)
    status = next((i for i, name in enumerate(names) if _STATUS.search(name)), None)
    firm = status is not None and any(_CLAIM.search(name) for name in names)
    told = [i for i, name in enumerate(names) if i != status and not _ASIDE.search(name)]
    items = [item for row in body if (item := _item(row, told, status, section, context, firm=firm))]
    return size, items


def _rows(tokens: Sequence[Token]) -> Iterator[_Row]:
    cells: list[Token] = []
    line = 0
    for token in tokens:
        if token.type == "tr_open":
            cells, line = [], (token.map or [0])[0] + 1
        elif token.type == "inline":
            cells.append(token)
        elif token.type == "tr_close":
            yield _Row(line, tuple(cells))


def _item(
    row: _Row,
    told: Sequence[int],
    status: int | None,
    section: tuple[str, ...],
    context: tuple[str, ...],
    *,
    firm: bool,
) -> Item | None:
    texts = [words.plain(cell) for cell in row.cells]
    parts = [text for i in told if i < len(texts) and (text := words.without_pictures(texts[i]).strip(" -"))]
    if not parts or not any(c.isalnum() for c in "".join(parts)):
        return None
    state = texts[status] if status is not None and status < len(texts) else " ".join(texts)
    return Item(
        line=row.line,
        end_line=row.line,
        section=section,
        context=context,
        text=": ".join(parts[:3]),
        title=parts[0] if len(parts) > 1 else "",
        form=Form.TABLE,
        cell=-1 if status is None else status,
        box=_box(texts, status),
        claimed=words.claim_of(state),
        firm=firm,
    )


def _box(texts: Sequence[str], status: int | None) -> str | None:
    """What the status cell says, where it says nothing but a status: "x" or " "."""
    if status is None or status >= len(texts) or not words.is_mere_status(texts[status]):
        return None
    return "x" if words.claim_of(texts[status]) else " "

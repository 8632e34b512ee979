"""From Markdown to the lines of a checklist: which lines claim something, and what stands above each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from roadworthy.inspection.checklist import code, comments, tables, words
from roadworthy.inspection.errors import UnreadableChecklist
from roadworthy.inspection.model import Form, Item

BOX = re.compile(r"^\[(?P<mark> ?[xX] ?|\s?|✅|✔|✓|☑|❌|✗|-|~|/|\*)\](?:\s+|$|(?=[\w`*\"'(]))")
TICKS = frozenset("xX✅✔✓☑*")
ITEM_LIMIT = 5_000
LINE_LIMIT_CHARACTERS = 400
"""A bullet or sentence longer than this explains; it claims nothing that could be ticked."""
HEADING_LIMIT_CHARACTERS = 60
FEW_BOXES = 3
_CHECKLIST_WORDS = re.compile(
    r"check ?list|readiness|\bchecks?\b|requirements?|criteria|\bgates?\b|go.?live"
    r"|\bbefore (?:deploy|launch|release|prod)"
    r"|pre-?(?:deploy|launch|flight|prod)|post-?(?:deploy|launch)|must|verif|checkliste|liste de contr|清单",
    re.IGNORECASE,
)
_METADATA = re.compile(
    r"^(?:date|version|status|author|owner|last updated?|updated|reviewed|maintained|priority|time|issue|impact"
    r"|fix|files?|location|phase|purpose|target|assessment|prepared|approved|name|team|contact|legend|notes?|tip|stand|stack)\b"
    r"[^:]{0,20}:",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Reader:
    """Where the walk over the tokens stands."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    lead_in: str = ""
    ordered: list[bool] = field(default_factory=list)
    fresh_item: bool = False

    @property
    def section(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.headings)

    @property
    def context(self) -> tuple[str, ...]:
        return tuple(text for text in (self.lead_in, *self.parents) if text)


def read(lines: Sequence[str]) -> tuple[Item, ...]:
    """Every line of the Markdown text `lines` that claims something or may do so, in order, at most `ITEM_LIMIT`.

    Raises:
        UnreadableChecklist: more lines than that; a report on the first of them would look like one on all.
        InvalidOverride: a comment for the inspector that belongs to no line, or does not end.
    """
    bare, said = comments.parted(lines)
    tokens = MarkdownIt("commonmark", {"maxNesting": 60}).enable(["table", "strikethrough"]).parse("\n".join(bare))
    reader = _Reader()
    title = _title_of(tokens)
    position = 0
    while position < len(tokens):
        position += _step(reader, tokens, position, title)
    if len(reader.items) > ITEM_LIMIT:
        raise UnreadableChecklist(f"{len(reader.items)} lines that ask for something, over {ITEM_LIMIT}", "split it")
    return tuple(comments.attached(list(_with_firmness(reader.items, title)), said, bare))


def _step(reader: _Reader, tokens: Sequence[Token], position: int, title: str) -> int:
    """Read the token at `position`; the number of tokens that are done with it."""
    token = tokens[position]
    match token.type:
        case "heading_open":
            _enter_heading(reader, int(token.tag[1]), tokens[position + 1], title)
            return 3
        case "bullet_list_open" | "ordered_list_open":
            reader.ordered.append(token.type == "ordered_list_open")
        case "bullet_list_close" | "ordered_list_close":
            reader.ordered.pop()
            if not reader.ordered:
                reader.lead_in = ""
        case "list_item_open":
            reader.parents.append("")
            reader.fresh_item = True
        case "list_item_close":
            reader.parents.pop()
            reader.fresh_item = False
        case "inline":
            _read_inline(reader, token)
        case "fence" | "code_block":
            reader.items += code.read(token, reader.section, reader.context)
        case "table_open":
            size, rows = tables.read(tokens[position:], reader.section, reader.context)
            reader.items += rows
            return size
        case _:
            pass
    return 1


def _title_of(tokens: Sequence[Token]) -> str:
    """The document's own name: its only heading of the first level, which says nothing about single lines."""
    tops = [tokens[i + 1] for i, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h1"]
    return words.without_pictures(words.plain(tops[0])) if len(tops) == 1 else ""


def _enter_heading(reader: _Reader, level: int, inline: Token, title: str) -> None:
    text = words.without_pictures(words.plain(inline)).strip(" :#")
    reader.headings = [(above, name) for above, name in reader.headings if above < level]
    if text and not (level == 1 and text == title.strip(" :#")):
        reader.headings.append((level, text))
    reader.lead_in = ""


def _read_inline(reader: _Reader, token: Token) -> None:
    if reader.parents and reader.fresh_item:
        reader.fresh_item = False
        item = _list_item(reader, token)
        reader.parents[-1] = item.text if item else words.plain(token)
        reader.items += [item] if item else []
    else:
        reader.items += _sentences(reader, token)
        if not reader.parents:
            reader.lead_in = _lead_in(token)


def _list_item(reader: _Reader, token: Token) -> Item | None:
    raw = words.plain(token)
    box = BOX.match(raw)
    rest = raw[box.end() :] if box else raw
    text = words.without_pictures(rest).strip()
    if not _says_something(text) or (not box and _is_no_claim(text, token)):
        return None
    start, end = token.map or (0, 1)
    return Item(
        line=start + 1,
        end_line=end,
        section=reader.section,
        context=tuple(part for part in (reader.lead_in, *reader.parents[:-1]) if part),
        text=text,
        title=words.without_pictures(words.bold_start(token)).strip(" :"),
        form=Form.TASK if box else Form.NUMBER if reader.ordered[-1] else Form.BULLET,
        box=None if box is None else "x" if box["mark"].strip() and box["mark"].strip() in TICKS else " ",
        claimed=bool(box["mark"].strip()) and box["mark"].strip() in TICKS if box else words.claim_of(rest),
        firm=bool(box),
    )


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _is_no_claim(text: str, token: Token) -> bool:
    """Whether a bullet without a box is a link, a fact about the document, or an explanation."""
    children = token.children or ()
    outside_links = "".join(c.content for c in _outside_links(children) if c.type in {"text", "code_inline"})
    only_link = any(c.type == "link_open" for c in children) and not _says_something(outside_links)
    return only_link or len(text) > LINE_LIMIT_CHARACTERS or bool(_METADATA.match(text))


def _outside_links(children: Iterable[Token]) -> Iterator[Token]:
    depth = 0
    for child in children:
        depth += (child.type == "link_open") - (child.type == "link_close")
        if not depth:
            yield child


def _sentences(reader: _Reader, token: Token) -> Iterator[Item]:
    """The lines of a paragraph: each may claim something of its own ("**Capacity**: 1,000 users")."""
    start, end = token.map or (0, 1)
    pieces = token.content.split("\n")
    for offset, piece in enumerate(pieces if len(pieces) == end - start else ()):
        inline = MarkdownIt("commonmark").parseInline(piece)[0]
        text = words.without_pictures(words.plain(inline)).strip()
        if _says_something(text) and len(text) <= LINE_LIMIT_CHARACTERS and not _METADATA.match(text):
            yield Item(
                line=start + offset + 1,
                end_line=start + offset + 1,
                section=reader.section,
                context=reader.context,
                text=text,
                title=words.without_pictures(words.bold_start(inline)).strip(" :"),
                form=Form.PROSE,
                claimed=words.claim_of(piece),
                firm=False,
            )


def _lead_in(token: Token) -> str:
    """A paragraph that opens a list ("Use a CDN for:") or names it in bold; others stand for themselves."""
    text = words.without_pictures(words.plain(token)).strip()
    named = text == words.without_pictures(words.bold_start(token)) and len(text) <= HEADING_LIMIT_CHARACTERS
    return text.rstrip(" :") if text.endswith((":", "\N{FULLWIDTH COLON}")) or named else ""


def _with_firmness(items: Sequence[Item], title: str) -> Iterator[Item]:
    """In a document without boxes the bullets are the checklist, where its headings say that it is one."""
    boxes = sum(item.form is Form.TASK for item in items)
    for item in items:
        is_checklist = _CHECKLIST_WORDS.search(" ".join((title, *item.section)))
        listed = item.form in {Form.BULLET, Form.NUMBER} and not item.context
        yield replace(item, firm=True) if boxes < FEW_BOXES and listed and is_checklist and not item.firm else item

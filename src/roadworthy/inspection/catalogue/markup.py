"""What a page of HTML says to people, to machines that read it aloud, and to search engines. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

ELEMENTS_LIMIT = 5_000
UNLABELLED_TYPES = frozenset({"hidden", "submit", "button", "reset", "image"})
VOID = frozenset({"img", "input", "meta", "link", "br", "hr", "source", "area", "base", "col", "embed", "track", "wbr"})


@dataclass(slots=True)
class Markup:
    """A page: its language, title, named meta elements and links, and what on it has no words.

    `images` are sources without alt, `fields` names of inputs without a label, `silent` links and buttons without text.
    """

    language: str = ""
    title: str = ""
    meta: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    inline: str = ""
    styles: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    inputs: list[dict[str, str]] = field(default_factory=list)
    counted: int = 0


def read(text: str) -> Markup:
    """Read a page; broken HTML gives what could be read."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.done()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Markup()
        self._open: list[str] = []
        self._labelled: set[str] = set()
        self._waiting: list[tuple[str, str]] = []
        self._speaking: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.counted += 1
        if self.page.counted > ELEMENTS_LIMIT:
            return
        given = {name: value or "" for name, value in attrs}
        reader = getattr(self, f"_{tag}", None)
        if reader is not None:
            reader(given)
        if tag in {"a", "button"} and (tag == "button" or given.get("href")):
            self._speaking.append(
                [given.get("aria-label", "") or given.get("title", "") or given.get("aria-labelledby", "")]
            )
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"a", "button"} and self._speaking:
            words = "".join(self._speaking.pop()).strip()
            if not words:
                self.page.silent.append(tag)
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "title" and "svg" not in self._open:
            self.page.title += data.strip()
        elif inside == "script":
            self.page.inline += data
        elif inside == "style":
            self.page.styles += data
        elif inside in {"h1", "h2"} and data.strip():
            self.page.headings.append(inside)
        if self._speaking and inside not in {"script", "style"}:
            self._speaking[-1].append(data)

    def done(self) -> Markup:
        self.page.fields = [name for identity, name in self._waiting if not identity or identity not in self._labelled]
        return self.page

    def _html(self, given: dict[str, str]) -> None:
        self.page.language = given.get("lang", "")

    def _meta(self, given: dict[str, str]) -> None:
        name = (given.get("name") or given.get("property") or "").lower()
        if name:
            self.page.meta.setdefault(name, given.get("content", ""))

    def _link(self, given: dict[str, str]) -> None:
        for kind in given.get("rel", "").lower().split():
            self.page.links.setdefault(kind, given.get("href", ""))

    def _label(self, given: dict[str, str]) -> None:
        self._labelled.add(given.get("for", ""))

    def _img(self, given: dict[str, str]) -> None:
        if self._speaking:
            self._speaking[-1].append(given.get("alt", ""))
        if "alt" not in given and given.get("role") not in {"presentation", "none"} and "aria-label" not in given:
            self.page.images.append(given.get("src", "")[:80])

    def _svg(self, given: dict[str, str]) -> None:
        if self._speaking:
            self._speaking[-1].append(given.get("aria-label", ""))

    def _form(self, given: dict[str, str]) -> None:
        self.page.forms.append(given)

    def _input(self, given: dict[str, str]) -> None:
        self.page.inputs.append({**given, "in_form": str(len(self.page.forms))})
        if given.get("type", "text").lower() not in UNLABELLED_TYPES:
            self._field(given)

    def _select(self, given: dict[str, str]) -> None:
        self._field(given)

    def _textarea(self, given: dict[str, str]) -> None:
        self._field(given)

    def _field(self, given: dict[str, str]) -> None:
        spoken = given.get("aria-label") or given.get("aria-labelledby") or given.get("title")
        if not spoken and "label" not in self._open:
            self._waiting.append((given.get("id", ""), given.get("name") or given.get("id") or "a field"))

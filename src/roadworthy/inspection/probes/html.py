"""What a page of HTML refers to: scripts, styles, images, links. Nothing is run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

REFERENCES_LIMIT = 2_000
ELEMENTS_LIMIT = 20_000
PAGES_KEPT = 16


@dataclass(slots=True)
class Page:
    """References of a page in order of appearance. `elements` counts every start tag."""

    title: str = ""
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    elements: int = 0

    @property
    def assets(self) -> list[str]:
        """Scripts, styles and images."""
        return [*self.scripts, *self.styles, *self.images]


class _Enough(Exception):
    """The page has more elements than any that people made."""


@lru_cache(maxsize=PAGES_KEPT)
def parse(text: str) -> Page:
    """Read a page, once for all who ask; broken HTML gives what could be read, and one without end its beginning."""
    reader = _Reader()
    with suppress(_Enough):
        reader.feed(text)
        reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements += 1
        if self.page.elements > ELEMENTS_LIMIT:
            raise _Enough
        given = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title" and not self.page.title
        if self.page.elements > REFERENCES_LIMIT:
            return
        if tag == "script" and given.get("src"):
            self.page.scripts.append(given["src"])
        elif tag == "link" and given.get("href"):
            self._link(given)
        elif tag in {"img", "source"}:
            self._image(given)
        elif tag == "a" and given.get("href"):
            self.page.links.append(given["href"])

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.page.title += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def _link(self, given: dict[str, str]) -> None:
        kind = given.get("rel", "").lower()
        if "stylesheet" in kind:
            self.page.styles.append(given["href"])
        elif "modulepreload" in kind or given.get("as") == "script":
            self.page.scripts.append(given["href"])

    def _image(self, given: dict[str, str]) -> None:
        source = given.get("src") or given.get("srcset", "").split(" ")[0]
        if source and not source.startswith("data:"):
            self.page.images.append(source)

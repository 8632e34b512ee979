from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.unit.inspection.fakes import inspection, line
from tests.unit.inspection.reports.hostile import everything

from roadworthy.contracts.checks import Status
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import page
from roadworthy.inspection.reports.words import coverage_line

VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Every element and every attribute that a browser would see, and whether they are nested as written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader(page.render(everything()))


def test_what_is_hostile_is_text_and_nothing_else(read: Reader) -> None:
    assert not read.open
    assert {tag for tag, _ in read.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "h3", "h4", "section",
        "div", "strong", "svg", "rect", "ul", "ol", "li", "a", "pre", "code", "fieldset", "legend", "input", "label",
        "span", "details", "summary", "dl", "dt", "dd", "footer",
    }  # fmt: skip
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on") or name == "src"]
    assert any("<script>alert(1)</script>" in said for said in read.said)
    assert not set("".join(read.said)) & set("\x1b\x00\ufffe\u202e")
    page.encode(everything()).decode()


def test_it_asks_nobody_for_anything(read: Reader) -> None:
    addresses = [
        attrs.get(name) for _, attrs in read.tags for name in ("href", "action", "data", "srcset") if name in attrs
    ]
    assert all(address and address.startswith("#line-") for address in addresses)
    assert not re.search(r"url\(|@import", page.render(everything()))
    policy = next(attrs["content"] for tag, attrs in read.tags if tag == "meta" and "http-equiv" in attrs)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_links_lead_to_lines_that_are_there(read: Reader) -> None:
    ids = [str(attrs["id"]) for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(attrs["href"])[1:] for tag, attrs in read.tags if tag == "a"} <= set(ids)


def test_coverage_comes_first_then_what_to_mend_then_every_line() -> None:
    found = everything()
    text = page.render(found).partition("<body>")[2]
    order = [
        text.index(words)
        for words in (
            "refused",
            "do not hold",
            coverage_line(found),
            "<svg",
            "Mend first",
            "Every line",
        )
    ]
    assert order == sorted(order)
    assert text.count('<li class="line is-') == len(found.lines)


def test_backticks_of_a_line_are_code_and_what_stands_in_them_is_text() -> None:
    item = Item(1, (), "`SECRET_KEY` is set, `<b>` is not")
    said = page.render(inspection(line(item, Status.FAIL, mend="set it")))
    assert said.count("<code>SECRET_KEY</code> is set, <code>&lt;b&gt;</code> is not") == 2, "to mend, and in the list"


def test_every_status_can_be_filtered_for(read: Reader) -> None:
    shown = {str(attrs["id"]) for tag, attrs in read.tags if tag == "input"}
    assert shown == {"show-all", *(f"show-{status}" for status in Status)}
    style = page.render(everything())
    assert all(f"#show-{status}:checked) .line:not(.is-{status})" in style for status in Status)


def test_the_bar_is_full_and_in_order() -> None:
    bar = page.slices(everything().lines)
    assert [one.status for one in bar] == list(page.ORDER)
    assert bar[-1].start + bar[-1].width == pytest.approx(1000)
    assert page.slices(()) == []


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([Status.FAIL], "1 line does not hold."),
        ([Status.FAIL, Status.FAIL], "2 lines do not hold."),
        ([Status.PASS], "Everything holds."),
        ([Status.PASS, Status.UNKNOWN], "All that could be seen holds; 1 line could not be."),
        ([Status.UNKNOWN], "Nothing could be verified."),
    ],
)
def test_the_verdict_is_a_sentence(statuses: list[Status], words: str) -> None:
    assert page.verdict(inspection(*(line(Item(n, (), "x"), s) for n, s in enumerate(statuses)))) == words


def test_a_page_of_a_large_checklist_stays_a_page() -> None:
    many = inspection(*(line(Item(n, (f"Part {n // 20}",), f"Line {n}"), Status.PASS) for n in range(1, 500)))
    assert len(page.encode(many)) < 1_000_000


def test_what_nobody_asked_for_stands_on_the_page_as_text() -> None:
    told = line(Item(1, (), "x"), Status.FAIL, summary="<b>proxy</b> gives up first", mend="mend it")
    found = replace(inspection(line(Item(1, (), "x"), Status.PASS)), findings=told.answers)
    text = page.render(found)
    assert "Nobody asked, but" in text
    assert "&lt;b&gt;proxy&lt;/b&gt; gives up first" in text
    assert "Nobody asked" not in page.render(replace(found, findings=()))

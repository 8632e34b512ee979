"""Lines that no rule knows: what their heading, or the way they are put, says of anything at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.mapper import code
from roadworthy.inspection.mapper.phrases import Phrase, phrases
from roadworthy.inspection.mapper.readers import SUBJECT_LIMIT_CHARACTERS
from roadworthy.inspection.model import Form, Item, Requirement
from roadworthy.inspection.requirements import kind_of

LISTED = frozenset({Form.TASK, Form.BULLET, Form.NUMBER, Form.TABLE})
SUITES = frozenset({"test.unit", "test.integration", "test.e2e"})
BY_MACHINES = frozenset({Kind.MACHINE, Kind.DRILL})
_ROTATED = re.compile(r"\brotat", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:(?:verify|set|update|configure|add|ensure|check|define|provide|replace)\s+(?:that\s+)?)?"
    r"`(?-i:(?P<name>[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+))`",
    re.IGNORECASE,
)
_OBSERVES = re.compile(r"(?:verify|check|confirm|ensure|test|validate|watch|monitor|warm|no|zero|all)\b", re.IGNORECASE)
"""Such a line looks at something, and is no mere step of somebody."""
_COUNT = re.compile(r"\b\d+\+? (?:unit |test )?(?:tests?|cases|specs)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"^\W*(?:(?:phase|step|part|section|stage|day|week)\s+)?(?:\d+(?:\.\d+)*[.):]?\s*)?[:\W]*", re.IGNORECASE
)
_ASIDE = re.compile(r":\s.*$|\([^()]{0,300}\)|\s[-\N{EN DASH}\N{EM DASH}:]\s.*$|\scheck ?list$", re.IGNORECASE)


def requirement(item: Item) -> tuple[str, str]:
    """The id of what `item` asks, and why; two empty strings where nothing is said."""
    if item.form not in LISTED or not (item.firm or item.claimed is not None):
        return "", ""
    above = _of_heading(item)
    if above and kind_of(above[0]) in BY_MACHINES:
        return above
    for phrase in phrases("anything"):
        match = phrase.pattern.search(item.text)
        if match:
            return phrase.ids[0], f"'{match[0].strip()}'"
    return above or ("", "")


def leading_variable(item: Item) -> Requirement | None:
    """The setting that a line is about which begins with its name ("`CACHE_REGION` - where the cache runs")."""
    match = _LEADING.match(item.text) if item.firm else None
    return code.variable(match["name"], None) if match else None


def rotated(item: Item, one: Requirement) -> Requirement:
    """`one`, a secret by its name; where what stands above says that all of these are rotated, just that."""
    above = " ".join((*item.section[-1:], *item.context))
    if one.id in {"sec.secretkey", "sec.apikeys"} and _ROTATED.search(above):
        return Requirement("sec.rotate", {"subject": item.text[:SUBJECT_LIMIT_CHARACTERS]}, one.why)
    return one


def suite(item: Item) -> bool:
    """Whether the line counts tests ("PaymentService (12 tests)") under the heading of a suite, whatever these test."""
    above = _of_heading(item) if item.firm and item.form in LISTED and _COUNT.search(item.text) else None
    return bool(above and above[0] in SUITES)


def _of_heading(item: Item) -> tuple[str, str] | None:
    for heading in _headings(item):
        found = next((one for one in phrases("headings") if _is_whole(one, heading)), None)
        if found and not (found.ids[0] == "process.step" and _OBSERVES.match(item.text)):
            return found.ids[0], f"under '{heading}'"
    return None


def _headings(item: Item) -> Iterator[str]:
    """What leads in, and the nearest heading, without their numbers and asides."""
    for above in (*item.context[:1], *item.section[-1:]):
        yield _ASIDE.sub("", _NUMBER.sub("", above)).strip(" :.-*")


def _is_whole(phrase: Phrase, heading: str) -> bool:
    return phrase.pattern.fullmatch(heading) is not None

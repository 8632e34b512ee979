"""The search form of the board: what was asked, in words and in addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from roadworthy.apps.hiring import wording
from roadworthy.apps.hiring.browsing.placenames import Place
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.chassis.pages.forms import Filled
from roadworthy.chassis.web.paging import CursorText

PATH = "/jobs"
# What goes when a filter goes.
FOLLOWS = {"salary_min": ("salary_period",), "city": ("miles",), "q": ("sort", "exact")}
PAGING = frozenset(("limit", "cursor", "before"))
HOURLY_MAX = 1_000  # a smaller number is a wage, a larger one a salary
HINTS = {
    "q": "Search words can have 200 characters at most.",
    "state": "A state is named by its two letters, such as CA.",
    "salary_min": "Pay takes whole dollars, such as 25 an hour or 60000 a year.",
    "salary_period": "Pay is by the hour or by the year.",
    "miles": "A distance is 1 to 100 whole miles, from a city.",
    "employment_type": "Terms are full_time, part_time, contract or temporary.",
    "posted": "Published takes 24h, 3d, 7d or 30d.",
    "sort": "The order is best or newest.",
    "exact": "Exact is true or false.",
    "experience": "Experience is entry, mid, senior or lead.",
    "remote": "Remote is true or false.",
    "featured": "Featured is true or false.",
    "city": "That city could not be read. Type its name, such as Austin, TX.",
    "company": "That company could not be read.",
    "cursor": "That link to a page of the list no longer works. Start from the first page.",
    "before": "That link to a page of the list no longer works. Start from the first page.",
}


Order: TypeAlias = Literal["best", "newest"]
MILES = (10, 25, 50, 100)


class SearchQuery(JobQuery, frozen=True):
    """What the search page takes: the API's filters, the way back in the list, and the order of what has the words."""

    before: CursorText | None = None
    sort: Order | None = None
    exact: bool | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the address without it."""

    text: str
    without: str


@dataclass(slots=True)
class Search:
    """One visit to the search page."""

    query: SearchQuery
    given: dict[str, str]
    errors: dict[str, str]
    place: Place | None = None
    company: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    def heading(self) -> str:
        """`Remote senior jobs for “massage” in Austin, TX`; without filters `All open jobs`."""
        if not self.parameters:
            return "All open jobs"
        level = wording.level(self.query.experience).lower() if self.query.experience else ""
        parts = [
            "remote" if self.query.remote else "",
            wording.terms(self.query.employment_type).lower() if self.query.employment_type else "",
            level,
            "jobs",
            f"for “{self.query.q}”" if self.query.q else "",
            f"at {self.company}" if self.company else "",
            self._where(),
            f"published {wording.POSTED[self.query.posted].lower()}" if self.query.posted else "",
        ]
        text = " ".join(part for part in parts if part)
        return text[0].upper() + text[1:]

    def _where(self) -> str:
        if self.place is None:
            return ""
        return (
            f"within {self.query.miles} miles of {self.place.label}" if self.query.miles else f"in {self.place.label}"
        )

    @property
    def is_ranked(self) -> bool:
        """Whether the best matches come first, not the newest."""
        return self.query.q is not None and self.query.sort != "newest"

    def address(self, *without: str, **changed: str) -> str:
        """The address of this search with some filters changed or left out."""
        kept = {name: value for name, value in self.parameters.items() if name not in without}
        return address(kept | changed)

    def panel_count(self) -> int:
        """How many filters of the panel are on; words and place stand in the search bar, for all to see."""
        return sum(
            name in self.parameters
            for name in ("employment_type", "experience", "posted", "salary_min", "remote", "miles")
        )

    def chips(self) -> list[Chip]:
        """Every filter that is on."""
        named = {
            "q": f"“{self.query.q}”",
            "state": self.place.state.name if self.place else "",
            "city": self.place.label if self.place else "",
            "miles": f"Within {self.query.miles} miles",
            "company": self.company or "",
            "employment_type": wording.terms(self.query.employment_type or ""),
            "posted": wording.POSTED.get(self.query.posted or "", ""),
            "experience": wording.level(self.query.experience or ""),
            "salary_min": f"Pays ${self.query.salary_min or 0:,} {wording.PERIODS.get(self.query.salary_period or '')}",
            "remote": "Remote" if self.query.remote else "On site",
            "featured": "Featured" if self.query.featured else "Not featured",
        }
        return [
            Chip(named[name], self.address(name, *FOLLOWS.get(name, ()))) for name in self.parameters if name in named
        ]


def plain_dollars(text: str) -> str:
    """`$60,000` -> `60000`."""
    return text.removeprefix("$").replace(",", "").strip()


def address(parameters: dict[str, str]) -> str:
    """`/jobs?...` for these filters."""
    return f"{PATH}?{urlencode(parameters, quote_via=quote)}" if parameters else PATH


def search_of(filled: Filled[SearchQuery]) -> Search:
    """The search that a form asks for: pay without a period gets the likely one, a period without pay is dropped."""
    query = msgspec.structs.replace(filled.query, **_pay(filled.query))
    if filled.query.city is not None:
        query = msgspec.structs.replace(query, state=None)
    elif "place" not in filled.given:  # which may turn out to be a city
        query = msgspec.structs.replace(query, miles=None)
    given = {name: getattr(query, name) for name in SearchQuery.__struct_fields__ if name not in PAGING}
    parameters = {name: _text(value) for name, value in given.items() if value is not None}
    return Search(query, filled.given, filled.errors, parameters=parameters)


def _pay(query: JobQuery) -> dict[str, str | None]:
    if query.salary_min is None:
        return {"salary_period": None}
    return {"salary_period": query.salary_period or ("hour" if query.salary_min < HOURLY_MAX else "year")}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

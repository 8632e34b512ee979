"""What the search page offers to narrow a search by, with how many jobs each choice would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roadworthy.apps.hiring import wording
from roadworthy.apps.hiring.facets.domain import Facets
from roadworthy.apps.hiring.jobs.search import Search

STATES_SHOWN = 8
Options = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that narrows the search."""

    text: str
    address: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Options of the form's selects as (value, text), and groups of links by their headings."""

    posted: Options
    employment_type: Options
    experience: Options
    links: dict[str, list[Choice]]

    @property
    def option_ids(self) -> list[str]:
        """What htmx puts new words into, option by option.

        Moving options from one select into another leaves the last one chosen, and a select that is replaced no longer
        triggers anything.
        """
        selects = {"posted": self.posted, "employment_type": self.employment_type, "experience": self.experience}
        return [f"#{name}-{value}:innerHTML," for name, options in selects.items() for value, _ in options if value]


def narrowing(search: Search, facets: Facets) -> Narrowing:
    """Numbers stand beside what is not chosen yet: of what is, the others were not counted."""
    query = search.query
    return Narrowing(
        posted=_options(wording.POSTED, _known(facets, facets.posted, query.posted), "Any time"),
        employment_type=_options(wording.TERMS, _known(facets, facets.employment_type, query.employment_type)),
        experience=_options(wording.LEVELS, _known(facets, facets.experience, query.experience)),
        links={heading: links for heading, links in _links(search, facets).items() if links},
    )


def _known(facets: Facets, counts: Mapping[str, int], chosen: str | None) -> Mapping[str, int]:
    return counts if facets.counted and chosen is None else {}


def _options(words: Mapping[str, str], counts: Mapping[str, int], nothing: str = "Any") -> Options:
    told = {value: f" ({counts[value]:,})" if value in counts else "" for value in words}
    return [("", nothing), *((value, f"{text}{told[value]}") for value, text in words.items())]


def _links(search: Search, facets: Facets) -> dict[str, list[Choice]]:
    found: dict[str, list[Choice]] = {}
    if not facets.counted:
        return found
    if search.place is None:
        found["By state"] = [
            Choice(each.state.name, search.address(state=each.state.code), each.jobs)
            for each in facets.states[:STATES_SHOWN]
        ]
    if search.query.salary_min is None:
        for period, steps in facets.salary_min.items():
            found[f"Pays {wording.PERIODS[period]}"] = [
                Choice(f"${int(least):,} or more", search.address(salary_min=least, salary_period=period), jobs)
                for least, jobs in steps.items()
                if jobs
            ]
    return found

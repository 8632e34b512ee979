from __future__ import annotations

import pytest

from roadworthy.apps.hiring.browsing.placenames import Place
from roadworthy.apps.hiring.jobs.pages import FORM
from roadworthy.apps.hiring.jobs.search import Search, search_of
from roadworthy.apps.hiring.places.domain import City, State

TEXAS = State("TX", "Texas")
AUSTIN = City(4, "Austin", "austin-tx")


def search(query_string: str) -> Search:
    return search_of(FORM.read(query_string.encode()))


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("", "/jobs"),
        ("q=&place=&remote=", "/jobs"),
        ("q=deep+tissue&utm_source=x", "/jobs?q=deep%20tissue"),
        ("salary_min=25", "/jobs?salary_min=25&salary_period=hour"),
        ("salary_min=60000", "/jobs?salary_min=60000&salary_period=year"),
        ("salary_min=30&salary_period=year", "/jobs?salary_min=30&salary_period=year"),
        ("salary_min=%2460,000", "/jobs?salary_min=60000&salary_period=year"),
        ("salary_period=year", "/jobs"),
        ("state=tx", "/jobs?state=TX"),
        ("remote=true&cursor=abc&before=def", "/jobs?remote=true"),
        ("state=TX&city=austin-tx", "/jobs?city=austin-tx"),
    ],
)
def test_the_address_of_a_search_holds_what_filters_and_nothing_else(asked: str, kept: str) -> None:
    assert search(asked).address() == kept


def test_the_heading_says_what_was_asked() -> None:
    assert search("").heading() == "All open jobs"
    asked = search("q=massage&experience=senior&remote=true&city=austin-tx")
    asked.place = Place(TEXAS, AUSTIN)
    assert asked.heading() == "Remote senior jobs for “massage” in Austin, TX"
    of_company = search("company=dew-spa")
    of_company.company = "Dew Spa"
    assert of_company.heading() == "Jobs at Dew Spa"


def test_every_filter_has_a_chip_that_takes_it_away() -> None:
    asked = search("q=massage&state=TX&salary_min=25&remote=true")
    asked.place = Place(TEXAS)
    assert asked.panel_count() == 2
    assert {chip.text: chip.without for chip in asked.chips()} == {
        "“massage”": "/jobs?state=TX&salary_min=25&salary_period=hour&remote=true",
        "Texas": "/jobs?q=massage&salary_min=25&salary_period=hour&remote=true",
        "Pays $25 an hour": "/jobs?q=massage&state=TX&remote=true",
        "Remote": "/jobs?q=massage&state=TX&salary_min=25&salary_period=hour",
    }


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("salary_min=lots", "salary_min"),
        ("salary_min=-5", "salary_min"),
        ("experience=guru", "experience"),
        ("state=texas", "state"),
        ("remote=maybe", "remote"),
        ("q=" + "x" * 201, "q"),
        ("cursor=" + "x" * 201, "cursor"),
        ("before=" + "x" * 201, "before"),
    ],
)
def test_a_mistake_is_told_in_words_beside_its_field(asked: str, field: str) -> None:
    errors = search(asked).errors
    assert list(errors) == [field]
    assert errors[field].endswith(".")
    assert "^" not in errors[field]

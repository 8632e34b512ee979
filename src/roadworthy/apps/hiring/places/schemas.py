"""What clients of the places API send and receive."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from roadworthy.apps.hiring.places.domain import State
from roadworthy.chassis.web.paging import Limit

StateCode: TypeAlias = Annotated[
    str, Meta(min_length=2, max_length=2, pattern="^[A-Z]{2}$", description="a state, by its two letters")
]
Slug: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
NameStart: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, description="how the name begins")]


class PlaceQuery(msgspec.Struct, frozen=True):
    """Filters of a list of places; with `state`, it holds that state's cities."""

    q: NameStart | None = None
    state: StateCode | None = None
    limit: Limit = 20


class StatePlace(msgspec.Struct, frozen=True, tag_field="kind", tag="state"):
    """A state."""

    code: str
    name: str


class CityPlace(msgspec.Struct, frozen=True, tag_field="kind", tag="city"):
    """A city and its state."""

    id: int
    name: str
    slug: str
    state: State


class PlaceList(msgspec.Struct, frozen=True):
    """Places: states by name, then cities, the largest first."""

    items: list[StatePlace | CityPlace]

"""The first page: search, what is featured, where the jobs are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.domain import StateTally
from roadworthy.apps.hiring.browsing.service import Browsing
from roadworthy.apps.hiring.companies.schemas import CompanyQuery
from roadworthy.apps.hiring.companies.service import CompanyService
from roadworthy.apps.hiring.home.states import PLACES
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.apps.hiring.jobs.search import address
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.photos.service import Photos
from roadworthy.chassis.pages.rendering import Pages

FEATURED = 8
BEST = 8
# Words that visitors of a board for spas look for; each finds hundreds of jobs in the demo data.
POPULAR = (
    "Massage therapist",
    "Esthetician",
    "Front desk",
    "Nail technician",
    "Sauna",
    "Spa manager",
    "Nurse injector",
)
# A tile's shade: how many of the jobs of the fullest state there must be, least first.
SHADES = (0.02, 0.06, 0.15, 0.35, 0.7)


@dataclass(frozen=True, slots=True)
class Tile:
    """A state on the map: its place, counted from 1, and its shade from 0 to 5."""

    tally: StateTally
    column: int
    row: int
    shade: int


class HomePage:
    """The board at a glance."""

    def __init__(
        self, pages: Pages, jobs: JobService, companies: CompanyService, *, browsing: Browsing, photos: Photos
    ) -> None:
        """Take the renderer, and the services to ask."""
        self._photos = photos
        self._pages = pages
        self._jobs = jobs
        self._companies = companies
        self._browsing = browsing

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of this page."""

        @get("/", name="home")
        async def home() -> Response[Any]:
            return await self.home()

        return [home]

    async def home(self) -> Response[Any]:
        """The first page."""
        featured, states, companies, best = await asyncio.gather(
            self._jobs.jobs(Audience.PUBLIC, JobQuery(featured=True, limit=FEATURED)),
            self._browsing.states(Audience.PUBLIC),
            self._browsing.companies(Audience.PUBLIC),
            self._companies.companies(Audience.PUBLIC, CompanyQuery(limit=BEST)),
        )
        return self._pages.response(
            "home/home.html",
            featured=featured.items,
            tiles=tiles(states),
            jobs=sum(tally.jobs for tally in states),
            companies=companies,
            best=best.items,
            pictures=await self._photos.firsts([company.id for company in best.items]),
            popular=POPULAR,
            address=address,
        )


def tiles(states: list[StateTally]) -> list[Tile]:
    """States in reading order of the map; one that has no place on it is left to the search."""
    placed = [
        Tile(tally, *PLACES[tally.state.code], sum(tally.share >= least for least in SHADES))
        for tally in states
        if tally.state.code in PLACES
    ]
    return sorted(placed, key=lambda tile: (tile.row, tile.column))

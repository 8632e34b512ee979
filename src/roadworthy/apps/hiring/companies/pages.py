"""The list of companies, and the page of a company."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.placenames import UNKNOWN_PLACE, Place
from roadworthy.apps.hiring.browsing.service import Browsing
from roadworthy.apps.hiring.companies.domain import Company
from roadworthy.apps.hiring.companies.schemas import CompanyPage, CompanyQuery
from roadworthy.apps.hiring.companies.service import CompanyService
from roadworthy.apps.hiring.jobs.schemas import JobQuery
from roadworthy.apps.hiring.jobs.search import address as jobs_address
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.photos.service import Photos
from roadworthy.chassis.errors import InvalidParameter
from roadworthy.chassis.pages.forms import Form
from roadworthy.chassis.pages.pictures import Picture
from roadworthy.chassis.pages.rendering import Pages

PATH = "/companies"
HINTS = {
    "q": "A name can have 100 characters at most.",
    "state": "A state is named by its two letters, such as CA.",
    "city": "That city could not be read. Type its name, such as Austin, TX.",
    "industry": "Choose a kind of company from the list.",
    "cursor": "That link to a page of the list no longer works. Start from the first page.",
}
FORM = Form(CompanyQuery, hints=HINTS, cleaned={"state": str.upper}, also=("place",))
CARDS = 24
JOBS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a company: a photo, or the address of a drawing; at least one of them."""

    shows: str
    picture: Picture | None
    drawing: str | None


@dataclass(slots=True)
class Visit:
    """One visit to the list of companies."""

    query: CompanyQuery
    given: dict[str, str]
    errors: dict[str, str]
    place: Place | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The filters that are on."""
        names = ("q", "city", "industry") if self.query.city else ("q", "state", "industry")
        return {name: value for name in names if (value := getattr(self.query, name)) is not None}

    def address(self, *without: str, **changed: str) -> str:
        """The address of this list with some filters changed or left out."""
        kept = {name: value for name, value in self.parameters.items() if name not in without} | changed
        return f"{PATH}?{urlencode(kept, quote_via=quote)}" if kept else PATH

    def heading(self) -> str:
        """`Day spa companies in Texas`; without filters `Companies that hire`."""
        if not self.parameters:
            return "Companies that hire"
        kind = f"{self.query.industry}: companies" if self.query.industry else "Companies"
        called = f" called “{self.query.q}”" if self.query.q else ""
        return f"{kind}{called}{f' in {self.place.label}' if self.place else ''}"


class CompanyPages:
    """Pages over the company service."""

    def __init__(
        self, pages: Pages, companies: CompanyService, jobs: JobService, *, browsing: Browsing, photos: Photos
    ) -> None:
        """Take the renderer, and the services to ask."""
        self._photos_of = photos
        self._pages = pages
        self._companies = companies
        self._jobs = jobs
        self._browsing = browsing

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of these pages."""

        @get(PATH, name="companies")
        async def companies(request: Request[Any, Any, Any]) -> Response[Any]:
            return await self.companies(request.scope["query_string"])

        @get("/companies/{slug:str}", name="company")
        async def company(slug: FromPath[str]) -> Response[Any]:
            return await self.company(slug)

        return [companies, company]

    async def companies(self, query_string: bytes) -> Response[Any]:
        """The companies that the form asks for; what is wrong with the form stands beside its fields."""
        filled = FORM.read(query_string)
        visit = Visit(filled.query, filled.given, filled.errors)
        names = await self._browsing.place_names()
        if typed := filled.given.get("place"):
            place = names.find(typed)
            if place is not None:
                return Redirect(visit.address("city", "state", **place.parameters), status_code=303)
            visit.errors["place"] = UNKNOWN_PLACE.format(typed)
        if wanted := visit.query.city or visit.query.state:
            visit.place = names.of(state=visit.query.state, city=visit.query.city)
            if visit.place is None:
                visit.errors["place"] = UNKNOWN_PLACE.format(wanted)
        page = await self._page(visit)
        return self._pages.response(
            "companies/companies.html",
            status=HTTPStatus.BAD_REQUEST if visit.errors else HTTPStatus.OK,
            visit=visit,
            page=page,
            kinds=[("", "Any"), *((name, name) for name in await self._browsing.industries(Audience.PUBLIC))],
            here=PATH,
        )

    async def company(self, slug: str) -> Response[Any]:
        """A company, and its open jobs.

        Raises:
            CompanyNotFound: there is none with this slug.
        """
        company, jobs = await asyncio.gather(
            self._companies.company(Audience.PUBLIC, slug),
            self._jobs.jobs(Audience.PUBLIC, JobQuery(company=slug, limit=JOBS_SHOWN)),
        )
        return self._pages.response(
            "companies/company.html",
            company=company,
            photos=await self._photos(company),
            jobs=jobs.items,
            all_jobs=jobs_address({"company": company.slug}),
            canonical=f"{self._pages.site.public_url}{PATH}/{company.slug}",
            here=PATH,
        )

    async def _page(self, visit: Visit) -> CompanyPage:
        if visit.errors:
            return CompanyPage([], None)
        try:
            query = msgspec.structs.replace(
                visit.query, limit=CARDS, state=None if visit.query.city else visit.query.state
            )
            return await self._companies.companies(Audience.PUBLIC, query)
        except InvalidParameter:
            visit.errors["cursor"] = HINTS["cursor"]
            return CompanyPage([], None)

    async def _photos(self, company: Company) -> list[Shown]:
        """Each picture that the board has: photos that are ready, and drawings for those that are not yet."""
        stems = {name: name.rpartition(".")[0] for name in company.photos}
        ready = await self._photos_of.pictures(list(stems.values()))
        shown = (
            Shown(stem.replace("-", " "), ready.get(stem), self._pages.assets.find(f"hiring/photos/{name}"))
            for name, stem in stems.items()
        )
        return [each for each in shown if each.picture or each.drawing]

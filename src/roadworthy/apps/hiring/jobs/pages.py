"""The search page, and the page of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from markupsafe import Markup

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.domain import Tally
from roadworthy.apps.hiring.browsing.placenames import UNKNOWN_PLACE, PlaceNames
from roadworthy.apps.hiring.browsing.service import Browsing
from roadworthy.apps.hiring.facets.domain import UNCOUNTED, Facets
from roadworthy.apps.hiring.facets.schemas import FacetQuery
from roadworthy.apps.hiring.facets.service import LATER, FacetCounts
from roadworthy.apps.hiring.jobs.domain import Job, JobSummary
from roadworthy.apps.hiring.jobs.errors import JobNotFound
from roadworthy.apps.hiring.jobs.narrowing import narrowing
from roadworthy.apps.hiring.jobs.schemas import JobPage, JobQuery
from roadworthy.apps.hiring.jobs.search import HINTS, MILES, Search, SearchQuery, address, plain_dollars, search_of
from roadworthy.apps.hiring.jobs.service import JobService, cursor_at
from roadworthy.apps.hiring.photos.service import Photos
from roadworthy.apps.hiring.searching.schemas import JobSearchPage, JobSearchQuery
from roadworthy.apps.hiring.searching.service import Searching
from roadworthy.apps.hiring.views.service import ViewCounter
from roadworthy.chassis.edge.asgi import Scope
from roadworthy.chassis.errors import InvalidParameter
from roadworthy.chassis.pages.forms import Form
from roadworthy.chassis.pages.rendering import Pages
from roadworthy.chassis.pages.wording import iso, prose
from roadworthy.chassis.web.parameters import INT64_MAX

FORM = Form(SearchQuery, hints=HINTS, cleaned={"salary_min": plain_dollars, "state": str.upper}, also=("place",))
SIMILAR = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list: the jobs, the way on and back (None: there is none), and how many there are."""

    items: list[JobSummary]
    next: str | None = None
    previous: str | None = None
    tally: Tally | None = None
    shown: JobSearchPage | None = None
    facets: Facets = UNCOUNTED
    miles: Mapping[int, float] = field(default_factory=dict)


class JobPages:
    """Pages over the job service: what the API answers, for people."""

    def __init__(
        self,
        pages: Pages,
        jobs: JobService,
        *,
        searching: Searching,
        facets: FacetCounts,
        browsing: Browsing,
        views: ViewCounter,
        photos: Photos,
    ) -> None:
        """Take the renderer, the services to ask, and what counts views."""
        self._pages = pages
        self._jobs = jobs
        self._searching = searching
        self._facets = facets
        self._browsing = browsing
        self._views = views
        self._photos = photos

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of these pages."""

        @get("/jobs", name="jobs")
        async def results(request: Request[Any, Any, Any]) -> Response[Any]:
            return await self.results(request.scope["query_string"])

        @get("/jobs/{job_id:int}", name="job")
        async def job(request: Request[Any, Any, Any], job_id: FromPath[int]) -> Response[Any]:
            page = await self.job(job_id)
            self._views.seen(job_id, cast("Scope", request.scope))
            return page

        @get("/jobs/places", name="place-suggestions")
        async def suggestions(place: FromQuery[str] = "") -> Response[Any]:
            return await self.suggestions(place)

        return [results, job, suggestions]

    async def results(self, query_string: bytes) -> Response[Any]:
        """The list of jobs that the form asks for; what is wrong with the form stands beside its fields."""
        filled = FORM.read(query_string)
        names = await self._browsing.place_names()
        search = search_of(filled)
        if typed := filled.given.get("place"):
            place = names.find(typed)
            if place is not None:
                return Redirect(
                    search.address("city", "state", *(() if place.city else ("miles",)), **place.parameters),
                    status_code=303,
                )
            search.errors["place"] = UNKNOWN_PLACE.format(typed)
        self._name_place(search, names)
        listing = await self._listing(search) if not search.errors else Listing([])
        if not search.errors:
            listing = await self._around(search, listing, names)
        _name_company(search, listing)
        status = HTTPStatus.BAD_REQUEST if search.errors else HTTPStatus.OK
        # Whoever comes next has the numbers: a page without them is not kept for everybody.
        headers = {"cache-control": "no-store"} if listing.facets is LATER else None
        return self._pages.response(
            "jobs/results.html",
            status=status,
            headers=headers,
            search=search,
            listing=listing,
            narrow=narrowing(search, listing.facets),
            within=[(str(miles), f"{miles} miles") for miles in MILES],
            feed=search.address().replace("/jobs", "/jobs.atom", 1),
            here="/jobs",
        )

    async def job(self, job_id: int) -> Response[Any]:
        """A job, the company behind it, and what else that company offers.

        Raises:
            JobNotFound: there is none with this id.
        """
        if not 0 < job_id <= INT64_MAX:
            raise JobNotFound
        job = await self._jobs.job(Audience.PUBLIC, job_id)
        others = await self._jobs.jobs(Audience.PUBLIC, JobQuery(company=job.company.slug, limit=SIMILAR + 1))
        similar = [other for other in others.items if other.id != job.id][:SIMILAR]
        return self._pages.response(
            "jobs/job.html",
            job=job,
            similar=similar,
            photo=(await self._photos.firsts([job.company.id])).get(job.company.id),
            now=datetime.now(UTC),
            canonical=f"{self._pages.site.public_url}/jobs/{job.id}",
            posting=posting(job, self._pages.site.public_url),
            address=address,
            here="/jobs",
        )

    async def suggestions(self, text: str) -> Response[Any]:
        """Places that begin with `text`, as options of the place field."""
        names = await self._browsing.place_names()
        return self._pages.response("jobs/suggestions.html", places=names.suggest(text))

    def _name_place(self, search: Search, names: PlaceNames) -> None:
        for name in ("city", "state"):
            wanted = getattr(search.query, name)
            if wanted is not None:
                search.place = names.of(state=search.query.state, city=search.query.city)
                if search.place is None:
                    search.errors["place"] = UNKNOWN_PLACE.format(wanted)
                return

    async def _around(self, search: Search, listing: Listing, names: PlaceNames) -> Listing:
        """The numbers beside a list, and how far its jobs are."""
        words = listing.shown.searched if listing.shown else search.query.q
        wanted = {name: getattr(search.query, name) for name in FacetQuery.__struct_fields__} | {"q": words}
        facets = await self._facets.soon(Audience.PUBLIC, FacetQuery(**wanted))
        if facets.counted:
            tally = Tally(facets.jobs, exact=True)
        else:
            page = JobPage(listing.items, listing.next)
            tally = await self._browsing.tally(
                Audience.PUBLIC, msgspec.structs.replace(search.query, q=words, cursor=None), page
            )
        miles: dict[int, float] = {}
        if search.query.miles and search.place and search.place.city:
            here = search.place.city.id
            miles = {job.city.id: names.gazetteer.miles(here, job.city.id) for job in listing.items}
        return replace(listing, facets=facets, tally=tally, miles=miles)

    async def _ranked(self, search: Search) -> Listing:
        query = search.query
        wanted = {name: getattr(query, name) for name in JobSearchQuery.__struct_fields__ if name != "exact"}
        page = await self._searching.search(Audience.PUBLIC, JobSearchQuery(exact=bool(query.exact), **wanted))
        following = search.address(cursor=page.next_cursor) if page.next_cursor else None
        return Listing(page.items, following, search.address() if query.cursor else None, shown=page)

    async def _listing(self, search: Search) -> Listing:
        query = search.query
        try:
            if search.is_ranked:
                return await self._ranked(search)
            if query.before is not None:
                return await self._listing_before(search, query.before)
            page = await self._jobs.jobs(Audience.PUBLIC, query)
        except InvalidParameter:
            search.errors["cursor"] = HINTS["cursor"]
            return Listing([])
        previous = search.address(before=cursor_at(page.items[0])) if query.cursor and page.items else None
        following = search.address(cursor=page.next_cursor) if page.next_cursor else None
        return Listing(page.items, following, previous)

    async def _listing_before(self, search: Search, before: str) -> Listing:
        query = msgspec.structs.replace(search.query, cursor=before)
        page = await self._jobs.jobs_before(Audience.PUBLIC, query)
        if not page.items:
            return Listing([])
        previous = search.address(before=page.next_cursor) if page.next_cursor else None
        return Listing(page.items, search.address(cursor=cursor_at(page.items[-1])), previous)


def _name_company(search: Search, listing: Listing) -> None:
    slug = search.query.company
    if slug is not None:
        search.company = listing.items[0].company.name if listing.items else slug.replace("-", " ").title()


def posting(job: Job, site: str) -> Markup:
    """The job as schema.org's JobPosting, for search engines; safe inside a script element.

    It has everything that Google's job search requires, and what it recommends where the job says it: an end
    (`validThrough`), pay (`baseSalary`), whether the work is done from home.
    """
    company_address, address = f"{site}/companies/{job.company.slug}", f"{site}/jobs/{job.id}"
    document: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "JobPosting",
        "title": job.title,
        "description": str(prose(job.description)),
        "datePosted": iso(job.created_at),
        "employmentType": {"contract": "CONTRACTOR"}.get(job.employment_type, job.employment_type.upper()),
        "identifier": {"@type": "PropertyValue", "name": job.company.name, "value": str(job.id)},
        "hiringOrganization": {"@type": "Organization", "name": job.company.name, "url": company_address},
        "url": address,
        "jobLocation": {
            "@type": "Place",
            "address": {
                "@type": "PostalAddress",
                "addressLocality": job.city.name,
                "addressRegion": job.state.code,
                "addressCountry": "US",
            },
        },
    }
    if job.expires_at is not None:
        document["validThrough"] = iso(job.expires_at)
    if job.is_remote:
        document |= {
            "jobLocationType": "TELECOMMUTE",
            "applicantLocationRequirements": {"@type": "Country", "name": "USA"},
        }
    if job.salary_min is not None and job.salary_period is not None:
        document["baseSalary"] = {
            "@type": "MonetaryAmount",
            "currency": "USD",
            "value": {
                "@type": "QuantitativeValue",
                "minValue": job.salary_min,
                "maxValue": job.salary_max or job.salary_min,
                "unitText": job.salary_period.upper(),
            },
        }
    text = msgspec.json.encode(document).decode()
    return Markup(text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e"))  # noqa: S704  # JSON's own escapes

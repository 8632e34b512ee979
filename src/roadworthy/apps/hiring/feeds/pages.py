"""A feed of every search: what is new in it, for feed readers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.service import Browsing
from roadworthy.apps.hiring.feeds.documents import feed
from roadworthy.apps.hiring.jobs.pages import FORM
from roadworthy.apps.hiring.jobs.search import search_of
from roadworthy.apps.hiring.jobs.service import JobService

PATH = "/jobs.atom"
ATOM = "application/atom+xml"
ENTRIES = 30


class FeedPages:
    """Lists of jobs as feeds."""

    def __init__(self, jobs: JobService, browsing: Browsing, site_name: str, public_url: str) -> None:
        """Take the services to ask, and the name and the address of the site."""
        self._jobs = jobs
        self._browsing = browsing
        self._name = site_name
        self._site = public_url

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of the feeds."""

        @get(PATH, name="jobs-feed")
        async def jobs(request: Request[Any, Any, Any]) -> Response[Any]:
            return await self.jobs(request.scope["query_string"])

        return [jobs]

    async def jobs(self, query_string: bytes) -> Response[Any]:
        """The feed of a search; 400 in words for one that can't be read."""
        search = search_of(FORM.read(query_string))
        if search.errors:
            words = "\n".join(search.errors.values())
            return Response(words, media_type=MediaType.TEXT, status_code=HTTPStatus.BAD_REQUEST)
        names = await self._browsing.place_names()
        search.place = names.of(state=search.query.state, city=search.query.city)
        search.company = search.query.company and search.query.company.replace("-", " ").title()
        query = msgspec.structs.replace(search.query, limit=ENTRIES, cursor=None)
        page = await self._jobs.jobs(Audience.PUBLIC, query)
        address = search.address("sort", "exact")
        document = feed(
            f"{search.heading()} · {self._name}",
            here=f"{self._site}{address.replace('/jobs', PATH, 1)}",
            page=f"{self._site}{address}",
            site=self._site,
            jobs=page.items,
        )
        return Response(document, media_type=ATOM)

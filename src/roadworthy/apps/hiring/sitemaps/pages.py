"""robots.txt, and the sitemaps that it names."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.places.service import Places
from roadworthy.apps.hiring.sitemaps.documents import index, urlset
from roadworthy.apps.hiring.sitemaps.repository import SitemapRepository
from roadworthy.chassis.errors import NotFound

# Pages of a list beyond the first change by the minute, orders of it show the same jobs, and the API says it all again.
ROBOTS = """User-agent: *
Disallow: /api/
Disallow: /*cursor=
Disallow: /*before=
Disallow: /*sort=
Disallow: /*exact=

Sitemap: {}/sitemap.xml
"""
XML = "application/xml"
PART_MAX = 50_000  # as many as an index may name


class SitemapNotFound(NotFound):
    """There is no such sitemap."""


class SitemapPages:
    """What search engines ask for first."""

    def __init__(self, repository: SitemapRepository, places: Places, public_url: str) -> None:
        """Take where addresses are read, the places that lists are about, and the address of the site."""
        self._repository = repository
        self._places = places
        self._site = public_url

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of these documents."""

        @get("/robots.txt", name="robots", media_type=MediaType.TEXT, sync_to_thread=False)
        def robots() -> str:
            return ROBOTS.format(self._site)

        @get("/sitemap.xml", name="sitemap")
        async def sitemap() -> Response[Any]:
            return Response(await self.index(), media_type=XML)

        @get("/sitemaps/{name:str}", name="sitemap-part")
        async def part(name: FromPath[str]) -> Response[Any]:
            return Response(await self.part(name), media_type=XML)

        return [robots, sitemap, part]

    async def index(self) -> bytes:
        """The list of all parts."""
        jobs, companies = await self._repository.parts(Audience.PUBLIC)
        names = ["pages"]
        names += [f"companies-{number}" for number in range(1, companies + 1)]
        names += [f"jobs-{number}" for number in range(1, min(jobs, PART_MAX) + 1)]
        return index(f"{self._site}/sitemaps/{name}.xml" for name in names)

    async def part(self, name: str) -> bytes:
        """One part by its file's name: `pages.xml`, `companies-1.xml`, `jobs-7.xml`.

        Raises:
            SitemapNotFound: there is no part of this name, or nothing in it.
        """
        kind, _, number = name.removesuffix(".xml").partition("-")
        if name == "pages.xml":
            return await self._of_pages()
        if (
            kind not in {"jobs", "companies"}
            or not (number.isascii() and number.isdigit())
            or len(number) > len("50000")
        ):
            raise SitemapNotFound
        if kind == "jobs":
            jobs = await self._repository.jobs(Audience.PUBLIC, int(number))
            entries = [(f"{self._site}/jobs/{id_}", moment) for id_, moment in jobs]
        else:
            companies = await self._repository.companies(Audience.PUBLIC, int(number))
            entries = [(f"{self._site}/companies/{slug}", moment) for slug, moment in companies]
        if not entries and number != "1":
            raise SitemapNotFound
        return urlset(entries)

    async def _of_pages(self) -> bytes:
        states = (await self._places.current()).state_ids
        lists = [f"/jobs?state={code}" for code in states] + [f"/companies?state={code}" for code in states]
        return urlset(
            (f"{self._site}{path}", None) for path in ("/", "/jobs", "/jobs?remote=true", "/companies", *lists)
        )

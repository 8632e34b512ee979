"""The console of `roadworthy up`: for whoever runs it, on the machine that it runs on."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from roadworthy.chassis.errors import NotFound
from roadworthy.chassis.pages.rendering import HTML, Pages, Site
from roadworthy.chassis.service import Resources, Routes
from roadworthy.chassis.settings import Environment, Settings
from roadworthy.ops.console.inspections import HEIGHT, SHOWN, WIDTH, Inspections, trends

HERE = Path(__file__).parent
ENTRY = "/console"
PATH = f"{ENTRY}/inspections"
PRIVATE = {"cache-control": "no-store"}
# A report asks for nothing and runs nothing; its styles stand in the page itself.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; frame-ancestors 'none'"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class NoSuchInspection(NotFound):
    """There is no such inspection."""


def console(resources: Resources) -> Routes:
    """The console's HTTP face: in development alone, for nobody can sign in yet."""
    if resources.settings.environment is not Environment.DEVELOPMENT:
        return Routes()
    pages = _pages(resources.settings)
    return Routes(handlers=InspectionPages(pages, Inspections(resources.settings.state_dir)).handlers(), pages=pages)


def _pages(settings: Settings) -> Pages:
    site = Site(
        name="Roadworthy",
        tagline="What this service was found to be, by whoever runs it.",
        public_url=settings.public_url,
        links=((PATH, "Inspections"), ("/", "Job board")),
        stylesheet="console/console.css",
    )
    return Pages(site, templates={"console": HERE / "templates"}, static={"console": HERE / "static"})


class InspectionPages:
    """The history of inspections, and the report of each."""

    def __init__(self, pages: Pages, inspections: Inspections) -> None:
        """Take the renderer, and what to show."""
        self._pages = pages
        self._inspections = inspections

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of these pages."""

        @get(ENTRY, name="console", include_in_schema=False, sync_to_thread=False)
        def entry(request: Request[Any, Any, Any]) -> Redirect:
            only_from_here(request)
            return Redirect(PATH, headers=PRIVATE)

        @get(PATH, name="inspections", include_in_schema=False)
        async def inspections(request: Request[Any, Any, Any]) -> Response[Any]:
            only_from_here(request)
            return await self.history()

        @get(PATH + "/{name:str}", name="inspection", include_in_schema=False)
        async def inspection(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
            only_from_here(request)
            return await self.report(name)

        return [entry, inspections, inspection]

    async def history(self) -> Response[Any]:
        """The newest inspections, with a chart a checklist."""
        entries = await asyncio.to_thread(self._inspections.newest)
        return self._pages.response(
            "console/inspections.html",
            headers=PRIVATE,
            here=PATH,
            entries=entries,
            trends=trends(entries),
            path=PATH,
            kept=SHOWN,
            width=WIDTH,
            height=HEIGHT,
        )

    async def report(self, name: str) -> Response[Any]:
        """The page that the inspection wrote, as it wrote it."""
        body = await asyncio.to_thread(self._inspections.page, name)
        if body is None:
            raise NoSuchInspection
        return Response(body, media_type=HTML, headers=PRIVATE | {"content-security-policy": REPORT_POLICY})


def only_from_here(request: Request[Any, Any, Any]) -> None:
    """Return when this machine asks for itself, by a name of its own and through no proxy.

    The name is looked at because a page elsewhere can have its own name lead here, and then read the answer.

    Raises:
        NotFound: somebody else asks, who gets the answer that an address without anything gets.
    """
    asked = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    proxied = any(name in request.headers for name in FORWARDED)
    if proxied or not _is_loopback(request.client.host if request.client else "") or not _is_loopback(asked):
        raise NotFound


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback

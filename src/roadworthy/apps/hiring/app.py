"""The hiring app: a job board for spas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from roadworthy.apps.hiring.browsing.repository import BrowsingRepository
from roadworthy.apps.hiring.browsing.service import Browsing
from roadworthy.apps.hiring.companies.pages import CompanyPages
from roadworthy.apps.hiring.companies.repository import CompanyRepository
from roadworthy.apps.hiring.companies.routes import CompanyRoutes
from roadworthy.apps.hiring.companies.service import CompanyService
from roadworthy.apps.hiring.demo import load_demo
from roadworthy.apps.hiring.expiry.repository import ExpiryRepository
from roadworthy.apps.hiring.expiry.tasks import expiry_task
from roadworthy.apps.hiring.facets.repository import FacetRepository
from roadworthy.apps.hiring.facets.routes import FacetRoutes
from roadworthy.apps.hiring.facets.service import FacetCounts
from roadworthy.apps.hiring.feeds.pages import FeedPages
from roadworthy.apps.hiring.freshness import PAGES
from roadworthy.apps.hiring.home.pages import HomePage
from roadworthy.apps.hiring.jobs.pages import JobPages
from roadworthy.apps.hiring.jobs.repository import JobRepository
from roadworthy.apps.hiring.jobs.routes import JobRoutes
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.photos.pages import PhotoPages
from roadworthy.apps.hiring.photos.repository import PhotoRepository
from roadworthy.apps.hiring.photos.service import Photos
from roadworthy.apps.hiring.photos.tasks import photos_task
from roadworthy.apps.hiring.places.repository import PlaceRepository
from roadworthy.apps.hiring.places.routes import PlaceRoutes
from roadworthy.apps.hiring.places.service import Places
from roadworthy.apps.hiring.searching.repository import SearchRepository
from roadworthy.apps.hiring.searching.routes import SearchRoutes
from roadworthy.apps.hiring.searching.service import Searching
from roadworthy.apps.hiring.site import pages_of
from roadworthy.apps.hiring.sitemaps.pages import SitemapPages
from roadworthy.apps.hiring.sitemaps.repository import SitemapRepository
from roadworthy.apps.hiring.spelling.repository import SpellingRepository
from roadworthy.apps.hiring.spelling.service import Spelling
from roadworthy.apps.hiring.spelling.tasks import words_task
from roadworthy.apps.hiring.views.repository import SharedViews, ViewRepository
from roadworthy.apps.hiring.views.service import ViewCounter
from roadworthy.apps.hiring.views.tasks import drain_task
from roadworthy.chassis.service import AppManifest, Resources, Routes
from roadworthy.chassis.tasks.periodic import PeriodicTask


def routes(resources: Resources) -> Routes:
    """The app's HTTP face."""
    reader = resources.reader
    places = Places(PlaceRepository(resources.database))
    jobs = JobService(JobRepository(reader, places), places)
    companies = CompanyService(CompanyRepository(reader, places), places)
    views = ViewCounter(ViewRepository(resources.database), SharedViews(resources.shared) if resources.shared else None)
    spelling = Spelling(SpellingRepository(resources.database))
    searching = Searching(SearchRepository(reader, places), jobs, spelling)
    facets = FacetCounts(FacetRepository(resources.database, places), jobs)
    browsing = Browsing(BrowsingRepository(resources.database), jobs, places)
    photos = Photos(PhotoRepository(resources.database))
    pages = pages_of(resources.settings)
    handlers = [
        *HomePage(pages, jobs, companies, browsing=browsing, photos=photos).handlers(),
        *JobPages(
            pages, jobs, searching=searching, facets=facets, browsing=browsing, views=views, photos=photos
        ).handlers(),
        *CompanyPages(pages, companies, jobs, browsing=browsing, photos=photos).handlers(),
        *PhotoPages(photos).handlers(),
        *FeedPages(jobs, browsing, pages.site.name, pages.site.public_url).handlers(),
        *SitemapPages(SitemapRepository(resources.database), places, pages.site.public_url).handlers(),
    ]
    hot = (
        *JobRoutes(jobs, views).hot(),
        *SearchRoutes(searching).hot(),
        *FacetRoutes(facets).hot(),
        *CompanyRoutes(companies).hot(),
        *PlaceRoutes(places).hot(),
    )
    return Routes(hot=hot, handlers=handlers, pages=pages, running=[views.running()], policies=PAGES)


def tasks(resources: Resources) -> Sequence[PeriodicTask]:
    """What the worker does for the app."""
    database = resources.database
    found = [
        words_task(SpellingRepository(database)),
        expiry_task(ExpiryRepository(database)),
        photos_task(PhotoRepository(database)),
    ]
    if resources.shared is not None:  # else each web process adds its own views
        found.append(drain_task(SharedViews(resources.shared), ViewRepository(database)))
    return found


manifest = AppManifest(
    name="hiring", migrations=Path(__file__).parent / "migrations", routes=routes, tasks=tasks, demo=load_demo
)

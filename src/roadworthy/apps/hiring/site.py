"""The job board's face: its name, its links, its templates."""

from __future__ import annotations

from pathlib import Path

from roadworthy.apps.hiring import wording
from roadworthy.chassis.pages.rendering import Pages, Site
from roadworthy.chassis.settings import Settings

FOLDER = Path(__file__).parent
NAME = "SpaJobs"
TAGLINE = "Work in spas, salons and bathhouses across the United States."
FEATURES = ("home", "jobs", "companies")


def pages_of(settings: Settings) -> Pages:
    """The renderer of every page of the board."""
    docs = (("/docs", "API"),) if settings.docs_on else ()
    site = Site(
        name=NAME,
        tagline=TAGLINE,
        public_url=settings.public_url,
        links=(("/jobs", "Jobs"), ("/companies", "Companies")),
        footer_links=(("/jobs", "All jobs"), ("/jobs?remote=true", "Remote jobs"), ("/companies", "Companies"), *docs),
        stylesheet="hiring/board.css",
    )
    return Pages(
        site,
        templates={"hiring": FOLDER / "templates", **{name: FOLDER / name / "templates" for name in FEATURES}},
        static={"hiring": FOLDER / "static"},
        filters=wording.FILTERS,
        cdn_url=settings.cdn_url,
    )
